"""Series of int64 nanoseconds as few bytes, lossless.

Encoding ``offset-planes``: the smallest value (8 bytes, little endian, signed), one byte that holds the width w of an
item, then zlib of the differences to the smallest value as unsigned integers of w bytes, stored byte plane by byte
plane (all lowest bytes first). Latencies of one process share their upper bytes, so those planes nearly vanish; this
is smaller and quicker to write than deltas of neighbours, which add the noise of two samples.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from harness.store.codec import CodecError

ENCODING = "offset-planes"
_HEADER = struct.Struct("<qB")
_WIDTHS = (1, 2, 4, 8)


def pack(values_ns: NDArray[np.int64]) -> bytes:
    """The bytes of `values_ns` (int64, shape (n,), any values, n >= 0)."""
    if values_ns.ndim != 1 or values_ns.dtype != np.int64:
        raise TypeError(f"samples are int64 of one dimension, not {values_ns.dtype} of shape {values_ns.shape}")
    smallest = int(values_ns.min()) if len(values_ns) else 0
    # Unsigned subtraction wraps, so that even a span of more than 2^63 survives.
    offsets = values_ns.astype(np.uint64) - np.array(smallest, np.int64).astype(np.uint64)
    span = int(offsets.max()) if len(offsets) else 0
    width = next(width for width in _WIDTHS if span < 1 << (8 * width))
    planes = offsets.astype(f"<u{width}").view(np.uint8).reshape(-1, width).T
    return _HEADER.pack(smallest, width) + zlib.compress(np.ascontiguousarray(planes).tobytes(), 1)


def unpack(data: bytes, n: int, encoding: str = ENCODING) -> NDArray[np.int64]:
    """The `n` values that `pack` was given, int64, shape (n,).

    Raises:
        CodecError: an unknown encoding, or bytes that do not hold exactly `n` values.
    """
    if encoding != ENCODING:
        raise CodecError(f"samples are encoded as {encoding!r}, which this version does not know")
    if len(data) < _HEADER.size:
        raise CodecError("packed samples are truncated")
    smallest, width = _HEADER.unpack_from(data)
    if width not in _WIDTHS or n < 0:
        raise CodecError("packed samples have a damaged header")
    planes = np.frombuffer(_inflate(data[_HEADER.size :], n * width), np.uint8).reshape(width, n).T
    offsets = np.ascontiguousarray(planes).view(f"<u{width}").reshape(n).astype(np.uint64)
    return (offsets + np.array(smallest, np.int64).astype(np.uint64)).astype(np.int64)


def _inflate(data: bytes, size: int) -> bytes:
    """Decompress to exactly `size` bytes; never more, whatever the stream claims."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise CodecError(f"packed samples are damaged: {error}") from error
    if len(plain) != size:
        raise CodecError(f"packed samples hold {len(plain)} bytes or more where {size} belong")
    return plain
