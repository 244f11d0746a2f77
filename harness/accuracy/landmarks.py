"""Landmarks: the normalised mean error of points, failures, and the area under the curve of errors. Pure.

The error of a face is the mean distance of its points, divided by a length of the same face: between the outer corners
of the eyes (inter-ocular, Sagonas et al., 300 Faces in-the-Wild, 2013), between the pupils, or the side of a square as
large as its box. A *failure* is a face with an error above a limit, 0.10 by default. `auc` is the area under the
cumulative curve of errors (the share of faces with at most that error) from 0 to the limit, divided by the limit. That
curve is a staircase, so its exact area is the mean of ``max(0, 1 - error / limit)``, which the trapezoidal rule on a
grid of errors approaches as the grid gets finer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import task_options
from harness.accuracy.base import Record, TaskSpec, Truth
from harness.accuracy.heatmaps import decode_heatmaps
from harness.accuracy.task_checks import only_output, require_samples, sample_at, truth_value
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

    Floats = NDArray[np.float64]

Eyes = tuple[tuple[int, ...], tuple[int, ...]]
"""The points whose mean is the place of one eye and of the other."""
OUTPUTS = ("heatmaps", "coordinates")
NORMALISATIONS = ("inter_ocular", "inter_pupil", "box")
OPTIONS = (
    "output",
    "normalise",
    "layout",
    "eye_left",
    "eye_right",
    "failure_at",
    "stride",
    "cell_offset",
)


@dataclass(frozen=True)
class Layout:
    """How many points a data set marks, and which of them are the outer corners and the pupils of the eyes."""

    points: int
    inter_ocular: Eyes
    inter_pupil: Eyes


LAYOUTS = {
    # Wu et al., Look at Boundary, 2018: the pupils are points of their own
    "wflw98": Layout(98, ((60,), (72,)), ((96,), (97,))),
    # Sagonas et al., 2013, counted from 0: a pupil is the mean of the six points around the eye
    "ibug68": Layout(68, ((36,), (45,)), (tuple(range(36, 42)), tuple(range(42, 48)))),
    # Burgos-Artizzu et al., Robust face landmark estimation under occlusion, 2013
    "cofw29": Layout(29, ((8,), (9,)), ((16,), (17,))),
}


@dataclass(frozen=True)
class Landmarks:
    """Scores heatmaps (n, H, W, points) or coordinates (n, points, 2) against ``{"points": [[x, y], ...]}`` in pixels.

    A sample with a NaN is a failure; in the mean it counts as the worst of the other samples, at least the limit.

    Attributes:
        output: ``heatmaps`` or ``coordinates``.
        normalise: ``inter_ocular``, ``inter_pupil`` or ``box``, which needs ``"box": [x0, y0, x1, y1]`` in the truths.
        layout: a key of `LAYOUTS`, or empty: by the number of points.
        eyes: the points of the eyes instead of those of a layout.
        failure_at: the limit, as a share of the normalising length.
        stride: input pixels a cell of the heatmaps.
        cell_offset: where in its cell, 0 to 1, a landmark lies whose heatmap is symmetric.
    """

    output: str = "heatmaps"
    normalise: str = "inter_ocular"
    layout: str = ""
    eyes: Eyes | None = None
    failure_at: float = 0.10
    stride: float = 4.0
    cell_offset: float = 0.5

    name = "landmarks"
    metric = "nme_pct"
    higher_is_better = False

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Landmarks:
        """The task with the options of `spec`; ``eye_left`` and ``eye_right`` are indices such as ``36,37,38``.

        Raises:
            TaskError: an option is unknown or malformed.
        """
        task_options.check_names(spec, OPTIONS)
        output = task_options.choice(spec, "output", OUTPUTS, "heatmaps")
        if output == "heatmaps" and not spec.option("stride"):
            raise TaskError(
                "the task landmarks needs the option 'stride' to place heatmaps in the image",
                remedy="Give the input's width divided by that of the heatmaps, such as stride: 4.",
            )
        return cls(
            output,
            task_options.choice(spec, "normalise", NORMALISATIONS, "inter_ocular"),
            task_options.choice(spec, "layout", ("", *LAYOUTS), ""),
            _eyes(spec),
            task_options.number(spec, "failure_at", 0.10, least=1e-6, most=10.0),
            task_options.number(spec, "stride", 4.0, least=1e-3, most=1e4),
            task_options.number(spec, "cell_offset", 0.5, least=0.0, most=1.0),
        )

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record a sample: its `nme`, a share of the normalising length; None with a NaN.

        Raises:
            TaskError: the output has another shape or number of points than the truths, or a normalising length is
                missing or zero.
        """
        output = only_output(self.name, outputs, truths)
        points, missing = self._points(output)
        lengths, expected = [], np.empty_like(points)
        for index, truth in enumerate(truths):
            expected[index] = _truth_points(truth, index, points.shape[1])
            lengths.append(self._length(truth, expected[index], index))
        errors = np.linalg.norm(np.where(missing[:, None, None], 0.0, points) - expected, axis=2).mean(axis=1)
        return [
            {"nme": None if nan else float(error / length)}
            for error, length, nan in zip(errors, lengths, missing, strict=True)
        ]

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`nme_pct`, `failure_rate`, `auc` and `nan_samples`.

        Raises:
            TaskError: there are no samples, or all of them hold NaN.
        """
        errors = self._errors(records)
        missing = np.array([record["nme"] is None for record in records])
        return {
            "nme_pct": 100.0 * float(errors.mean()),
            "failure_rate": float(((errors > self.failure_at) | missing).mean()),
            "auc": float(np.maximum(0.0, 1.0 - errors / self.failure_at).mean()),
            "nan_samples": float(missing.sum()),
        }

    def values(self, records: Sequence[Record]) -> Floats:
        """The error of each sample in percent.

        Raises:
            TaskError: there are no samples, or all of them hold NaN.
        """
        return 100.0 * self._errors(records)

    def _errors(self, records: Sequence[Record]) -> Floats:
        require_samples(self.name, records)
        errors = np.array([math.nan if record["nme"] is None else record["nme"] for record in records], np.float64)
        missing = np.isnan(errors)
        if missing.all():
            raise TaskError(f"the outputs of all {len(errors)} samples hold NaN: there is no error to average")
        errors[missing] = max(self.failure_at, float(errors[~missing].max()))
        return errors

    def _points(self, output: NDArray[np.float32]) -> tuple[Floats, NDArray[np.bool_]]:
        """(n, points, 2) in input pixels, and which samples hold a NaN."""
        if self.output == "heatmaps":
            if output.ndim != 4:
                raise TaskError(f"an output of shape {output.shape} is not heatmaps of shape (n, H, W, points)")
            return decode_heatmaps(output, self.stride, self.cell_offset), _any(np.isnan(output))
        if output.ndim != 3 or output.shape[2] != 2:
            raise TaskError(f"an output of shape {output.shape} is not coordinates of shape (n, points, 2)")
        return output.astype(np.float64), _any(~np.isfinite(output))

    def _length(self, truth: Truth, points: Floats, index: int) -> float:
        """The length in pixels that the error of one face is divided by."""
        if self.normalise == "box":
            x0, y0, x1, y1 = _box(truth, index)
            area = max(0.0, x1 - x0) * max(0.0, y1 - y0)
            length = math.sqrt(area)
        else:
            left, right = self._eyes(len(points))
            length = float(np.linalg.norm(points[list(left)].mean(axis=0) - points[list(right)].mean(axis=0)))
        if not (math.isfinite(length) and length > 0):
            raise TaskError(f"the length of {self.normalise} is {length:g} pixels", where=sample_at(index))
        return length

    def _eyes(self, points: int) -> Eyes:
        if self.eyes is not None:
            if max(map(max, self.eyes)) >= points:
                raise TaskError(f"the eyes are points {self.eyes}, the model has points 0 to {points - 1}")
            return self.eyes
        fitting = [name for name, layout in LAYOUTS.items() if layout.points == points]
        name = self.layout or next(iter(fitting), "")
        if name not in fitting:
            known = f"the layout {name} has {LAYOUTS[name].points}" if name else "no layout is known for that"
            raise TaskError(
                f"the model has {points} points, {known}",
                remedy=f"Give eye_left and eye_right, or one of the layouts {', '.join(LAYOUTS)}.",
            )
        layout = LAYOUTS[name]
        return layout.inter_ocular if self.normalise == "inter_ocular" else layout.inter_pupil


def _any(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each sample: is there any?"""
    return np.asarray(found.any(axis=tuple(range(1, found.ndim))))


