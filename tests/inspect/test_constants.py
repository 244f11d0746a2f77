from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.inspect import constants
from harness.inspect.constants import BINS, describe
from harness.inspect.model import Constant, Tensor


def of(values: np.ndarray[Any, Any], dtype: str, count: int | None = None, **fields: Any) -> Constant:
    shape = (values.size if count is None else count,)
    return describe(memoryview(values.tobytes()), 1, Tensor(0, "w", dtype, shape, shape, **fields), False)


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int8", "uint8", "int16", "int32", "int64"])
def test_figures_are_those_of_numpy(dtype: str) -> None:
    values = np.random.default_rng(3).normal(0, 40, 20_000).clip(-120, 120)
    values[:100] = 0
    stored = (abs(values) if dtype == "uint8" else values).astype(dtype)
    found = of(stored, dtype)
    assert found.minimum == float(stored.min())
    assert found.maximum == float(stored.max())
    assert found.zeros == np.count_nonzero(stored == 0) / stored.size
    assert found.histogram is not None
    assert sum(found.histogram.counts) == stored.size
    edges = np.linspace(found.histogram.low, found.histogram.high, len(found.histogram.counts) + 1)
    expected, _ = np.histogram(stored.astype(np.float64), edges)
    assert np.abs(np.array(found.histogram.counts) - expected).max() <= 2  # float32 at the edges of bins


def test_integers_fall_into_bins_of_the_same_width() -> None:
    found = of(np.arange(-127, 128, dtype=np.int8), "int8")
    assert found.histogram is not None
    assert set(found.histogram.counts[:-1]) == {6}
    assert len(found.histogram.counts) <= BINS


def test_packed_integers_are_unpacked_low_half_first() -> None:
    values = np.array([-8, 7, 0, -1, 3] * 7, np.int8)
    padded = np.append(values, 0) & 0xF
    packed = (padded[0::2] | (padded[1::2] << 4)).astype(np.uint8)
    found = of(packed, "int4", count=values.size)
    assert (found.minimum, found.maximum) == (-8, 7)
    assert found.zeros == pytest.approx(np.mean(values == 0))
    assert found.histogram is not None
    assert found.histogram.counts == tuple(np.count_nonzero(values == value) for value in range(-8, 8))


def test_bfloat16() -> None:
    values = np.array([1.0, -2.0, 0.5] * 10, np.float32)
    found = of((values.view(np.uint32) >> 16).astype("<u2"), "bfloat16")
    assert (found.minimum, found.maximum) == (-2.0, 1.0)


def test_what_is_not_finite_is_counted_and_left_out() -> None:
    values = np.linspace(-1, 1, 50, dtype=np.float32)
    values[[3, 4]], values[5] = np.nan, np.inf
    found = of(values, "float32")
    assert found.not_finite == 3
    assert (found.minimum, found.maximum) == (-1.0, 1.0)
    assert found.histogram is not None
    assert sum(found.histogram.counts) == 47
    assert of(np.full(50, np.nan, np.float32), "float32").note == "no finite value"


@pytest.mark.parametrize("values", [[-3e38, 3e38], [1e-42, 2e-42], [5.0, 5.0], [-1.7e308, 1.7e308]])
def test_extreme_ranges_warn_of_nothing(values: list[float]) -> None:
    dtype = "float64" if max(values) > 1e300 else "float32"
    found = of(np.array(values * 20, dtype), dtype)
    assert found.histogram is None or sum(found.histogram.counts) == 40


def test_extreme_integers() -> None:
    found = of(np.array([-(2**63), 2**63 - 1] * 20, np.int64), "int64")
    assert found.histogram is None or sum(found.histogram.counts) == 40


def test_a_large_tensor_is_sampled_with_a_stride_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "WHOLE_UP_TO", 1000)
    values = np.zeros(3500, np.float32)
    values[1] = 9.0  # not in the sample, and yet the maximum
    found = of(values, "float32")
    assert found.maximum == 9.0
    assert found.histogram is not None
    assert found.histogram.stride == 4
    assert sum(found.histogram.counts) == 875


def test_blocks_give_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).integers(0, 16, 5001, dtype=np.uint8)
    packed = (np.append(values, 0)[0::2] | (np.append(values, 0)[1::2] << 4)).astype(np.uint8)
    whole = of(packed, "int4", count=5001)
    monkeypatch.setattr(constants, "_BLOCK", 512)
    assert of(packed, "int4", count=5001) == whole


def test_zeros_of_a_quantized_tensor_are_its_zero_points() -> None:
    values = np.array([-3] * 30 + [0] * 10, np.int8)
    assert of(values, "int8", scales=(0.5,), zero_points=(-3,)).zeros == 0.75
    assert of(values, "int8", scales=(0.5,), zero_points=(900,)).zeros == 0.0


@pytest.mark.parametrize(
    ("dtype", "count", "note"),
    [
        ("float32", 11, "its shape needs 44"),
        ("string", 10, "string: its values are not read"),
        ("type 99", 10, "type 99: its values are not read"),
        ("float32", 10**15, "its shape needs"),
        ("float32", 0, "its shape needs 0"),
    ],
)
def test_what_cannot_be_read_is_said(dtype: str, count: int, note: str) -> None:
    found = of(np.zeros(10, np.float32), dtype, count=count)
    assert note in found.note
    assert found.minimum is None


def test_sparse_values_are_not_read() -> None:
    shape = (4,)
    found = describe(memoryview(bytes(16)), 1, Tensor(0, "w", "float32", shape, shape), True)
    assert "sparse" in found.note


def test_few_integers_are_given_as_they_are() -> None:
    assert of(np.array([1, 64], np.int32), "int32").values == (1, 64)
