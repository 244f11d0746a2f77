import math

import pytest

from harness.sweep.document import MAX_DEPTH, MAX_NODES, core_value, read_document
from harness.sweep.findings import Place


def place_of(line: int, column: int) -> Place:
    return Place(0, line + 1, column + 1, f"{line + 1}:{column + 1}")


def read(text: str):
    document, findings = read_document(text, place_of)
    return document, [str(finding) for finding in findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("0123", 123),
        ("0x1F", 31),
        ("0o17", 15),
        ("-7", -7),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("-.inf", -math.inf),
        ("9" * 41, "9" * 41),
        ("1e99999", "1e99999"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = core_value(text)
    assert found == value
    assert type(found) is type(value)


def test_places_of_keys_and_values() -> None:
    document, findings = read("a: 1\nb:\n  - x\n  - {c: 0123}\n")
    assert findings == []
    assert document is not None
    assert document.value == {"a": 1, "b": ["x", {"c": 123}]}
    assert document.place(("b", 1, "c"), key=True).label == "4:6"
    assert document.place(("b", 1, "c")).label == "4:9"
    assert document.place(("b", 1, "absent")).label == "4:5"
    assert document.raw[("b", 1, "c")] == "0123"


def test_every_duplicate_key_is_found_and_the_first_counts() -> None:
    document, findings = read("a: 1\nb: {c: 1, c: {d: 1, d: 2}}\na: 2\na: 3\n")
    assert document is not None
    assert document.value == {"a": 1, "b": {"c": 1}}
    assert findings == [
        "2:11: b.c: duplicate key; the first is at 2:5",
        "3:1: a: duplicate key; the first is at 1:1",
        "4:1: a: duplicate key; the first is at 1:1",
    ]


def test_aliases_tags_odd_keys_and_control_characters_are_refused() -> None:
    document, findings = read('a: &x [1]\nb: *x\nc: !!str 3\n? [k, {q: 1}]\n: {z: 1}\nd: "\\e[2J"\n*x : 1\n')
    assert document is not None
    assert document.value == {"a": [1], "b": None, "c": 3, "d": "\x1b[2J"}
    assert document.broken == [("b",), ("d",)]
    assert [line.split(": ", 1)[0] for line in findings] == ["2:4", "3:4", "4:3", "6:4", "7:1"]
    assert "the alias *x is not supported" in findings[0]
    assert "\x1b" not in "".join(findings)


def test_bomb_is_refused_before_it_grows() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    document, findings = read("\n".join(levels))
    assert document is not None
    assert len(findings) == 110


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "a: " + "[" * 500 + "]" * 500])
def test_deep_nesting(text: str) -> None:
    document, findings = read(text)
    assert document is None
    assert f"nested deeper than {MAX_DEPTH} levels" in findings[-1]


def test_too_many_values() -> None:
    document, findings = read("- 1\n" * (MAX_NODES + 1))
    assert document is None
    assert findings == [f"{MAX_NODES}:3: more than {MAX_NODES} values; a sweep file is smaller"]


def test_every_tab_in_the_indentation_is_found() -> None:
    document, findings = read("a:\n\t- b\n  \t- c\n")
    assert document is None
    assert findings == [
        "2:1: a tab in the indentation; YAML is indented with spaces only",
        "3:3: a tab in the indentation; YAML is indented with spaces only",
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: 1\nb: [1, 2", "2:9: not valid YAML"),
        ("a: 1\nb: c: d\n", "2:5: not valid YAML"),
        ("a: 1\nb: \x00", "2:4: not valid YAML: special characters"),
        ('a: "\\U00110000"', "1:1: not valid YAML: an escape that names no character"),
        ("a: 1\n---\nb: 2\n", "2:1: a second YAML document begins"),
        ("%YAML 3.0\n---\na: 1\n", "1:1: not valid YAML"),
    ],
)
def test_what_is_not_yaml(text: str, start: str) -> None:
    document, findings = read(text)
    assert document is None
    assert findings[-1].startswith(start)


def test_byte_order_mark_and_old_version_directive_change_nothing() -> None:
    document, findings = read("\ufeff%YAML 1.1\n---\na: no\n")
    assert document is not None
    assert document.value == {"a": "no"}
    assert findings == []
