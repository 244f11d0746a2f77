"""YOLOv3: Darknet-53 and three detection heads (Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 1804.02767).

Layer by layer as the authors' ``yolov3.cfg``: 75 convolutions, of which the last of each head has a bias and no batch
normalisation.
"""

from __future__ import annotations

from typing import Any

from harness.prepare.keras_api import keras_api

STAGES = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))  # channels and residual blocks of Darknet-53
LEAK = 0.1
# Of residual branches before training; Goyal et al., arXiv:1706.02677, section 5.1, begin at 0. With 1, so many random
# layers magnify every rounding: an int8 file of random weights had 1 dB of signal to noise, with 0.2 it has 6 to 9 dB.
BRANCH_SCALE = 0.2
ANCHORS_A_GRID = 3
STRIDES = (32, 16, 8)


def yolo_v3(size: int, classes: int) -> Any:
    """A Keras model: image (n, size, size, 3) in [0, 1] to three grids of raw values.

    The outputs are a dict ``grid_13``, ``grid_26``, ``grid_52`` (at 416; named by their cells a side), each
    (n, cells, cells, 3 * (5 + classes)): for each anchor x, y, width, height, objectness and the classes, before any
    sigmoid.
    """
    keras = keras_api()
    image = keras.Input((size, size, 3), name="image")
    network = _Network(keras)
    *_, fine, middle, coarse = network.darknet(image)
    outputs, depth = {}, ANCHORS_A_GRID * (5 + classes)
    x = coarse
    for stride, width, finer in zip(STRIDES, (512, 256, 128), (middle, fine, None), strict=True):
        x = network.neck(x, width)
        name = f"grid_{size // stride}"
        wide = network.convolution(x, 2 * width)
        outputs[name] = keras.layers.Conv2D(depth, 1, name=name)(wide)
        if finer is not None:
            x = network.joined(x, width // 2, finer)
    return keras.Model(image, outputs, name="yolo_v3")


class _Network:
    def __init__(self, keras: Any) -> None:
        self.layers = keras.layers
        self.is_legacy = keras.__name__ == "tf_keras"
        self.constant = keras.initializers.Constant

    def convolution(
        self, x: Any, channels: int, kernel: int = 3, *, halve: bool = False, first_scale: float = 1.0
    ) -> Any:
        """Convolution without bias, batch normalisation (its scale begins at `first_scale`), leaky ReLU."""
        layers = self.layers
        if halve:  # Darknet pads one pixel at the top and left
            x = layers.ZeroPadding2D(((1, 0), (1, 0)))(x)
        x = layers.Conv2D(
            channels,
            kernel,
            2 if halve else 1,
            padding="valid" if halve else "same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(x)
        x = layers.BatchNormalization(gamma_initializer=self.constant(first_scale))(x)
        return layers.LeakyReLU(LEAK)(x)

    def darknet(self, image: Any) -> list[Any]:
        """The output of every stage of Darknet-53, each of half the resolution of the one before."""
        x, stages = self.convolution(image, 32), []
        for channels, blocks in STAGES:
            x = self.convolution(x, channels, halve=True)
            for _ in range(blocks):
                inner = self.convolution(self.convolution(x, channels // 2, 1), channels, first_scale=BRANCH_SCALE)
                x = self.layers.Add()([x, inner])
            stages.append(x)
        return stages

    def neck(self, x: Any, width: int) -> Any:
        """Five convolutions, 1 x 1 and 3 x 3 in turn."""
        for channels, kernel in ((width, 1), (2 * width, 3), (width, 1), (2 * width, 3), (width, 1)):
            x = self.convolution(x, channels, kernel)
        return x

    def joined(self, x: Any, width: int, finer: Any) -> Any:
        """`x` at twice its resolution, beside the backbone's features of that resolution."""
        return self.layers.Concatenate()([self.doubled(self.convolution(x, width, 1)), finer])

    def doubled(self, x: Any) -> Any:
        """`x` at twice its resolution by the nearest neighbour, as one operator of the converted file.

        Keras 3 writes its `UpSampling2D` as reshapes and tiles; tensorflow-model-optimization knows no `Resizing`.
        """
        if self.is_legacy:
            return self.layers.UpSampling2D(2)(x)
        return self.layers.Resizing(2 * x.shape[1], 2 * x.shape[2], interpolation="nearest")(x)
