"""A device that changed is told from a build that changed."""

from __future__ import annotations

import pytest

from harness.domain import DatedOutcome, Night
from harness.measure.sentinel import SentinelLevels, sentinel_ratio
from tests.measure.nights import change, dated, decided, outcome

NAMES = "abcd"


def history(level_ms: float = 10.0, nights: int = 6, **more: object) -> list[DatedOutcome]:
    return [
        one
        for night in range(9 - nights, 9)
        for one in dated(night, *(outcome(change(base=level_ms), model=name, **more) for name in NAMES))  # type: ignore[arg-type]
    ]


def night(level_ms: float, sentinel_ms: float | None, *, worse: bool = False, before: int = 6) -> Night:
    first = change("REGRESSION", 1.05, 1e-6, base=level_ms) if worse else change(base=level_ms)
    tonight = [outcome(first if name == "a" else change(base=level_ms), model=name) for name in NAMES]
    sentinel = {} if sentinel_ms is None else {"p1": SentinelLevels(sentinel_ms, (2.0, 2.01, 1.99, 2.0, 2.0, 2.0))}
    return decided(*tonight, history=history(nights=before) if before else [], sentinel=sentinel)


def test_the_ratio_is_to_the_median_of_the_nights_before() -> None:
    assert sentinel_ratio(SentinelLevels(2.16, (2.0, 9.0, 2.0))) == pytest.approx(1.08)
    assert sentinel_ratio(SentinelLevels(2.16, ())) is None
    assert sentinel_ratio(SentinelLevels(None, (2.0,))) is None
    assert sentinel_ratio(SentinelLevels(2.0, (float("nan"), 0.0))) is None
    old = SentinelLevels(2.0, (50.0,) * 30 + (2.0,) * 10)
    assert sentinel_ratio(old) == 1.0


def test_everything_slower_with_the_sentinel_is_one_device_event_and_no_regression() -> None:
    found = night(10.8, 2.16)
    (event,) = found.events
    assert (event.kind, event.devices, len(event.series)) == ("DEVICE", ("p1",), 4)
    assert event.title == "p1 is 8.0 % slower than on the nights before"
    assert "its sentinel +8.0 %, the reference build +8.0 % (4 series)" in event.reason
    assert found.verdict == "PASS"


@pytest.mark.parametrize("nights", [1, 4])
@pytest.mark.parametrize("sentinel_ms", [None, 2.16])
def test_with_few_nights_nobody_is_accused(nights: int, sentinel_ms: float | None) -> None:
    """A device that strays by 8 % now and then cannot be told from one that changed."""
    tonight = [outcome(change(base=10.8), model=name) for name in NAMES]
    levels = {} if sentinel_ms is None else {"p1": SentinelLevels(sentinel_ms, (2.0,) * nights)}
    found = decided(*tonight, history=history(nights=nights), sentinel=levels)
    assert found.events == ()
    assert any(f"too few nights to tell the device from the build ({nights} of 5)" in note for note in found.notes)


def test_a_new_sentinel_beside_a_restless_reference_accuses_nobody() -> None:
    restless = [
        one
        for night, level_ms in enumerate((9.5, 10.6, 9.7, 10.5, 9.6, 10.4), 3)
        for one in dated(night, *(outcome(change(base=level_ms), model=name) for name in NAMES))
    ]
    tonight = [outcome(change(base=10.5), model=name) for name in NAMES]
    found = decided(*tonight, history=restless, sentinel={"p1": SentinelLevels(2.1, (2.0,))})
    assert found.events == ()
    assert any("too few nights" in note for note in found.notes)


def test_with_five_nights_a_device_is_accused() -> None:
    tonight = [outcome(change(base=10.8), model=name) for name in NAMES]
    levels = {"p1": SentinelLevels(2.16, (2.0,) * 5)}
    assert [event.kind for event in decided(*tonight, history=history(nights=5), sentinel=levels).events] == ["DEVICE"]


def test_a_faster_device_is_told_too() -> None:
    assert "8.0 % faster" in night(9.2, 1.84).events[0].title


def test_a_drift_does_not_excuse_the_candidate() -> None:
    found = night(10.8, 2.16, worse=True)
    assert [event.kind for event in found.events] == ["DEVICE", "AWAITING"]


def test_a_sentinel_alone_accuses_nobody_but_is_noted() -> None:
    found = night(10.0, 2.16)
    assert (found.events, found.verdict) == ((), "PASS")
    assert any("do not agree" in note for note in found.notes)


def test_where_no_reference_is_known_the_sentinel_speaks_alone() -> None:
    found = night(10.0, 2.16, before=0)
    assert [event.kind for event in found.events] == ["DEVICE"]


def test_a_reference_that_moved_while_the_sentinel_did_not_is_the_device_as_well() -> None:
    for sentinel_ms in (2.0, None):
        (event,) = night(10.8, sentinel_ms).events
        assert (event.kind, event.title.startswith("the reference build is 8.0 % slower on p1")) == ("DEVICE", True)


def test_opposite_signs_are_a_note() -> None:
    assert night(10.8, 1.84).events == ()


def test_small_moves_and_a_restless_sentinel_are_nothing() -> None:
    assert night(10.2, 2.04).events == ()
    restless = SentinelLevels(2.16, (1.8, 2.2, 1.9, 2.1, 2.0, 2.25))
    found = decided(*(outcome(change(), model=name) for name in NAMES), history=history(), sentinel={"p1": restless})
    assert (found.events, found.notes) == ((), ())


def test_a_restless_reference_is_nothing_until_it_moves_further_than_it_is_used_to() -> None:
    levels = (9.5, 10.6, 9.7, 10.5, 9.6, 10.4)
    restless = [
        one
        for night, level_ms in enumerate(levels, 3)
        for one in dated(night, *(outcome(change(base=level_ms), model=name) for name in NAMES))
    ]

    def told(level_ms: float) -> list[str]:
        found = decided(*(outcome(change(base=level_ms), model=name) for name in NAMES), history=restless)
        return [event.kind for event in found.events]

    assert (told(10.7), told(13.0)) == ([], ["DEVICE"])


def test_another_device_has_a_level_of_its_own() -> None:
    assert decided(*(outcome(change(base=30.0), model=n, device="p2") for n in NAMES), history=history()).events == ()
