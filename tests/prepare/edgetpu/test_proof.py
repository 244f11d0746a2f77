from __future__ import annotations

from pathlib import Path

import pytest

from harness.domain import EdgeTpuMapping, MappedOperator
from harness.errors import ModelFileError
from harness.prepare.edgetpu.graph import package_version
from harness.prepare.edgetpu.log import parse_log
from harness.prepare.edgetpu.proof import ON_CPU, is_compiled, mapping_from, mapping_of, read_all, read_facts
from harness.prepare.edgetpu.readiness import listed, not_integer, refusal
from tests.edgetpu.embedded import embed, options_of, package
from tests.inspect.models import island

MODELS = Path(__file__).parents[2] / "data" / "models"
INT8 = MODELS / "int8.tflite"
LOGS = Path(__file__).with_name("logs")


def compiled(folder: Path, name: str = "m_edgetpu.tflite", *, partial: bool = False, runtime_version: int = 14) -> Path:
    path = folder / name
    path.write_bytes(embed(INT8.read_bytes(), partial=partial, runtime_version=runtime_version))
    return path


def test_what_a_file_shows(tmp_path: Path) -> None:
    part, whole = (
        compiled(tmp_path, "part.tflite", partial=True),
        compiled(tmp_path, "whole.tflite", runtime_version=13),
    )
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(whole.read_bytes()[:900])
    found = read_all((part, whole, INT8, damaged, tmp_path / "missing.tflite"))
    facts = found[part]
    assert not isinstance(facts, Exception)
    assert (facts.custom_operators, facts.compiled, facts.runtime_version) == (1, True, 14)
    assert facts.left == (MappedOperator("QUANTIZE", 1, ON_CPU),)
    source, other = found[INT8], found[whole]
    assert not isinstance(source, Exception)
    assert not isinstance(other, Exception)
    assert (other.runtime_version, other.left) == (13, ())
    assert (source.compiled, source.runtime_version) == (False, None)
    assert (source.inputs, source.outputs) == (facts.inputs, facts.outputs)
    assert isinstance(found[damaged], ModelFileError)
    assert "damaged" in str(found[damaged])
    assert isinstance(found[tmp_path / "missing.tflite"], ModelFileError)


def test_whether_it_is_compiled(tmp_path: Path) -> None:
    assert is_compiled(compiled(tmp_path))
    assert not is_compiled(INT8)


def test_a_file_that_only_names_the_operator_is_not_compiled(tmp_path: Path) -> None:
    path = tmp_path / "named.tflite"
    path.write_bytes(INT8.read_bytes() + b"edgetpu-custom-op")
    assert not is_compiled(path)


def test_a_damaged_file_raises(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x08\0\0\0TFL3" + b"\xff" * 64)
    with pytest.raises(ModelFileError, match="damaged"):
        read_facts(path)


def test_a_mapping_has_counts_of_the_log_and_parts_of_the_file(tmp_path: Path) -> None:
    log = parse_log((LOGS / "16.0_partial.txt").read_text(encoding="utf-8"))
    mapping = mapping_of(compiled(tmp_path, partial=True), log)
    assert (mapping.mapped, mapping.on_cpu, mapping.subgraphs) == (264, 3, 1)
    assert (mapping.compiler_version, mapping.min_runtime_version) == ("16.0.384591198", "14")
    assert mapping.off_chip_bytes == 0


def test_a_mapping_of_the_file_alone_does_not_invent_what_was_mapped(tmp_path: Path) -> None:
    mapping = mapping_of(compiled(tmp_path, partial=True))
    assert mapping == EdgeTpuMapping(
        min_runtime_version="14", on_cpu=1, subgraphs=1, operators=(MappedOperator("QUANTIZE", 1, ON_CPU),)
    )


def test_a_log_of_another_file_says_nothing_of_this_one(tmp_path: Path) -> None:
    log = parse_log((LOGS / "16.0_partial.txt").read_text(encoding="utf-8"))
    assert mapping_of(compiled(tmp_path, "other_edgetpu.tflite"), log).mapped is None


def test_segments_add_up_and_the_fullest_chip_counts() -> None:
    blocks = parse_log((LOGS / "16.0_together.txt").read_text(encoding="utf-8")).models
    mapping = mapping_from((), blocks)
    assert (mapping.mapped, mapping.on_cpu) == (63, 0)
    assert mapping.on_chip_used_bytes == sum(block.on_chip_used_bytes or 0 for block in blocks)
    assert mapping.on_chip_remaining_bytes == round(1.07 * 2**20)


@pytest.mark.parametrize("version", [10, 14])
def test_the_runtime_version_is_read_from_the_package(version: int) -> None:
    assert package_version(options_of(package(b"", version))) == version


@pytest.mark.parametrize("options", [b"", b"\x00", b"no flexbuffer at all", options_of(b"no package"), options_of(b"")])
def test_options_of_another_layout_say_no_version(options: bytes) -> None:
    assert package_version(options) is None


def test_every_damaged_package_says_a_version_or_none() -> None:
    options = options_of(package(b"model", 14))
    for at in range(len(options)):
        for value in (0, 0x7F, 0xFF):
            version = package_version(options[:at] + bytes([value]) + options[at + 1 :])
            assert version is None or version > 0


# ---- readiness -------------------------------------------------------------------------------------------------------


def test_the_operators_of_a_float_island_are_named_and_it_may_be_compiled(tmp_path: Path) -> None:
    path = island(tmp_path / "island.tflite")
    assert not_integer(path) == ("TANH #2 computes in float32", "GELU #3 computes in float32")
    assert refusal(path) == ""


def test_a_float_model_is_refused_with_its_causes_and_what_to_do() -> None:
    reason = refusal(MODELS / "float32.tflite")
    assert "no operator of the model computes in 8-bit integers: input `serving_default_image:0` is float32" in reason
    assert "and 3 more" in reason
    assert "Prepare it as int8" in reason


@pytest.mark.parametrize("name", ["int8", "full_integer"])
def test_integer_models_are_not_refused(name: str) -> None:
    assert refusal(MODELS / f"{name}.tflite") == ""


def test_int16_models_are_refused() -> None:
    assert "CONV_2D #1 computes in int16" in refusal(MODELS / "int16x8.tflite")


def test_long_lists_are_cut() -> None:
    assert listed(["a", "b"]) == "a; b"
    assert listed(list("abcdef")) == "a; b; c; and 3 more"
