"""Figures of constant tensors, computed on views of the file: nothing is copied but a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.inspect.model import FLOATS, Constant, Histogram, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 48
WHOLE_UP_TO = 1 << 20  # values of a tensor up to which the histogram counts each one
_BLOCK = 1 << 20
_SLICE = 1 << 16  # stays in a core's cache
MAX_VALUES = 16
_DTYPES = {
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "<i2",
    "uint16": "<u2",
    "int32": "<i4",
    "uint32": "<u4",
    "int64": "<i8",
    "uint64": "<u8",
    "bool": "u1",
}
_PACKED_BITS = {"int4": 4, "int2": 2, "uint4": 4}


def describe(content: memoryview, buffer: int, tensor: Tensor, sparse: bool) -> Constant:
    """The figures of the constant `tensor`, whose bytes are `content`.

    Minimum, maximum and zeros are exact; the histogram of a tensor with more than `WHOLE_UP_TO` values counts every
    `stride`-th one.
    """
    size = len(content)
    if sparse:
        return Constant(buffer, size, note="sparse encoding: its values are not read")
    try:
        blocks = _Values(content, tensor)
    except ValueError as error:
        return Constant(buffer, size, note=str(error))
    return _figures(blocks, buffer, size, tensor)


class _Values:
    """The values of a buffer in blocks of at most `_BLOCK`; packed types are unpacked a block at a time."""

    def __init__(self, content: memoryview, tensor: Tensor) -> None:
        self._bits = _PACKED_BITS.get(tensor.dtype, 0)
        self._signed = not tensor.dtype.startswith("u")
        self._brain = tensor.dtype == "bfloat16"
        self.count = tensor.elements
        name = "u1" if self._bits else "<u2" if self._brain else _DTYPES.get(tensor.dtype)
        if name is None:
            raise ValueError(f"{tensor.dtype}: its values are not read")
        needed = -(-self.count * self._bits // 8) if self._bits else self.count * np.dtype(name).itemsize
        if needed != len(content):
            raise ValueError(f"its buffer has {len(content):,} bytes, its shape needs {needed:,}")
        self._raw: NDArray[Any] = np.frombuffer(content, name)

    def block(self, begin: int) -> NDArray[Any]:
        """Values from the `begin`-th (a multiple of `_BLOCK`) on."""
        end = min(begin + _BLOCK, self.count)
        if self._bits:
            each = 8 // self._bits
            return self._unpacked(self._raw[begin // each : -(-end // each)])[: end - begin]
        return self._floats(self._raw[begin:end])

    def sample(self, stride: int) -> NDArray[Any]:
        """Every `stride`-th value."""
        if not self._bits:
            return self._floats(self._raw[::stride])
        each = 8 // self._bits
        return self._unpacked(self._raw[:: -(-stride // each)])[: self.count]

    def _floats(self, raw: NDArray[Any]) -> NDArray[Any]:
        return (raw.astype(np.uint32) << 16).view(np.float32) if self._brain else raw

    def _unpacked(self, raw: NDArray[Any]) -> NDArray[Any]:
        shifts = np.arange(0, 8, self._bits, dtype=np.uint8)
        values = ((raw[:, None] >> shifts) & ((1 << self._bits) - 1)).reshape(-1).astype(np.int8)
        half = 1 << (self._bits - 1)
        return np.where(values >= half, values - 2 * half, values) if self._signed else values


def _figures(values: _Values, buffer: int, size: int, tensor: Tensor) -> Constant:
    if values.count == 0:
        return Constant(buffer, size, note="no values")
    low, high, zeros, missing = np.inf, -np.inf, 0, 0
    zero = tensor.zero_point if tensor.scale else 0
    for begin in range(0, values.count, _BLOCK):
        block = values.block(begin)
        smallest, largest = float(block.min()), float(block.max())
        zeros += block.size - int(np.count_nonzero(block != zero))
        if not (np.isfinite(smallest) and np.isfinite(largest)):
            good = block[np.isfinite(block)]
            missing += block.size - good.size
            if not good.size:
                continue
            smallest, largest = float(good.min()), float(good.max())
        low, high = min(low, smallest), max(high, largest)
    if missing == values.count:
        return Constant(buffer, size, not_finite=missing, note="no finite value")
    few = values.block(0) if values.count <= MAX_VALUES and tensor.dtype in ("int32", "int64") else ()
    return Constant(
        buffer,
        size,
        low,
        high,
        zeros / values.count,
        missing,
        _histogram(values, low, high, tensor) if values.count > MAX_VALUES and np.isfinite(high - low) else None,
        tuple(int(value) for value in few),
    )


def _histogram(values: _Values, low: float, high: float, tensor: Tensor) -> Histogram:
    stride = -(-values.count // WHOLE_UP_TO)
    sample = values.sample(stride)
    if tensor.dtype in FLOATS:
        sample = sample.astype(np.float32, copy=False)
        sample = sample if np.isfinite(sample).all() else sample[np.isfinite(sample)]
        bins = BINS
        if high <= low:
            low, high = low - 0.5, high + 0.5
    else:  # the same number of integers in each bin, or the bars would differ for no reason
        each = -(-int(high - low + 1) // BINS)
        bins = -(-int(high - low + 1) // each)
        low, high = low - 0.5, low - 0.5 + bins * each
    return Histogram(low, high, _counted(sample, low, high, bins), stride)


def _counted(sample: NDArray[Any], low: float, high: float, bins: int) -> tuple[int, ...]:
    """How many values fall into each bin; several times as fast as numpy.histogram, which also finds its edges."""
    found = np.zeros(bins, np.int64)
    factor = bins / (high - low)
    single = sample.dtype.itemsize <= 4 and 1e-30 < high - low < 1e30
    for begin in range(0, sample.size, _SLICE):
        scaled = sample[begin : begin + _SLICE].astype(np.float32 if single else np.float64)
        scaled -= low
        scaled *= factor
        found += np.bincount(scaled.astype(np.int32).clip(0, bins - 1), minlength=bins)
    return tuple(int(count) for count in found)
