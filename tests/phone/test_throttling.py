"""When a phone throttles: steps at given times."""

from tests.phone.throttling import Throttling


def test_hot_after_the_time_and_cool_after_its_end() -> None:
    plan = Throttling(3.0, 2.0, "")
    steps = [
        (False, 0.0),
        (True, 1.0),
        (True, 3.9),
        (True, 4.0),
        (True, 9.0),
        (False, 10.0),
        (False, 11.9),
        (False, 12.0),
    ]
    assert [plan.step(busy, now) for busy, now in steps] == ["", "", "", "hot", "", "", "", "cool"]


def test_a_pause_before_the_heat_starts_anew() -> None:
    plan = Throttling(3.0, 1.0, "")
    steps = [(True, 0.0), (False, 2.0), (True, 2.5), (True, 5.0), (True, 5.5)]
    assert [plan.step(busy, now) for busy, now in steps] == ["", "", "", "", "hot"]


def test_busy_again_while_cooling_stays_hot() -> None:
    plan = Throttling(1.0, 2.0, "")
    steps = [(True, 0.0), (True, 1.0), (False, 2.0), (True, 3.0), (False, 4.0), (False, 5.9), (False, 6.0)]
    assert [plan.step(busy, now) for busy, now in steps] == ["", "hot", "", "", "", "", "cool"]
