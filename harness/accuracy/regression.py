"""Regression: how far numbers are from their targets. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.accuracy import task_options
from harness.accuracy.base import Record, TaskSpec, Truth
from harness.accuracy.task_checks import only_output, require_samples, sample_at, truth_value
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Regression:
    """Scores (n, k) numbers against ``{"target": [k floats]}``.

    `rmse` and `mae` are taken over all samples and outputs together. `r2` is the coefficient of determination, the mean
    over the outputs; it is left out where a target is the same in all samples, since it is then not defined. A sample
    with a NaN or infinite output counts with the worst error of the other samples, output by output.
    """

    name = "regression"
    metric = "rmse"
    higher_is_better = False

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Regression:
        """The task; it has no options.

        Raises:
            TaskError: there is an option.
        """
        task_options.check_names(spec, ())
        return cls()

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record a sample: its `target` and its `error` (output minus target), None with a NaN.

        Args:
            outputs: one array (n, k), or with further axes.
            truths: n of ``{"target": k numbers}``.

        Raises:
            TaskError: a target is missing, not finite or of another length.
        """
        output = only_output(self.name, outputs, truths)
        numbers = output.reshape(len(output), math.prod(output.shape[1:])).astype(np.float64)
        records: list[Record] = []
        for index, (values, truth) in enumerate(zip(numbers, truths, strict=True)):
            target = _target(truth, index, len(values))
            error = (values - target).tolist() if np.isfinite(values).all() else None
            records.append({"target": target.tolist(), "error": error})
        return records

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`rmse`, `mae`, `r2` where it is defined, and `nan_samples`.

        Raises:
            TaskError: there are no samples, all of them hold NaN, or they differ in the number of outputs.
        """
        targets, errors = self._arrays(records)
        missing = np.isnan(errors).any(axis=1)
        if missing.all():
            raise TaskError(f"the outputs of all {len(errors)} samples hold NaN: there is no error to average")
        errors[missing] = np.abs(errors[~missing]).max(axis=0)
        figures = {"rmse": math.sqrt(float(np.mean(errors**2))), "mae": float(np.abs(errors).mean())}
        if not (targets == targets[0]).all(axis=0).any():
            spread = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
            figures["r2"] = float(np.mean(1.0 - (errors**2).sum(axis=0) / spread))
        return {**figures, "nan_samples": float(missing.sum())}

    def values(self, records: Sequence[Record]) -> None:
        """None: a root of a mean is no mean."""
        return

    def _arrays(self, records: Sequence[Record]) -> tuple[Floats, Floats]:
        """Targets and errors (n, k); a row of NaN for samples without error."""
        require_samples(self.name, records)
        if len({len(record["target"]) for record in records}) > 1:
            raise TaskError("samples with different numbers of outputs cannot be summarised together")
        missing = [math.nan] * len(records[0]["target"])
        errors = [missing if record["error"] is None else record["error"] for record in records]
        return np.array([record["target"] for record in records], np.float64), np.array(errors, np.float64)


def _target(truth: Truth, index: int, length: int) -> Floats:
    try:
        target = np.asarray(truth_value(truth, "target", index), np.float64).ravel()
    except (TypeError, ValueError):
        target = np.array([math.nan])
    if not np.isfinite(target).all():
        raise TaskError("the target is not made of finite numbers", where=sample_at(index))
    if len(target) != length:
        raise TaskError(f"the model has {length} outputs a sample, the target {len(target)}", where=sample_at(index))
    return target
