"""Seeded synthetic speech features and token windows, for calibration without data. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMOOTHNESS = 0.9  # correlation of a cepstral coefficient with itself one frame later
PAD, CLS, SEP, FIRST_WORD = 0, 101, 102, 1000  # of BERT's uncased English vocabulary
QUESTION_TOKENS = (8, 20)


def mfcc_like(count: int, frames: int, features: int, *, seed: int) -> NDArray[np.float32]:
    """Features (count, frames, features) that move as cepstral coefficients do.

    Each is a first-order autoregressive series, the higher ones of smaller spread: neighbouring frames of speech share
    most of their samples, and the cosine transform puts most of the variance into the first coefficients. The spread
    of coefficient k is 10 / (1 + 0.5 k).
    """
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((frames, count, features)) * np.sqrt(1.0 - SMOOTHNESS**2)
    series = np.empty_like(steps)
    series[0] = rng.standard_normal((count, features))
    for frame in range(1, frames):
        series[frame] = SMOOTHNESS * series[frame - 1] + steps[frame]
    spread = 10.0 / (1.0 + 0.5 * np.arange(features))
    features_of_all: NDArray[np.float32] = (series.swapaxes(0, 1) * spread).astype(np.float32)
    return features_of_all


def with_deltas(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """`features` (count, frames, k), their first and second differences: (count, frames, 3 k).

    Each of the three blocks has zero mean and unit variance over a sample.
    """
    first = np.gradient(features, axis=1)
    blocks = (features, first, np.gradient(first, axis=1))
    return np.concatenate([_standardised(block) for block in blocks], axis=-1).astype(np.float32)


def _standardised(block: NDArray[np.floating]) -> NDArray[np.floating]:
    mean, spread = block.mean(axis=(1, 2), keepdims=True), block.std(axis=(1, 2), keepdims=True)
    standardised: NDArray[np.floating] = (block - mean) / spread
    return standardised


def with_context(features: NDArray[np.float32], context: int) -> NDArray[np.float32]:
    """`features` (count, frames, k) with `context` frames before and after each: (count, frames, 2 context + 1, k).

    What lies outside is zero.
    """
    padded = np.pad(features, ((0, 0), (context, context), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * context + 1, axis=1)
    return np.ascontiguousarray(windows.swapaxes(2, 3))


def token_windows(count: int, tokens: int, vocabulary: int, *, seed: int) -> tuple[NDArray[np.int32], ...]:
    """Token ids, mask and segments, each int32 (count, tokens), as BERT takes a question and a text.

    ``[CLS] question [SEP] text [SEP]`` and padding; words follow Zipf's law, which is near to what texts do. The first
    window is full, as a window of a long text is; the others end somewhere in the second half.
    """
    rng = np.random.default_rng(seed)
    ids, mask, segments = (np.zeros((count, tokens), np.int32) for _ in range(3))
    for row in range(count):
        question = int(rng.integers(*QUESTION_TOKENS))
        end = tokens if row == 0 else int(rng.integers(tokens // 2, tokens))
        ids[row, :end] = FIRST_WORD + (rng.zipf(1.2, end) - 1) % (vocabulary - FIRST_WORD)
        ids[row, 0], ids[row, question + 1], ids[row, end - 1] = CLS, SEP, SEP
        mask[row, :end] = 1
        segments[row, question + 2 : end] = 1
    return ids, mask, segments
