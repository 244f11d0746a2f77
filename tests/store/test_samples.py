from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.store.codec import CodecError
from harness.store.samples import ENCODING, pack, unpack

_EXTREMES = np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max, 0, -1, 1], np.int64)


@given(arrays(np.int64, st.integers(0, 200), elements=st.integers(-(2**63), 2**63 - 1)))
def test_any_series_survives(values: np.ndarray) -> None:
    back = unpack(pack(values), len(values))
    assert back.dtype == np.int64
    assert back.tolist() == values.tolist()


@pytest.mark.parametrize("span", [0, 1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63])
@pytest.mark.parametrize("start", [0, -(2**63), 12_000_000])
def test_every_width_survives(span: int, start: int) -> None:
    end = min(start + span, 2**63 - 1)
    values = np.array([end, start, end, start], np.int64)
    assert unpack(pack(values), 4).tolist() == values.tolist()


@pytest.mark.parametrize("values", [np.array([], np.int64), np.array([7], np.int64), _EXTREMES])
def test_edges_survive(values: np.ndarray) -> None:
    assert unpack(pack(values), len(values)).tolist() == values.tolist()


def test_a_strided_series_survives() -> None:
    values = np.arange(100, dtype=np.int64)[::-3]
    assert unpack(pack(values), len(values)).tolist() == values.tolist()


def test_latencies_take_less_than_half_of_int64() -> None:
    values = (12e6 + np.random.default_rng(1).exponential(1e5, 500)).astype(np.int64)
    assert len(pack(values)) < 0.4 * values.nbytes


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 2), np.int64), np.zeros(3, np.int32)])
def test_other_arrays_are_refused(values: np.ndarray) -> None:
    with pytest.raises(TypeError, match="int64 of one dimension"):
        pack(values)


@given(st.binary(max_size=40), st.integers(-2, 50))
def test_random_bytes_never_do_more_than_refuse(data: bytes, n: int) -> None:
    try:
        assert len(unpack(data, n)) == n
    except CodecError:
        pass


@given(st.integers(0, 300), st.integers(-3, 3).filter(bool))
def test_a_wrong_count_is_refused(n: int, wrong: int) -> None:
    packed = pack(np.arange(n, dtype=np.int64))
    with pytest.raises(CodecError):
        unpack(packed, n + wrong)


@given(st.data())
def test_truncation_is_refused(data: st.DataObject) -> None:
    packed = pack(np.random.default_rng(2).integers(0, 2**40, 50))
    with pytest.raises(CodecError):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 6))], 50)


def test_a_decompression_bomb_is_not_unpacked() -> None:
    bomb = pack(np.zeros(1, np.int64))[:9] + zlib.compress(bytes(50_000_000))
    with pytest.raises(CodecError, match="hold 9 bytes or more where 8 belong"):
        unpack(bomb[:8] + b"\x08" + bomb[9:], 1)


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(CodecError, match="'later'"):
        unpack(b"", 0, "later")
    assert unpack(pack(np.array([1], np.int64)), 1, ENCODING).tolist() == [1]
