"""Wav2letter (Collobert et al., arXiv:1609.03193) as Arm published it: 296 frames of speech to 148 frames of letters.

The layers are those of Arm's ML-zoo (models/speech_recognition/wav2letter): one convolution of 48 with stride 2 and
seven of 7 over 250 channels, one of 32 and one of 1 over 2000, one of 1 to 29 symbols. That definition has 23,594,529
parameters, and the published int8 file 23,815,520 bytes. Here the softmax is left out and the height of 1 removed: the
output is (148, 29).

The 39 features of the published model are 13 cepstral coefficients and their first and second differences, each of the
three blocks standardised over the utterance (16 kHz, windows of 32 ms every 10 ms); 296 frames are 2.97 s. The symbols
are a to z, apostrophe, space, blank. `AudioPreprocessing` knows no differences: what the reader makes, 39 coefficients,
fits networks that were trained on it, not the published weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.accuracy import AudioPreprocessing, TaskSpec
from harness.prepare.networks.samples import mfcc_like, with_deltas
from harness.prepare.networks.speech import wav2letter
from harness.prepare.networks.weights import WEIGHTS_HELP, built, weights_files
from harness.prepare.recipe import BuiltModel, InputSpec, PublicData, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAMES, COEFFICIENTS = 296, 13
FEATURES = 3 * COEFFICIENTS
ALPHABET = "abcdefghijklmnopqrstuvwxyz' "
CALIBRATION_SAMPLES = 10


def _network(_: Mapping[str, str]) -> Any:
    return wav2letter(FRAMES, FEATURES, len(ALPHABET) + 1)


def _samples(count: int, seed: int) -> NDArray[np.float32]:
    return with_deltas(mfcc_like(count, FRAMES, COEFFICIENTS, seed=seed))


def _build(options: Mapping[str, str]) -> BuiltModel:
    return built(_network, options, lambda: _samples(1, 2))


RECIPE = Recipe(
    description="Wav2letter over 2.97 s of speech features, 23.6 M parameters, 29 symbols",
    input_shape=(),
    inputs=(InputSpec("features", (FRAMES, FEATURES)),),
    outputs=("logits",),
    build=_build,
    representative=lambda: _samples(CALIBRATION_SAMPLES, 1),
    task=TaskSpec("speech", (("alphabet", ALPHABET), ("blank", str(len(ALPHABET))))),
    options={"weights": WEIGHTS_HELP},
    depends_on=weights_files,
    network=_network,
    preprocessing=AudioPreprocessing(
        sample_rate_hz=16_000, feature="mfcc", features=FEATURES, frames=FRAMES, window_s=0.032, hop_s=0.010
    ),
    public_data=PublicData(
        reader="librispeech",
        layout="the folder test-clean of <speaker>/<chapter>/*.flac, each chapter with its *.trans.txt; options "
        "output_stride: 2, and longer: leave_out or cut. The published weights need their own features (coefficients "
        "with differences), prepared beforehand: the reader npz",
        source="LibriSpeech (Panayotov et al., ICASSP 2015), https://www.openslr.org/12, CC BY 4.0",
    ),
    parameters=23_594_529,
)
