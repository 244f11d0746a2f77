"""Scores of outputs against labels, and distances of outputs from a reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.domain import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS_AT_ONCE = 8192


def top_k_accuracy(scores: NDArray[Any], labels: NDArray[np.integer], k: int) -> float:
    """The share of samples whose label is surely among the `k` highest scores.

    Ties are not resolved in the model's favour: a label counts when at most `k` classes, itself included, score as high
    or higher. An integer model with few output levels ties often, and which class an argmax then returns is an accident
    of the order of the classes. Scores may be logits, probabilities or their quantized integers. A NaN is no hit.

    Args:
        scores: (n, classes).
        labels: (n,) class indices.
        k: at least 1 and at most the number of classes.

    Raises:
        ValueError: shapes, labels or `k` do not fit.
    """
    hits = _ranks(scores, labels) <= _checked_k(scores, k)
    return float(hits.mean())


def tie_share(scores: NDArray[Any], labels: NDArray[np.integer]) -> float:
    """The share of samples whose label shares the highest score with another class: what an argmax decides by accident.

    Raises:
        ValueError: shapes or labels do not fit.
    """
    scores, labels = _checked(scores, labels)
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    tied = ((scores == own).sum(axis=1) > 1) & (own[:, 0] == scores.max(axis=1))
    return float(tied.mean())


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


def _ranks(scores: NDArray[Any], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """The worst rank of each label, counting from 1: all classes that score as high as it come before it."""
    scores, labels = _checked(scores, labels)
    ranks = np.empty(len(labels), np.int64)
    for start in range(0, len(labels), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        own = np.take_along_axis(scores[rows], labels[rows, None], axis=1)
        # "not lower" rather than "higher or equal", so that a NaN, which compares false, ranks before the label
        ranks[rows] = (~(scores[rows] < own)).sum(axis=1)
    return ranks


def _checked(scores: NDArray[Any], labels: NDArray[np.integer]) -> tuple[NDArray[Any], NDArray[np.integer]]:
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(f"scores of shape {scores.shape} do not fit labels of shape {labels.shape}")
    if len(labels) == 0:
        raise ValueError("there are no samples to score")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(f"labels must be class indices from 0 to {scores.shape[1] - 1}")
    return scores, labels


def _checked_k(scores: NDArray[Any], k: int) -> int:
    if not 1 <= k <= np.asarray(scores).shape[1]:
        raise ValueError(f"top-{k} needs k from 1 to the number of classes")
    return k


def _rms(values: NDArray[np.float64]) -> float:
    scale = float(np.abs(values).max())
    return scale * math.sqrt(float(np.mean((values / scale) ** 2))) if scale > 0.0 else 0.0


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    scale_a, scale_b = float(np.abs(a).max()), float(np.abs(b).max())
    if scale_a == 0.0 or scale_b == 0.0:
        return 1.0 if scale_a == scale_b else 0.0
    a, b = a / scale_a, b / scale_b
    return min(1.0, max(-1.0, float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))))
