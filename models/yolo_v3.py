"""YOLOv3 at 416 x 416 for the 80 classes of COCO (Redmon and Farhadi, arXiv:1804.02767).

62,001,757 parameters: the authors' ``yolov3.weights`` has 248,007,048 bytes, which are five 4-byte words of header and
62,001,757 floats; Keras ports print the same total. The outputs are the raw grids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.prepare.networks.weights import WEIGHTS_HELP, built, weights_files
from harness.prepare.networks.yolo_v3 import yolo_v3
from harness.prepare.recipe import BuiltModel, PublicData, Recipe
from harness.prepare.synthetic import natural_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE, CLASSES = 416, 80
CALIBRATION_SAMPLES = 10
# Width and height in pixels at 416, the finest grid's first (section 2.3 of the paper).
ANCHORS = "10,13 16,30 33,23 30,61 62,45 59,119 116,90 156,198 373,326"


def _network(_: Mapping[str, str]) -> Any:
    return yolo_v3(SIZE, CLASSES)


def _samples(count: int, seed: int) -> NDArray[np.float32]:
    return natural_images(count, SIZE, SIZE, seed=seed)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return built(_network, options, lambda: _samples(4, 2))


RECIPE = Recipe(
    description="YOLOv3, 416 x 416, 62.0 M parameters, 80 classes, three raw grids",
    input_shape=(SIZE, SIZE, 3),
    outputs=("grid_13", "grid_26", "grid_52"),
    build=_build,
    representative=lambda: _samples(CALIBRATION_SAMPLES, 1),
    task=TaskSpec(
        "detection",
        (("head", "yolo_v3"), ("anchors", ANCHORS), ("input_size", str(SIZE)), ("classes", str(CLASSES))),
    ),
    options={"weights": WEIGHTS_HELP},
    depends_on=weights_files,
    network=_network,
    preprocessing=ImagePreprocessing(SIZE, SIZE, std=(255.0, 255.0, 255.0), resize="letterbox"),
    public_data=PublicData(
        reader="coco",
        layout="a folder with val2017/*.jpg and annotations/instances_val2017.json",
        source="COCO 2017 validation images and annotations, https://cocodataset.org, annotations CC BY 4.0",
    ),
    parameters=62_001_757,
)
