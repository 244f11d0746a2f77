from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.errors import DatasetError, ParseError
from harness.runtimes.packing import Packing, read_packing


def line(inputs: list[Any], outputs: list[Any]) -> dict[str, Any]:
    return {"inputs": [{"shape": shape} for shape in inputs], "outputs": [{"shape": shape} for shape in outputs]}


@pytest.mark.parametrize(
    ("inputs", "outputs", "wanted"),
    [
        ([[1, 8, 8, 1]], [[1, 3]], Packing(((8, 8, 1),), ((3,),))),
        ([[4, 8]], [[4, 3], [4]], Packing(((8,),), ((3,), ()))),
        ([[1, 384], [1, 2, 2]], [[1, 5]], Packing(((384,), (2, 2)), ((5,),))),
        ([[1, 8], [3, 2]], [[1, 5], [7, 2]], Packing(((8,), (3, 2)), ((5,), (7, 2)))),
        ([[1, 8], []], [[]], Packing(((8,), ()), ((),))),
        ([[3, 8], [3, 2]], [[3, 5]], Packing(((8,), (2,)), ((5,),))),
    ],
)
def test_the_batch_is_what_all_inputs_share(inputs: list[Any], outputs: list[Any], wanted: Packing) -> None:
    assert read_packing(line(inputs, outputs)) == wanted


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"inputs": [], "outputs": []},
        {"inputs": [{}], "outputs": [{}]},
        line([[2, 3]], [[1, 3]]),
        line([[1, 0]], [[1, 3]]),
        line([[1, True]], [[1, 3]]),
        line([[1, 2.0]], [[1, 3]]),
        line([[1, 65536, 65536]], [[1, 3]]),
        line(["1"], [[1, 3]]),
    ],
)
def test_what_cannot_be_cut_is_told(told: dict[str, Any]) -> None:
    with pytest.raises(ParseError):
        read_packing(told)


def test_one_tensor_keeps_its_shape_and_several_travel_flat() -> None:
    assert Packing(((8, 8, 1),), ((3,),)).input_shape == (8, 8, 1)
    assert Packing(((8, 8, 1), (2,)), ((3,), ())).input_shape == (66,)
    assert Packing(((8, 8, 1), (2,)), ((3,), ())).output_shape == (4,)


def test_outputs_are_split_sample_by_sample() -> None:
    packed = np.arange(2 * 7, dtype=np.float32).reshape(2, 7)
    first, second = Packing(((1,),), ((2, 3), ())).split(packed)
    assert first.tolist() == [[[0, 1, 2], [3, 4, 5]], [[7, 8, 9], [10, 11, 12]]]
    assert second.tolist() == [6, 13]
    assert (first.dtype, first.flags.c_contiguous) == (np.float32, True)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (np.zeros((2, 4), np.float32), "are float32 of shape (2, 4); the model wants float32 of shape (n, 3)"),
        (np.zeros((2, 3)), "float64"),
        (np.zeros((0, 3), np.float32), "(0, 3)"),
        (np.array([[1, 2, 3], [1, np.nan, 3]], np.float32), "chunk 7: sample 1 is not all finite"),
        (np.array([[np.inf, 2, 3]], np.float32), "sample 0 is not all finite"),
    ],
)
def test_inputs_that_do_not_fit_are_told(inputs: Any, words: str) -> None:
    with pytest.raises(DatasetError) as found:
        Packing(((3,),), ((1,),)).check_inputs(inputs, "the inputs of chunk 7")
    assert words in found.value.what
