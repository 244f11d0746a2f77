"""One conversion: when the chosen converter refuses a model, the other one is tried, and the result says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConversionError, MissingDependencyError
from harness.prepare import convert
from harness.prepare.converters import QUANTIZER, TENSORFLOW, Toolbox, otherwise

TOOLS = Toolbox({TENSORFLOW: "2.21.0", QUANTIZER: "0.10.0"})


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    def refuse(_: object) -> bytes:
        raise ConversionError("no")

    monkeypatch.setattr(convert, "_require", lambda converter: None)
    monkeypatch.setattr(convert, "_by_quantizer", refuse)
    monkeypatch.setattr(convert, "_by_tensorflow", lambda arguments: b"by tensorflow")
    return {"converter": QUANTIZER, "otherwise": TENSORFLOW, "output": str(tmp_path / "model.tflite")}


def test_the_other_converter_is_tried(arguments: dict[str, Any]) -> None:
    assert convert.convert(arguments)["converter"] == TENSORFLOW
    assert Path(arguments["output"]).read_bytes() == b"by tensorflow"


def test_without_another_one_the_reason_stays(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConversionError, match="no"):
        convert.convert(arguments | {"otherwise": ""})


def test_a_missing_library_is_no_refusal(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> None:
        raise MissingDependencyError("gone")

    monkeypatch.setattr(convert, "_require", missing)
    with pytest.raises(MissingDependencyError):
        convert.convert(arguments)


@pytest.mark.parametrize(
    ("mode", "options", "from_tflite", "keep_float", "expected"),
    [
        ("dynamic_range", {}, False, False, TENSORFLOW),
        ("dynamic_range", {"converter": QUANTIZER}, False, False, ""),
        ("dynamic_range", {}, True, False, ""),
        ("dynamic_range", {}, False, True, ""),
        ("weight_only_int4", {}, False, False, ""),
        ("float32", {}, False, False, ""),
    ],
)
def test_which_one_is_left(
    mode: str, options: dict[str, str], from_tflite: bool, keep_float: bool, expected: str
) -> None:
    assert otherwise(mode, options, TOOLS, from_tflite=from_tflite, keep_float=keep_float) == expected
