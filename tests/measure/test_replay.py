"""The alarm tests itself on recorded noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.measure.comparison import BlockMedian
from harness.measure.replay import RecordedPair, Replay, replay
from harness.measure.simulator import SimulatedDevice, simulate_session
from harness.measure.stopping import ScreenThenConfirm
from tests.measure.nights import outcome

POLICY = ScreenThenConfirm()
NAMES = ("mobilenet", "yolo", "bert", "whisper")


def recording(effect: float = 0.0, blocks: int = 6, seed: int = 1, floor: float = 0.0) -> list[RecordedPair]:
    rng = np.random.default_rng(seed)
    device = SimulatedDevice().quiet()
    sessions = [simulate_session(rng, device, blocks, effect) for _ in NAMES]
    return [
        RecordedPair(outcome(model=name), session.arm_a, session.arm_b, floor)
        for name, session in zip(NAMES, sessions, strict=True)
    ]


def run(recorded: list[RecordedPair], injected: float, replays: int = 60, **more: int) -> Replay:
    return replay(recorded, injected, policy=POLICY, replays=replays, **more)


@pytest.mark.parametrize("blocks", [6, 36])
def test_the_gate_fires_for_5_percent_and_not_for_nothing(blocks: int) -> None:
    recorded = recording(blocks=blocks)
    fires = run(recorded, 0.05)
    assert fires.behaves
    assert min(one.share for one in fires.series) >= 0.9
    silent = run(recorded, 0.0)
    assert silent.behaves
    assert silent.share <= 0.01


def test_a_gate_that_never_fires_or_always_does_is_found_out() -> None:
    deaf = replay(recording(), 0.05, policy=ScreenThenConfirm(threshold=0.5), replays=20)
    assert (deaf.share, deaf.behaves) == (0.0, False)
    calm = run(recording(seed=2), 0.0, 20)
    assert calm.behaves
    assert not Replay(0.0, tuple(replace(one, fired=one.replays) for one in calm.series)).behaves


def test_a_change_that_was_recorded_is_taken_out() -> None:
    silent = run(recording(effect=0.20, blocks=30), 0.0)
    assert silent.share <= 0.01
    assert run(recording(effect=-0.20, blocks=30), 0.05).behaves


def test_a_faster_candidate_rings_no_alarm() -> None:
    found = run(recording(), -0.10, 20)
    assert (found.share, found.behaves) == (0.0, True)


def test_a_change_below_twice_the_least_effect_demands_nothing() -> None:
    found = run(recording(), 0.03, 10)
    assert {one.demanded for one in found.series} == {""}
    assert found.behaves
    noisy = run(recording(floor=0.04), 0.05, 10)
    assert {one.demanded for one in noisy.series} == {""}
    assert {one.min_effect for one in noisy.series} == {0.04}


def test_few_blocks_are_drawn_together_with_those_of_the_same_device() -> None:
    few = [BlockMedian(block, block % 2, 10.0) for block in range(3)]
    still = RecordedPair(outcome(model="still"), tuple(few), tuple(few))
    noisy, other = (
        [BlockMedian(n, n % 2, 20.0 * math.exp(0.05 * (-1) ** (n // k))) for n in range(20)] for k in (1, 2)
    )
    restless = RecordedPair(outcome(model="restless"), tuple(noisy), tuple(other))
    alone = run([still], 0.05, 5)
    assert alone.series[0].blocks == 18.0  # nothing varies: signs decide at the second look of the confirmation
    assert run([still, restless], 0.05, 5).series[0].blocks > 18.0


def test_a_pair_without_two_blocks_is_left_out_and_named() -> None:
    empty = RecordedPair(outcome(model="empty"), (), ())
    found = run([empty, *recording()], 0.05, 5)
    assert found.left_out == (empty.outcome.series,)
    assert len(found.series) == 4
    nothing = run([empty], 0.05, 5)
    assert (nothing.series, nothing.behaves, nothing.share) == ((), False, 0.0)


@pytest.mark.parametrize("page_after", [1, 3])
def test_any_number_of_nights_is_agreed(page_after: int) -> None:
    assert run(recording(), 0.08, 10, page_after=page_after).share == 1.0


def test_the_same_seed_gives_the_same_figures() -> None:
    assert run(recording(), 0.03, 10, seed=5) == run(recording(), 0.03, 10, seed=5)
    assert run(recording(), 0.03, 10, seed=5) != run(recording(), 0.03, 10, seed=6)


@pytest.mark.parametrize("injected", [-1.0, math.nan, math.inf])
def test_what_cannot_be_injected_is_refused(injected: float) -> None:
    with pytest.raises(ValueError, match="cannot be injected"):
        run(recording(), injected)
