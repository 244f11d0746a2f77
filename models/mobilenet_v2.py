"""MobileNetV2 1.0 at 224 x 224 (Sandler et al., arXiv:1801.04381).

The number of parameters is the one that the table of keras.applications has listed for it.
"""

from harness.prepare.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    module="mobilenet_v2",
    application="MobileNetV2",
    size=224,
    weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
    description="MobileNetV2 1.0, 224 x 224, 3.54 M parameters, 1000 classes",
    parameters=3_538_984,
)
