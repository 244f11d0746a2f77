"""Names of variants: parsed, canonical, refused with the nearest."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.variants import (
    MODES,
    TECHNIQUES,
    Variant,
    edgetpu_variant,
    is_integer,
    mode_of,
    parse_variant,
    source_variant,
    variant_names,
)


@pytest.mark.parametrize(
    ("name", "technique", "mode", "canonical"),
    [
        ("int8", "", "int8", "int8"),
        ("qat", "qat", "int8", "qat"),
        ("qat+int8", "qat", "int8", "qat"),
        ("qat+full_integer", "qat", "full_integer", "qat+full_integer"),
        ("pruned", "pruned", "float32", "pruned"),
        ("pruned+float32", "pruned", "float32", "pruned"),
        ("pruned_clustered+int16x8", "pruned_clustered", "int16x8", "pruned_clustered+int16x8"),
    ],
)
def test_names(name: str, technique: str, mode: str, canonical: str) -> None:
    found = parse_variant(name)
    assert found == Variant(technique, mode)
    assert found.name == canonical


def test_every_name_is_its_own_canonical_name() -> None:
    names = variant_names()
    assert len(set(names)) == len(names) == len(MODES) * (1 + 3) + 3 * 4
    assert all(parse_variant(name).name == name for name in names)
    assert {parse_variant(name).technique for name in names} == {"", *TECHNIQUES}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("int9", "did you mean 'int8'"),
        ("qat+float16", "trained for 8-bit integers"),
        ("pruned+", "is not a variant"),
        ("pruned+intt8", "did you mean 'pruned+int8'"),
        ("int8+pruned", "is not a variant"),
        ("", "is not a variant"),
    ],
)
def test_what_is_not_a_variant(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("+", r"\+")):
        parse_variant(name)


@pytest.mark.parametrize(
    ("name", "source", "on_edge_tpu"),
    [
        ("edgetpu", "int8", "edgetpu"),
        ("int8", "int8", "edgetpu"),
        ("qat+edgetpu", "qat", "qat+edgetpu"),
        ("qat", "qat", "qat+edgetpu"),
        ("pruned+edgetpu", "pruned+int8", "pruned+edgetpu"),
        ("full_integer", "full_integer", ""),
        ("pruned", "pruned", ""),
        ("somebody's", "somebody's", ""),
    ],
)
def test_what_the_edge_tpu_runs_is_an_8_bit_variant_compiled(name: str, source: str, on_edge_tpu: str) -> None:
    assert (source_variant(name), edgetpu_variant(name)) == (source, on_edge_tpu)


def test_what_a_variant_needs_and_is() -> None:
    assert [parse_variant(name).data_needed for name in ("float16", "int8", "pruned", "qat")] == [
        "none",
        "representative",
        "labelled",
        "labelled",
    ]
    assert parse_variant("pruned+int8").integer
    assert "Edge TPU" in parse_variant("qat").hardware
    assert is_integer("clustered+int16x8")
    assert not is_integer("pruned")
    assert (mode_of("qat"), mode_of("somebody's")) == ("int8", "somebody's")
    assert not is_integer("somebody's")
