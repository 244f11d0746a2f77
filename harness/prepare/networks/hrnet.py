"""HRNet for landmarks: parallel branches of four resolutions, exchanged again and again, and a heatmap a landmark.

Sun et al., "High-Resolution Representations for Labeling Pixels and Regions", arXiv:1904.04514, section 3 (HRNetV2: the
head sees all four resolutions) and section 4.4 (facial landmarks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.prepare.keras_api import keras_api

BRANCHES = 4
STEM_CHANNELS = 64
BOTTLENECK_EXPANSION = 4


@dataclass(frozen=True)
class HrnetSize:
    """How large an HRNet is.

    Attributes:
        widths: channels of the four branches, highest resolution first.
        modules: exchange modules of the stages 2, 3 and 4.
        blocks: residual blocks of a branch in a module.
        stem_blocks, stem_width: bottleneck blocks of stage 1, and their inner channels.
    """

    widths: tuple[int, ...]
    modules: tuple[int, int, int]
    blocks: int
    stem_blocks: int
    stem_width: int


SMALL = HrnetSize(widths=(18, 36, 72, 144), modules=(1, 1, 2), blocks=2, stem_blocks=1, stem_width=32)
W18 = HrnetSize(widths=(18, 36, 72, 144), modules=(1, 4, 3), blocks=4, stem_blocks=4, stem_width=64)


def hrnet(size: HrnetSize, input_size: int, points: int) -> Any:
    """A Keras model: image (n, s, s, 3) to heatmap logits (n, s / 4, s / 4, points)."""
    keras = keras_api()
    image = keras.Input((input_size, input_size, 3), name="image")
    network = _Network(keras.layers)
    x = network.convolution(image, STEM_CHANNELS, stride=2)
    x = network.convolution(x, STEM_CHANNELS, stride=2)
    for _ in range(size.stem_blocks):
        x = network.bottleneck(x, size.stem_width)
    branches = [x]
    for count, modules in zip(range(2, BRANCHES + 1), size.modules, strict=True):
        branches = network.transition(branches, size.widths[:count])
        for _ in range(modules):
            branches = network.exchange([network.blocks(branch, size.blocks) for branch in branches])
    return keras.Model(image, network.head(branches, points), name="hrnet")


class _Network:
    def __init__(self, layers: Any) -> None:
        self.layers = layers

    def convolution(self, x: Any, channels: int, kernel: int = 3, stride: int = 1, *, relu: bool = True) -> Any:
        """Convolution without bias, batch normalisation, ReLU."""
        layers = self.layers
        x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization()(x)
        return layers.ReLU()(x) if relu else x

    def bottleneck(self, x: Any, width: int) -> Any:
        channels = width * BOTTLENECK_EXPANSION
        shortcut = x if x.shape[-1] == channels else self.convolution(x, channels, 1, relu=False)
        x = self.convolution(self.convolution(x, width, 1), width)
        return self.sum_and_relu([self.convolution(x, channels, 1, relu=False), shortcut])

    def blocks(self, x: Any, count: int) -> Any:
        """`count` residual blocks of two 3 x 3 convolutions."""
        channels = x.shape[-1]
        for _ in range(count):
            inner = self.convolution(self.convolution(x, channels), channels, relu=False)
            x = self.sum_and_relu([inner, x])
        return x

    def transition(self, branches: list[Any], widths: tuple[int, ...]) -> list[Any]:
        """One branch more, of half the lowest resolution; the others only change their width where it differs."""
        kept = [
            branch if branch.shape[-1] == width else self.convolution(branch, width)
            for branch, width in zip(branches, widths, strict=False)
        ]
        return [*kept, self.convolution(branches[-1], widths[-1], stride=2)]

    def exchange(self, branches: list[Any]) -> list[Any]:
        """Every branch becomes the sum of all, each brought to its resolution."""
        widths = [branch.shape[-1] for branch in branches]
        targets = range(len(branches))
        return [
            self.sum_and_relu([self.brought(branch, source, target, widths) for source, branch in enumerate(branches)])
            for target in targets
        ]

    def brought(self, x: Any, source: int, target: int, widths: list[int]) -> Any:
        """Branch `source` at the resolution and width of `target`."""
        if source > target:
            x = self.convolution(x, widths[target], 1, relu=False)
            return self.enlarged(x, 2 ** (source - target))
        for step in range(source + 1, target + 1):
            last = step == target
            x = self.convolution(x, widths[target if last else source], stride=2, relu=not last)
        return x

    def head(self, branches: list[Any], points: int) -> Any:
        """All branches at the highest resolution, mixed, to one channel a landmark."""
        layers = self.layers
        x = layers.Concatenate()([self.enlarged(branch, 2**index) for index, branch in enumerate(branches)])
        x = self.convolution(x, x.shape[-1], 1)
        return layers.Conv2D(points, 1, name="heatmaps")(x)

    def enlarged(self, x: Any, factor: int) -> Any:
        return x if factor == 1 else self.layers.UpSampling2D(factor, interpolation="bilinear")(x)

    def sum_and_relu(self, tensors: list[Any]) -> Any:
        return self.layers.ReLU()(self.layers.Add()(tensors))
