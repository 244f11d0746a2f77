"""MobileNetV1 1.0 at 224 x 224 (Howard et al., arXiv:1704.04861).

The number of parameters is the one that the table of keras.applications has listed for it.
"""

from harness.prepare.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    module="mobilenet",
    application="MobileNet",
    size=224,
    weights_file="mobilenet_1_0_224_tf.h5",
    description="MobileNetV1 1.0, 224 x 224, 4.25 M parameters, 1000 classes",
    parameters=4_253_864,
)
