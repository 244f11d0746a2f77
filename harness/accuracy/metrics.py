"""Distances of outputs from a reference. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.domain import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def output_error(outputs: NDArray[Any], reference: NDArray[Any]) -> OutputError:
    """The distance of (n, ...) outputs from a (n, ...) reference on the same n inputs, computed in float64.

    The cosine of two all-zero arrays is 1, of one all-zero array 0.

    Raises:
        ValueError: the shapes differ, there are no samples, or a value is NaN or infinite.
    """
    outputs, reference = np.asarray(outputs), np.asarray(reference)
    if outputs.shape != reference.shape:
        raise ValueError(f"outputs of shape {outputs.shape} cannot be compared with a reference of {reference.shape}")
    if outputs.ndim == 0 or outputs.size == 0:
        raise ValueError("there are no outputs to compare")
    a, b = outputs.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    for name, values in (("outputs", a), ("reference", b)):
        if not np.isfinite(values).all():
            raise ValueError(f"the {name} hold {int((~np.isfinite(values)).sum())} NaN or infinite values")
    error = a - b
    return OutputError(
        max_abs=float(np.abs(error).max()),
        rmse=_rms(error),
        cosine=_cosine(a, b),
        samples=outputs.shape[0],
        reference_rms=_rms(b),
    )


def _rms(values: NDArray[np.float64]) -> float:
    scale = float(np.abs(values).max())
    return scale * math.sqrt(float(np.mean((values / scale) ** 2))) if scale > 0.0 else 0.0


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    scale_a, scale_b = float(np.abs(a).max()), float(np.abs(b).max())
    if scale_a == 0.0 or scale_b == 0.0:
        return 1.0 if scale_a == scale_b else 0.0
    a, b = a / scale_a, b / scale_b
    return min(1.0, max(-1.0, float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))))
