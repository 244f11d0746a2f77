from __future__ import annotations

import numpy as np
import pytest

from harness.errors import RecipeError
from harness.prepare.interface import Interface
from harness.prepare.recipe import InputSpec
from harness.prepare.techniques.data import as_inputs, as_targets

ONE = Interface((InputSpec("image", (2, 2)),), ("output",))
TWO = Interface((InputSpec("ids", (3,), "int32"), InputSpec("mask", (3,))), ("end", "start"))


def test_one_input_is_one_array() -> None:
    (found,) = as_inputs(np.zeros((5, 2, 2)), ONE)
    assert (found.shape, found.dtype) == ((5, 2, 2), np.float32)


def test_several_inputs_come_as_a_tuple_or_packed_and_get_their_types() -> None:
    ids, mask = np.arange(6).reshape(2, 3), np.ones((2, 3))
    for values in ((ids, mask), TWO.pack([ids, mask])):
        found = as_inputs(values, TWO)
        assert [array.dtype for array in found] == [np.int32, np.float32]
        np.testing.assert_array_equal(found[0], ids)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((5, 3, 3)), "must be (n, 2, 2)"),
        (np.zeros((0, 2, 2)), "must be (n, 2, 2)"),
        (np.full((1, 2, 2), np.nan), "NaN"),
        ((np.zeros((1, 2, 2)), np.zeros((1, 2, 2))), "have 2 inputs; the recipe has 1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(values: object, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        as_inputs(values, ONE)
    assert says in caught.value.what


def test_inputs_of_different_lengths_are_refused() -> None:
    with pytest.raises(RecipeError, match="different numbers"):
        as_inputs((np.zeros((2, 3)), np.zeros((1, 3))), TWO)


def test_targets_by_name_come_in_the_order_of_the_outputs() -> None:
    found = as_targets({"start": np.array([1, 2]), "end": np.array([3, 4])}, TWO.outputs, 2)
    assert [array.tolist() for array in found] == [[3, 4], [1, 2]]


def test_targets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RecipeError, match="no targets for the outputs start"):
        as_targets({"end": np.zeros(2)}, TWO.outputs, 2)
    with pytest.raises(RecipeError, match="arrays of 2 targets"):
        as_targets(np.zeros(3), ONE.outputs, 2)
