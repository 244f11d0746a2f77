"""Sixty nights of a made-up farm with real noise, through the real stopping and decision code."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.domain import Night
from tests.measure.nights import Farm

NIGHTS = 60
PHONES = [("p1", "Pixel"), ("p2", "Pixel"), ("g1", "Galaxy")]
MODELS = ["mobilenet", "efficientnet", "yolo", "bert"]


def kinds(nights: list[Night]) -> Counter[str]:
    return Counter(event.kind for night in nights for event in night.events)


@pytest.mark.parametrize("seed", [1, 2])
def test_sixty_nights_without_a_change_call_nobody(seed: int) -> None:
    farm = Farm(MODELS, PHONES, seed)
    nights = [farm.night(number) for number in range(NIGHTS)]
    found = kinds(nights)
    assert not {"REGRESSION", "DEVICE", "AWAITING"} & found.keys()
    assert sum(night.verdict == "PASS" for night in nights) >= 58


def test_a_slow_drift_of_the_device_calls_nobody() -> None:
    farm = Farm(MODELS, PHONES)
    nights = [farm.night(number, level=lambda device, n=number: 1.0 + 0.002 * n) for number in range(NIGHTS)]  # type: ignore[misc]
    assert not {"REGRESSION", "DEVICE", "AWAITING"} & kinds(nights).keys()


def test_outlier_nights_call_nobody() -> None:
    farm = Farm(MODELS, PHONES)
    nights = [farm.night(number, spread=0.08 if number % 12 == 5 else None) for number in range(NIGHTS)]
    assert not {"REGRESSION", "DEVICE"} & kinds(nights).keys()
    assert sum(night.verdict == "PASS" for night in nights) >= 50


def test_a_step_of_one_model_is_paged_on_its_first_night_by_two_phones_of_a_model() -> None:
    farm = Farm(MODELS, PHONES)

    def effect(model: str, device: str) -> float:
        return 0.05 if number >= 30 and model == "yolo" else 0.0

    nights = []
    for number in range(NIGHTS):
        nights.append(farm.night(number, effect))
    before, after = nights[:30], nights[30:]
    assert not {"REGRESSION", "AWAITING"} & kinds(before).keys()
    (event,) = after[0].events
    assert (event.kind, {one.model for one in event.outcomes}) == ("REGRESSION", {"yolo"})
    assert sum(night.verdict == "REGRESSION" for night in after) >= 29
    assert all(sum(one.kind == "REGRESSION" for one in night.events) <= 1 for night in after)


def test_a_step_on_a_farm_of_one_phone_awaits_the_second_night() -> None:
    farm = Farm(MODELS, PHONES[:1])
    verdicts = []
    for number in range(40):
        worse = 0.05 if number >= 30 else 0.0
        verdicts.append(farm.night(number, lambda model, device, e=worse: e if model == "bert" else 0.0).verdict)  # type: ignore[misc]
    assert set(verdicts[:30]) == {"PASS"}
    assert verdicts[30:33] == ["INCONCLUSIVE", "REGRESSION", "REGRESSION"]


def test_a_system_update_is_one_device_event_a_night_until_it_is_the_usual_level() -> None:
    farm = Farm(MODELS, PHONES)
    nights = []
    for number in range(NIGHTS):
        nights.append(farm.night(number, level=lambda device, n=number: 1.08 if device == "p1" and n >= 30 else 1.0))  # type: ignore[misc]
    assert all(night.verdict in ("PASS", "INCONCLUSIVE") for night in nights)
    assert kinds(nights[:30])["DEVICE"] == 0
    (event,) = nights[30].events
    assert (event.kind, event.devices, len(event.series)) == ("DEVICE", ("p1",), 4)
    told = [sum(event.kind == "DEVICE" for event in night.events) for night in nights]
    assert max(told) == 1
    assert sum(told[41:]) == 0
