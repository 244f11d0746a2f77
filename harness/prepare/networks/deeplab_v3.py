"""DeepLabv3 in its mobile form: MobileNetV2 with output stride 16, image pooling, and no atrous pyramid or decoder.

Sandler et al., "MobileNetV2", arXiv:1801.04381, section 6.3 and table 7; Chen et al., "Rethinking Atrous Convolution",
arXiv:1706.05587. The layer names of the backbone are those of ``keras.applications``.
"""

from __future__ import annotations

from typing import Any

from harness.prepare.keras_api import keras_api

# Expansion, channels, blocks, stride of the first, dilation of the rest. The last stride 2 of MobileNetV2 is 1 here,
# and what follows it is dilated instead: output stride 16.
STAGES = (
    (1, 16, 1, 1, 1),
    (6, 24, 2, 2, 1),
    (6, 32, 3, 2, 1),
    (6, 64, 4, 2, 1),
    (6, 96, 3, 1, 1),
    (6, 160, 3, 1, 2),
    (6, 320, 1, 1, 2),
)
OUTPUT_STRIDE = 16
HEAD_CHANNELS = 256


def deeplab_v3(size: int, classes: int) -> Any:
    """A Keras model: image (n, size, size, 3) in [-1, 1] to logits (n, size, size, classes)."""
    keras = keras_api()
    layers = keras.layers
    image = keras.Input((size, size, 3), name="image")
    network = _Network(layers)
    features = network.backbone(image)
    cells = size // OUTPUT_STRIDE
    pooled = network.normalised(layers.AveragePooling2D(cells)(features), HEAD_CHANNELS, "image_pooling")
    pooled = layers.UpSampling2D(cells, interpolation="bilinear")(pooled)
    local = network.normalised(features, HEAD_CHANNELS, "aspp0")
    mixed = network.normalised(layers.Concatenate()([pooled, local]), HEAD_CHANNELS, "concat_projection")
    logits = layers.Conv2D(classes, 1, name="logits")(mixed)
    return keras.Model(image, layers.UpSampling2D(OUTPUT_STRIDE, interpolation="bilinear")(logits), name="deeplab_v3")


class _Network:
    def __init__(self, layers: Any) -> None:
        self.layers = layers

    def batch_norm(self, x: Any, name: str) -> Any:
        return self.layers.BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)

    def normalised(self, x: Any, channels: int, name: str) -> Any:
        """A 1 x 1 convolution without bias, batch normalisation, ReLU."""
        x = self.layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="he_normal", name=name)(x)
        return self.layers.ReLU()(self.batch_norm(x, f"{name}_BN"))

    def backbone(self, image: Any) -> Any:
        """MobileNetV2 1.0 up to its last bottleneck, 320 channels."""
        x = self.layers.Conv2D(32, 3, 2, padding="same", use_bias=False, kernel_initializer="he_normal", name="Conv1")(
            image
        )
        x = self.layers.ReLU(6.0, name="Conv1_relu")(self.batch_norm(x, "bn_Conv1"))
        block = 0
        for expansion, channels, blocks, stride, dilation in STAGES:
            for index in range(blocks):
                # As the authors' implementation: the block whose stride became 1 is not dilated itself.
                first = index == 0 and channels == 160
                rate = 1 if first else dilation
                x = self.block(x, block, expansion, channels, stride if index == 0 else 1, rate)
                block += 1
        return x

    def block(self, x: Any, number: int, expansion: int, channels: int, stride: int, dilation: int) -> Any:
        """An inverted residual block."""
        layers, name = self.layers, f"block_{number}" if number else "expanded_conv"
        entry, width = x, x.shape[-1]
        if expansion > 1:
            x = layers.Conv2D(
                expansion * width, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_expand"
            )(x)
            x = layers.ReLU(6.0, name=f"{name}_expand_relu")(self.batch_norm(x, f"{name}_expand_BN"))
        x = layers.DepthwiseConv2D(
            3,
            stride,
            padding="same",
            dilation_rate=dilation,
            use_bias=False,
            depthwise_initializer="he_normal",
            name=f"{name}_depthwise",
        )(x)
        x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(self.batch_norm(x, f"{name}_depthwise_BN"))
        x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
        x = self.batch_norm(x, f"{name}_project_BN")
        return layers.Add(name=f"{name}_add")([entry, x]) if stride == 1 and width == channels else x
