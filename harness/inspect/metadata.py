"""TensorFlow Lite's metadata in a file: what it says of the normalisation of inputs.

Source: ``metadata_schema.fbs`` of the TFLite Support Library (identifier M001).
"""

from __future__ import annotations

from math import isfinite

from harness.inspect.flatbuffer import DamagedError, Source
from harness.inspect.model import Normalisation

IDENTIFIER = b"M001"
MAX_CHANNELS = 64
_NORMALIZATION_OPTIONS = 1


def read_normalisation(content: memoryview) -> tuple[Normalisation, ...]:
    """Mean and standard deviation of each input that has them; empty where the metadata cannot be read."""
    if bytes(content[4:8]) != IDENTIFIER:
        return ()
    try:
        graphs = Source(content).root().tables(3)
        inputs = graphs[0].tables(2) if graphs else []
        found = [
            Normalisation(order, tuple(options.numbers(0, "f")), tuple(options.numbers(1, "f")))
            for order, tensor in enumerate(inputs)
            for unit in tensor.tables(4)
            if int(unit.number(0, "B")) == _NORMALIZATION_OPTIONS and (options := unit.table(1)) is not None
        ]
    except DamagedError:
        return ()
    return tuple(one for one in found if _usable(one.mean) and _usable(one.std))


def _usable(values: tuple[float, ...]) -> bool:
    return 0 < len(values) <= MAX_CHANNELS and all(map(isfinite, values))
