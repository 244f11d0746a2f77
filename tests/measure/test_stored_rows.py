"""Which row of one stored run belongs to which of another."""

from dataclasses import dataclass
from typing import Any

from harness.measure.stored_rows import StoredKey, match_by_name, match_series


@dataclass(frozen=True)
class Key:
    case_id: str
    series_key: int
    status: str = "DONE"
    verdict: str = "TRUSTED"
    device_id: str = "host"


def ids(pairs: tuple[tuple[StoredKey, StoredKey], ...]) -> list[tuple[str, str]]:
    return [(a.case_id, b.case_id) for a, b in pairs]


def test_rows_of_one_series_go_together_and_equal_cases_first() -> None:
    found = match_series([Key("a", 1), Key("b", 1), Key("c", 2)], [Key("b", 1), Key("x", 2), Key("a", 1)])
    assert ids(found.alike) == [("a", "a"), ("b", "b"), ("c", "x")]
    assert found.other == found.only_base == found.only_candidate == ()


def test_what_is_not_the_only_one_of_its_series_is_not_guessed() -> None:
    found = match_series([Key("a", 1), Key("b", 1)], [Key("x", 1), Key("y", 1)])
    assert found.alike == ()
    assert [key.case_id for key in found.only_base] == ["a", "b"]
    assert [key.case_id for key in found.only_candidate] == ["x", "y"]


def test_a_case_of_another_series_is_paired_and_known_to_differ() -> None:
    found = match_series([Key("a", 1), Key("gone", 5)], [Key("a", 2), Key("new", 6)])
    assert found.alike == ()
    assert ids(found.other) == [("a", "a")]
    assert [key.case_id for key in found.only_base] == ["gone"]
    assert [key.case_id for key in found.only_candidate] == ["new"]


def fields(runtime: str, **changes: Any) -> dict[str, Any]:
    row = {"model": "net", "variant": "int8", "backend": "cpu xnnpack", "threads": 1, "cores": "big", "target": "host"}
    return row | {"runtime": runtime} | changes


def test_what_people_call_the_same_is_paired_whatever_its_files() -> None:
    left = match_series([Key("a", 1), Key("t", 3)], [Key("b", 2), Key("u", 4)])
    base = {"a": fields("litert (/opt/old/bin/python)"), "t": fields("litert", threads=2)}
    candidate = {"b": fields("litert (/opt/new/bin/python)"), "u": fields("litert", threads=4)}
    found = match_by_name(left, base, candidate)
    assert ids(found.other) == [("a", "b")]
    assert [key.case_id for key in found.only_base] == ["t"]


def test_one_row_is_not_paired_with_one_of_several() -> None:
    found = match_series([Key("a", 1)], [Key("x", 1), Key("y", 1)])
    assert found.alike == ()
    assert [key.case_id for key in found.only_candidate] == ["x", "y"]
