"""DeepLabv3 over MobileNetV2 at 512 x 512 for the 21 classes of Pascal VOC, as phones run it.

Without atrous pyramid and without decoder, output stride 16: the row "MNet V2, OS 16" of table 7 of the MobileNetV2
paper (arXiv:1801.04381), published with 2.11 M parameters. By these layers 2,113,557 are trainable; with the moving
statistics of batch normalisation Keras counts 2,146,645. The published graph takes 513 x 513 and enlarges its logits
with aligned corners; 512 is a multiple of the output stride, so that a standard layer enlarges them sixteenfold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.prepare.networks.deeplab_v3 import deeplab_v3
from harness.prepare.networks.weights import WEIGHTS_HELP, built, weights_files
from harness.prepare.recipe import BuiltModel, PublicData, Recipe
from harness.prepare.synthetic import natural_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE, CLASSES = 512, 21
CALIBRATION_SAMPLES = 10
HALF_SCALE = (127.5, 127.5, 127.5)


def _network(_: Mapping[str, str]) -> Any:
    return deeplab_v3(SIZE, CLASSES)


def _samples(count: int, seed: int) -> NDArray[np.float32]:
    return natural_images(count, SIZE, SIZE, seed=seed, value_range=(-1.0, 1.0))


def _build(options: Mapping[str, str]) -> BuiltModel:
    return built(_network, options, lambda: _samples(4, 2))


RECIPE = Recipe(
    description="DeepLabv3 over MobileNetV2, 512 x 512, 2.11 M parameters, 21 classes",
    input_shape=(SIZE, SIZE, 3),
    build=_build,
    representative=lambda: _samples(CALIBRATION_SAMPLES, 1),
    task=TaskSpec("segmentation", (("ignore", "255"), ("classes", str(CLASSES)))),
    options={"weights": WEIGHTS_HELP},
    depends_on=weights_files,
    network=_network,
    preprocessing=ImagePreprocessing(SIZE, SIZE, mean=HALF_SCALE, std=HALF_SCALE, resize="letterbox", pad_value=127.5),
    public_data=PublicData(
        reader="voc",
        layout="the folder VOCdevkit/VOC2012 with JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/val.txt",
        source="Pascal VOC 2012 (Everingham et al.), http://host.robots.ox.ac.uk/pascal/VOC/voc2012",
    ),
    parameters=2_146_645,
)
