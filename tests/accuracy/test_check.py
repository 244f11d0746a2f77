"""How far outputs are from what they should be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.accuracy import check_outputs
from harness.domain import OutputsCheck


def test_the_reference_and_the_same_file_on_the_cpu() -> None:
    outputs = np.random.default_rng(0).normal(size=(8, 10))
    check = check_outputs(outputs, outputs - 0.01, outputs + 0.002)
    assert check.finite
    assert check.reference is not None
    assert check.same_file is not None
    assert (check.reference.rmse, check.same_file.rmse) == (pytest.approx(0.01), pytest.approx(0.002))
    assert check.reference.samples == 8


def test_only_what_there_is_evidence_for() -> None:
    assert check_outputs(np.zeros((2, 3)), None) == OutputsCheck()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_told_and_have_no_distance(bad: float) -> None:
    outputs = np.zeros((2, 3))
    outputs[1, 2] = bad
    assert check_outputs(outputs, np.zeros((2, 3)), np.zeros((2, 3))) == OutputsCheck(finite=False)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 3\) do not fit the reference of shape \(3, 3\)"):
        check_outputs(np.zeros((2, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"the same file's outputs of shape \(2, 4\)"):
        check_outputs(np.zeros((2, 3)), None, np.zeros((2, 4)))
