from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ModelFileError
from harness.inspect import flatbuffer
from harness.inspect.flatbuffer import DamagedError, Source
from harness.inspect.model import Constant
from harness.inspect.reader import Names, read_content

MODELS = Path(__file__).parent.parent / "data" / "models"
NAMES = Names({0: "float32", 9: "int8"}, {3: "CONV_2D"}, {1: "Conv2DOptions"})


def read(content: bytes) -> Any:
    return read_content(content, NAMES, lambda values, buffer, tensor, sparse: Constant(buffer, len(values)))


@pytest.mark.parametrize("name", ["float32", "int8", "many_tensors", "custom_operator"])
def test_whole_files_are_read(name: str) -> None:
    assert read((MODELS / f"{name}.tflite").read_bytes()).graphs[0].operators


def test_cut_anywhere_is_damaged_or_whole() -> None:
    content = (MODELS / "int8.tflite").read_bytes()
    damaged = 0
    for length in range(0, len(content), 7):
        try:
            read(content[:length])
        except DamagedError:
            damaged += 1
    assert damaged > len(content) // 7 // 2


def test_random_damage_is_an_error_for_a_person_or_read_as_it_is() -> None:
    content, rng = (MODELS / "full_integer.tflite").read_bytes(), random.Random(5)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(content)
        for _ in range(rng.choice((1, 4, 16))):
            damaged[rng.randrange(8, len(damaged))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        try:
            read(bytes(damaged))
        except ModelFileError as error:
            refused += "damaged" in error.what or "truncated" in error.what
    assert refused > 300


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x00" * 64, b"\xff" * 64, b"\x08\x00\x00\x00TFL3" + b"\xff" * 64])
def test_what_is_no_model(content: bytes) -> None:
    with pytest.raises(DamagedError):
        read(content)


def test_a_list_longer_than_the_file_is_refused_before_it_is_read() -> None:
    # A root table with one field, a vector that claims four thousand million items.
    content = struct.pack("<IIHHH2xiII", 16, 0, 6, 8, 4, 8, 4, 0xFFFFFFFF)
    source = Source(content)
    with pytest.raises(DamagedError, match="a list of 4,294,967,295 items"):
        source.root(0).numbers(0, "i")


def test_parts_that_share_their_content_are_counted_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatbuffer, "MAX_PARTS", 1000)
    # One table, and a vector of 300 offsets that all lead to it: small in the file, large when read.
    items = b"".join(struct.pack("<I", 4 * (300 - at)) for at in range(300))
    leaf = struct.pack("<i", 0)
    content = struct.pack("<IIHHH2xiII", 16, 0, 6, 8, 4, 8, 4, 300) + items + leaf + struct.pack("<HH", 4, 4)
    content = content[:-8] + struct.pack("<iHH", -4, 4, 4)
    source = Source(content, parts_left=1000)
    root = source.root(0)
    assert len(root.tables(0)) == 300
    with pytest.raises(DamagedError, match="more than 1,000 parts"):
        root.tables(0)


def test_a_negative_offset_is_no_python_index() -> None:
    with pytest.raises(DamagedError, match="leads to byte -4"):
        Source(b"\x00" * 16).number("I", -4)
