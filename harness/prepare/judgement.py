"""Is a converted file the model it was made from? Pure: arrays in, a figure and a sentence out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Floors of the signal to quantization noise ratio in dB. What right files reach (MobileNetV1 and V2, InceptionV3,
# ResNet101V2 with random weights, both converters): float32 91-104, float16 33-40, dynamic_range 14-19, int8 10-15,
# int16x8 10-19, weight_only_int8 16-20, int4 1-8; trained weights do better. A wrong file's outputs are unrelated to
# the source's: 0 or less.
SQNR_FLOOR_DB = {
    "float32": 40.0,
    "float16": 20.0,
    "dynamic_range": 5.0,
    "full_integer": 5.0,
    "int8": 5.0,
    "int16x8": 5.0,
    "weight_only_int8": 5.0,
    "weight_only_int4": 0.5,
    "dynamic_range_int4": 0.5,
}
# How far outputs must follow the input: cosine of the outputs' deviations from their mean over the samples. A file
# that ignores its input gives 0 even where the outputs of all samples are alike and its SQNR is high. Right: over 0.77.
FOLLOWING_FLOOR = 0.3
# Below this share of the outputs' energy the samples differ too little for the second test to mean anything.
MIN_VARYING_SHARE = 0.02


@dataclass(frozen=True)
class Agreement:
    """How near a file's outputs are to its source's; `following` is None when the samples cannot show it."""

    sqnr_db: float
    max_abs: float
    rmse: float
    cosine: float
    following: float | None
    samples: int
    finite: bool


def agreement(source: NDArray[np.float32], got: NDArray[np.float32]) -> Agreement:
    """Compare outputs (n, ...) of a file with its source's.

    SQNR is 10 log10(sum of squared deviations of the source's outputs from their mean, over the sum of squared errors):
    a constant offset that all outputs share is no signal.
    """
    reference, outputs = source.astype(np.float64), got.astype(np.float64)
    if not np.isfinite(outputs).all():
        return Agreement(-math.inf, math.inf, math.inf, 0.0, None, len(reference), finite=False)
    error = outputs - reference
    noise = float(np.square(error).sum())
    spread = float(np.square(reference - reference.mean()).sum()) or float(np.square(reference).sum())
    return Agreement(
        sqnr_db=math.inf if noise == 0 else 10 * math.log10(spread / noise) if spread > 0 else -math.inf,
        max_abs=float(np.abs(error).max()),
        rmse=math.sqrt(noise / error.size),
        cosine=_cosine(reference, outputs),
        following=_following(reference, outputs),
        samples=len(reference),
        finite=True,
    )


def objection(mode: str, found: Agreement) -> str:
    """Why the file, converted by `mode`, cannot be the model it was made from, or an empty string."""
    wrong = "converted file disagrees with its source: "
    if not found.finite:
        return wrong + "its outputs are NaN or infinite"
    floor = SQNR_FLOOR_DB[mode]
    if found.sqnr_db < floor:
        return (
            f"{wrong}SQNR {found.sqnr_db:.1f} dB, at least {floor:g} dB is expected of {mode} "
            f"(cosine {found.cosine:.3f}, max abs {found.max_abs:.3g}, {found.samples} samples)"
        )
    if found.following is not None and found.following < FOLLOWING_FLOOR:
        return f"{wrong}its outputs do not follow the input (correlation {found.following:.2f} over the samples)"
    return ""


def _following(reference: NDArray[np.float64], outputs: NDArray[np.float64]) -> float | None:
    varying = reference - reference.mean(axis=0)
    energy = float(np.square(reference).sum())
    if len(reference) < 2 or energy == 0 or float(np.square(varying).sum()) < MIN_VARYING_SHARE * energy:
        return None
    return _cosine(varying, outputs - outputs.mean(axis=0))


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if np.array_equal(one, other):
        return 1.0
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 0.0 if norms == 0 else float(np.dot(one.ravel(), other.ravel()) / norms)
