"""Mozilla's DeepSpeech 0.5.1, as it is exported for phones: 16 time steps unrolled, the LSTM's state in and out.

The geometry is that of the release (``n_input`` 26, ``n_context`` 9, ``n_hidden`` 2048, ``n_steps`` 16, an alphabet of
28 symbols and a blank) and of its static graph ``rnn_impl_static_rnn``: three dense layers a frame, an LSTM written out
step by step, a dense layer, and a dense layer to 29 logits (without the final softmax). By these layers 47,224,861
parameters; published are 47.2 million (Open Model Zoo, mozilla-deepspeech-0.6.1, of the same sizes).

One call hears 16 frames (0.32 s); each comes with the 9 before and the 9 after it, here in one row of 494 values (the
published input is the same values as 19 x 26). The error rate of an utterance needs the new state of one call as the
previous state of the next one; samples that are scored independently measure the output error only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import AudioPreprocessing, TaskSpec
from harness.prepare.networks.samples import mfcc_like, with_context
from harness.prepare.networks.speech import deepspeech
from harness.prepare.networks.weights import WEIGHTS_HELP, built, weights_files
from harness.prepare.recipe import BuiltModel, InputSpec, PublicData, Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS, CONTEXT, FEATURES, HIDDEN = 16, 9, 26, 2048
ALPHABET = " abcdefghijklmnopqrstuvwxyz'"
CALIBRATION_SAMPLES = 10


def _network(_: Mapping[str, str]) -> Any:
    return deepspeech(STEPS, (2 * CONTEXT + 1) * FEATURES, HIDDEN, len(ALPHABET) + 1)


def _samples() -> tuple[NDArray[np.float32], ...]:
    """Windows and states. The first state is zero, as at the beginning of an utterance."""
    frames = mfcc_like(CALIBRATION_SAMPLES, STEPS + 2 * CONTEXT, FEATURES, seed=1)
    windows = with_context(frames, CONTEXT)[:, CONTEXT : CONTEXT + STEPS]
    rng = np.random.default_rng(2)
    state_c = 0.5 * rng.standard_normal((CALIBRATION_SAMPLES, HIDDEN))
    state_c[0] = 0.0
    opened = 1.0 / (1.0 + np.exp(-rng.standard_normal(state_c.shape)))
    windows = windows.reshape(CALIBRATION_SAMPLES, STEPS, -1)
    return windows, state_c.astype(np.float32), (opened * np.tanh(state_c)).astype(np.float32)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return built(_network, options, _samples)


RECIPE = Recipe(
    description="DeepSpeech 0.5.1, 16 steps unrolled, state in and out, 47.2 M parameters, 29 symbols",
    input_shape=(),
    inputs=(
        InputSpec("features", (STEPS, (2 * CONTEXT + 1) * FEATURES)),
        InputSpec("previous_state_c", (HIDDEN,)),
        InputSpec("previous_state_h", (HIDDEN,)),
    ),
    outputs=("logits", "new_state_c", "new_state_h"),
    build=_build,
    representative=_samples,
    # The states that come out beside the logits are for the next window of 16 frames.
    task=TaskSpec(
        "speech",
        (("alphabet", ALPHABET), ("blank", str(len(ALPHABET))), ("leading", "cer"), ("scored_output", "0")),
    ),
    options={"weights": WEIGHTS_HELP},
    depends_on=weights_files,
    preprocessing=AudioPreprocessing(
        sample_rate_hz=16_000,
        feature="mfcc",
        features=FEATURES,
        frames=STEPS,
        window_s=0.032,
        hop_s=0.020,
        normalise=False,
        context=CONTEXT,
    ),
    public_data=PublicData(
        reader="librispeech",
        layout="the folder test-clean of <speaker>/<chapter>/*.flac, each chapter with its *.trans.txt; utterances "
        "must be cut into windows and their states carried on, prepared beforehand: the reader npz",
        source="LibriSpeech (Panayotov et al., ICASSP 2015), https://www.openslr.org/12, CC BY 4.0",
    ),
    parameters=47_224_861,
)
