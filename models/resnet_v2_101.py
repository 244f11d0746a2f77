"""ResNet101V2 at 224 x 224 (He et al., arXiv:1603.05027).

The number of parameters is the one that the table of keras.applications has listed for it.
"""

from harness.prepare.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    module="resnet_v2",
    application="ResNet101V2",
    size=224,
    weights_file="resnet101v2_weights_tf_dim_ordering_tf_kernels.h5",
    description="ResNet101V2, 224 x 224, 44.7 M parameters, 1000 classes",
    parameters=44_675_560,
)
