"""HRNet for facial landmarks: a face of 256 x 256 to one 64 x 64 heatmap a landmark (arXiv:1904.04514).

Two sizes:

* ``w18_small`` (the default): branches of 18, 36, 72 and 144 channels, 1, 1 and 2 exchange modules of 2 blocks, one
  bottleneck block in the stem: 3,199,742 parameters with 98 marks, 12.8 MB as a float32 file. The published comparison
  of five quantization modes on an HRNet (SavedModel 19.8 MB, float16 6.6 MB, integer 3.4 to 3.6 MB) gives sizes but no
  layers: this is a reconstruction that meets those sizes, not that author's code.
* ``w18_full``: HRNetV2-W18, 1, 4 and 3 modules of 4 blocks. Published: 9.66 M parameters for 98 marks (Open Model Zoo,
  facial-landmarks-98-detection-0001) and 9.67 M for 68; the authors' own table says 9.3 M.

98 marks are those of WFLW; with ``points=68``, those of 300-W, whose reader is ``ibug``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.prepare.networks.hrnet import SMALL, W18, hrnet
from harness.prepare.networks.weights import WEIGHTS_HELP, built, choice_of, weights_files
from harness.prepare.recipe import BuiltModel, PublicData, Recipe
from harness.prepare.synthetic import natural_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE = 256
CALIBRATION_SAMPLES = 10
WIDTHS = {"w18_small": SMALL, "w18_full": W18}
POINTS = ("98", "68")
# The mean and spread of ImageNet's pixels, as the authors' code has them.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def _network(options: Mapping[str, str]) -> Any:
    width = choice_of(options, "width", WIDTHS, "w18_small")
    return hrnet(WIDTHS[width], SIZE, int(choice_of(options, "points", POINTS, "98")))


def _samples(count: int, seed: int) -> NDArray[np.float32]:
    pixels = natural_images(count, SIZE, SIZE, seed=seed, value_range=(0.0, 255.0))
    pixels -= MEAN
    pixels /= STD
    return pixels


def _build(options: Mapping[str, str]) -> BuiltModel:
    return built(_network, options, lambda: _samples(8, 2))


RECIPE = Recipe(
    description="HRNet for 98 or 68 facial landmarks, 256 x 256, 3.2 M parameters (9.7 M with width=w18_full)",
    input_shape=(SIZE, SIZE, 3),
    build=_build,
    representative=lambda: _samples(CALIBRATION_SAMPLES, 1),
    # No layout: by the number of points it is that of WFLW or of 300-W.
    task=TaskSpec("landmarks", (("output", "heatmaps"), ("normalise", "inter_ocular"), ("stride", "4"))),
    options={
        "points": "98 (the default) or 68 landmarks",
        "width": "w18_small (the default) or w18_full",
        "weights": WEIGHTS_HELP,
    },
    depends_on=weights_files,
    network=_network,
    preprocessing=ImagePreprocessing(SIZE, SIZE, mean=MEAN, std=STD),
    public_data=PublicData(
        reader="wflw",
        layout="a folder with WFLW_images/ and "
        "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt",
        source="Wider Facial Landmarks in-the-wild (Wu et al., CVPR 2018), "
        "https://wywu.github.io/projects/LAB/WFLW.html, for research",
    ),
    parameters=3_199_742,
)
