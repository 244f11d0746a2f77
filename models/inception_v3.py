"""InceptionV3 at 299 x 299 (Szegedy et al., arXiv:1512.00567).

The number of parameters is the one that the table of keras.applications has listed for it.
"""

from harness.prepare.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    module="inception_v3",
    application="InceptionV3",
    size=299,
    weights_file="inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
    description="InceptionV3, 299 x 299, 23.9 M parameters, 1000 classes",
    parameters=23_851_784,
)
