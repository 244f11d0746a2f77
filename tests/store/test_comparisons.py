from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.domain import DatedOutcome
from harness.domain.comparisons import series_id_of
from harness.errors import StoreError
from harness.store import Store
from tests.store import build

OTHER = "other int8 · cpu xnnpack 1 thread · adb"


def settings(purpose: object = "nightly") -> str:
    return f'{{"blocks": 3, "comparison": {{"purpose": "{purpose}", "policy": "looks", "pairs": []}}}}'


def add_night(store: Store, run_id: str, day: str, series: Sequence[str] = (build.SERIES,), **of: str) -> None:
    record = build.run(
        run_id, started_at=f"{day}T02:00:00.000+00:00", settings_json=settings(of.get("purpose", "nightly"))
    )
    store.create_run(record, [])
    store.save_outcomes(run_id, [build.outcome(name, of.get("device_id", build.DEVICE)) for name in series])


def runs_of(found: Sequence[DatedOutcome]) -> list[str]:
    return [one.run_id for one in found]


def test_outcomes_come_back_whole_in_their_order_and_replace_earlier_ones(store: Store) -> None:
    store.create_run(build.run(), [])
    store.save_outcomes("run-1", [build.outcome("gone"), build.outcome("gone too")])
    given = (build.outcome("b"), build.outcome("a"), build.outcome("b", "adb-7", stage="screen"))
    store.save_outcomes("run-1", given)
    assert store.outcomes("run-1") == given
    assert [one.outcome for one in store.outcome_history()] == list(given)
    store.save_outcomes("run-1", ())
    assert store.outcomes("run-1") == ()


def test_a_run_has_only_its_own_outcomes(store: Store) -> None:
    for run_id in ("run-1", "run-2"):
        store.create_run(build.run(run_id), [])
        store.save_outcomes(run_id, [build.outcome(run_id)])
    store.save_outcomes("run-1", [build.outcome("new")])
    assert store.outcomes("run-1") == (build.outcome("new"),)
    assert store.outcomes("run-2") == (build.outcome("run-2"),)


def test_outcomes_of_no_run_are_refused(store: Store) -> None:
    for call in (lambda: store.save_outcomes("gone", ()), lambda: store.outcomes("gone")):
        with pytest.raises(StoreError, match="there is no run 'gone'"):
            call()


def test_a_history_is_told_from_the_oldest_run_on_with_its_dates(store: Store) -> None:
    add_night(store, "second", "2026-05-02")
    add_night(store, "first", "2026-05-01")
    first, second = store.outcome_history()
    assert first == DatedOutcome("first", "2026-05-01T02:00:00.000+00:00", build.outcome())
    assert (second.run_id, second.at) == ("second", "2026-05-02T02:00:00.000+00:00")


@pytest.fixture
def three_nights(store: Store) -> Store:
    add_night(store, "one", "2026-05-01", (build.SERIES, OTHER))
    add_night(store, "two", "2026-05-02", (build.SERIES,), device_id="adb-7")
    add_night(store, "three", "2026-05-03", (OTHER,), purpose="calibrate")
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["one", "one", "two", "three"]),
        ({"series": build.SERIES}, ["one", "two"]),
        ({"series": series_id_of(OTHER)}, ["one", "three"]),
        ({"device_id": "adb-7"}, ["two"]),
        ({"purpose": "nightly"}, ["one", "one", "two"]),
        ({"purpose": "night"}, []),
        ({"since": "2026-05-02"}, ["two", "three"]),
        ({"since": "2026-05-02T02:00:00Z"}, ["two", "three"]),
        ({"since": "2026-05-02T04:00:00+02:00"}, ["two", "three"]),
        ({"since": "2026-05-02T02:00:00.001+00:00"}, ["three"]),
        ({"series": OTHER, "purpose": "calibrate", "device_id": build.DEVICE, "since": "2026-05-01"}, ["three"]),
        ({"series": "' OR 1=1 --"}, []),
    ],
)
def test_a_history_is_narrowed_by_everything_that_is_named(
    three_nights: Store, wanted: dict[str, str], found: list[str]
) -> None:
    assert runs_of(three_nights.outcome_history(**wanted)) == found  # type: ignore[arg-type]


@pytest.mark.parametrize("since", ["yesterday", "", "2026-13-01", "2026"])
def test_what_is_no_point_in_time_is_refused(store: Store, since: str) -> None:
    for call in (lambda: store.outcome_history(since=since), lambda: store.noise(build.DEVICE, since=since)):
        with pytest.raises(StoreError, match="is not a point in time") as caught:
            call()
        assert "2026-05-31" in caught.value.remedy
        assert caught.value.where == store.where


@pytest.mark.parametrize(
    "settings_json", ["{}", "", '{"comparison": "nightly"}', '{"comparison": {"purpose": ["nightly"]}}']
)
def test_a_run_that_does_not_say_what_for_is_in_the_whole_history_only(store: Store, settings_json: str) -> None:
    store.create_run(build.run(settings_json=settings_json), [])
    store.save_outcomes("run-1", [build.outcome()])
    assert runs_of(store.outcome_history()) == ["run-1"]
    assert store.outcome_history(purpose="nightly") == ()


def test_the_settings_of_a_run_are_told(store: Store) -> None:
    store.create_run(build.run(settings_json=settings()), [])
    assert store.run_settings("run-1")["comparison"]["purpose"] == "nightly"
    store.create_run(build.run("bare", settings_json=""), [])
    assert store.run_settings("bare") == {}
    with pytest.raises(StoreError, match="there is no run 'gone'"):
        store.run_settings("gone")


@pytest.mark.parametrize("settings_json", ["[1]", "{", "7"])
def test_settings_that_are_no_object_are_named(store: Store, settings_json: str) -> None:
    store.create_run(build.run(settings_json=settings_json), [])
    with pytest.raises(StoreError, match="cannot be read"):
        store.run_settings("run-1")
