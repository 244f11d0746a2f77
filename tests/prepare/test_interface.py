from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.prepare.interface import Interface, packed, unpacked
from harness.prepare.recipe import InputSpec

ONE = Interface((InputSpec("image", (2, 3)),), ("output",))
TWO = Interface((InputSpec("ids", (3,), "int32"), InputSpec("pixels", (2, 2))), ("end", "start"))


def test_one_input_is_not_packed() -> None:
    samples = np.arange(12.0).reshape(2, 2, 3)
    assert ONE.packed_shape == (2, 3)
    assert np.array_equal(ONE.pack([samples]), samples)
    assert np.array_equal(ONE.unpack(samples)[0], samples)


def test_several_inputs_come_back_in_their_types() -> None:
    ids, pixels = np.array([[1, 2, 2**24 - 1]], np.int32), np.array([[[0.5, 1.5], [2.5, 3.5]]], np.float32)
    samples = TWO.pack([ids, pixels])
    assert TWO.packed_shape == (7,)
    assert samples.dtype == np.float32
    assert samples.tolist() == [[1, 2, 2**24 - 1, 0.5, 1.5, 2.5, 3.5]]
    back = TWO.unpack(samples)
    assert [array.dtype for array in back] == [np.int32, np.float32]
    assert np.array_equal(back[0], ids)
    assert np.array_equal(back[1], pixels)
    assert {name: array.shape for name, array in TWO.by_name(samples[0]).items()} == {
        "ids": (1, 3),
        "pixels": (1, 2, 2),
    }


def test_outputs_of_any_shape_are_packed_and_taken_apart() -> None:
    arrays = [np.arange(6.0, dtype=np.float32).reshape(2, 3), np.arange(8.0, dtype=np.float32).reshape(2, 2, 2)]
    rows = packed(arrays)
    assert rows.shape == (2, 7)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, unpacked(rows, [(3,), (2, 2)]), strict=True))


def test_samples_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="do not hold 7 elements"):
        TWO.unpack(np.zeros((2, 8), np.float32))


def test_it_survives_a_file(tmp_path: Path) -> None:
    for interface in (ONE, TWO, Interface(ONE.inputs, ("output",), named=False)):
        interface.write(tmp_path)
        assert Interface.read(tmp_path) == interface