def _eyes(spec: TaskSpec) -> Eyes | None:
    sides = tuple(_indices(spec, key) for key in ("eye_left", "eye_right"))
    if not any(sides):
        return None
    if not all(sides):
        raise TaskError("the task landmarks needs both eye_left and eye_right, or neither")
    return sides[0], sides[1]


def _indices(spec: TaskSpec, key: str) -> tuple[int, ...]:
    words = [word.strip() for word in spec.option(key).strip().strip("[]").split(",")]
    if words == [""]:
        return ()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise task_options.wrong_option(spec, key, "indices of points, such as 36,37,38")
    return tuple(int(word) for word in words)


def _truth_points(truth: Truth, index: int, points: int) -> Floats:
    expected = _floats(truth_value(truth, "points", index))
    if expected.shape != (points, 2):
        found = f"has {len(expected)} points" if expected.ndim == 2 else f"has points of shape {expected.shape}"
        raise TaskError(f"the model has {points} points, the truth {found}", where=sample_at(index))
    if not np.isfinite(expected).all():
        raise TaskError("the truth has a point that is not finite", where=sample_at(index))
    return expected


def _box(truth: Truth, index: int) -> list[float]:
    box = _floats(truth_value(truth, "box", index))
    if box.shape != (4,):
        raise TaskError("the box of the truth is not x0, y0, x1, y1", where=sample_at(index))
    return [float(value) for value in box]


def _floats(value: Any) -> Floats:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return np.empty(0)
