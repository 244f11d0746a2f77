"""Inputs to the bytes that the tool reads, its raw outputs to values. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.domain import TensorInfo
from harness.errors import ParseError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DTYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64")


def usable(tensor: TensorInfo) -> str | None:
    """Why values of `tensor` cannot be written or read, or None."""
    if tensor.dtype not in DTYPES:
        return f"the tensor {tensor.name!r} has type {tensor.dtype}; usable types: {', '.join(DTYPES)}"
    return None


def item_bytes(tensor: TensorInfo) -> int:
    """Bytes of one tensor of batch 1."""
    import numpy as np

    count = 1
    for size in tensor.shape[1:]:
        count *= size
    return count * np.dtype(tensor.dtype).itemsize


def to_bytes(values: NDArray[np.float32], tensor: TensorInfo) -> bytes:
    """float32 values, shape (n, *shape without batch), as the tensor's own type: little-endian, one item after another.

    Quantized as ``round(value / scale + zero_point)``, ties to even, clipped to the type's range, as both runners do.
    """
    import numpy as np

    dtype = np.dtype(tensor.dtype).newbyteorder("<")
    if dtype.kind == "f":
        return values.astype(dtype).tobytes()
    exact = values.astype(np.float64)
    scaled = exact / tensor.scale + tensor.zero_point if tensor.scale else exact
    limits = np.iinfo(dtype)
    return np.clip(np.rint(scaled), limits.min, limits.max).astype(dtype).tobytes()


def from_bytes(content: bytes, count: int, tensor: TensorInfo) -> NDArray[np.float32]:
    """`count` outputs as float32, shape (count, *shape without batch); ``(value - zero_point) * scale``.

    Raises:
        ParseError: the bytes are not `count` outputs of this tensor.
    """
    import numpy as np

    expected = count * item_bytes(tensor)
    if len(content) != expected:
        text = f"{count} outputs of {tensor.name!r} are {expected} bytes, the tool wrote {len(content)}"
        raise ParseError(text, where="output_filepath")
    values = np.frombuffer(content, dtype=np.dtype(tensor.dtype).newbyteorder("<")).reshape(count, *tensor.shape[1:])
    if values.dtype.kind == "f" or not tensor.scale:
        return values.astype(np.float32)
    return ((values.astype(np.float64) - tensor.zero_point) * tensor.scale).astype(np.float32)
