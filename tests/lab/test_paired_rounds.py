"""Which invocations the pairs of a lane get; store and ledger are real, the device is a function of case and block."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from harness.domain import (
    CANDIDATE,
    Case,
    DeviceFacts,
    InvocationRecord,
    InvocationResult,
    MeasureSettings,
    ModelRef,
    Pair,
    Purpose,
    RunRecord,
    RuntimeRef,
    Status,
    Target,
    VariantFile,
)
from harness.events import Event, Message
from harness.lab.ledger import Ledger
from harness.lab.paired_rounds import BATCH, PairedRounds, Stopping
from harness.lab.rounds import RoundsContext
from harness.lab.sentinel import is_sentinel, sentinel_case, sentinel_window
from harness.lab.tasks import DoneKey, Task, together
from harness.measure.stopping import FixedBlocks, Looks, ScreenThenConfirm
from harness.store import Store
from harness.sweep import Sweep, pair_with_itself

Latency = Callable[[Case, int], float | None]
SENTINEL = sentinel_case(Target(), "host", RuntimeRef())
GOOD = InvocationResult(Status.DONE)
HOST = DeviceFacts("host", "host", "a machine")
SHORT = MeasureSettings(memory=False, profile=False)


def steady(case: Case, block: int) -> float:
    """10 ms in both arms, with a little noise that repeats."""
    return 10.0 + 0.01 * (int(case.case_id, 16) * (block + 1) % 7 - 3)


def slower(share: float) -> Latency:
    return lambda case, block: steady(case, block) * (1 + share * (case.arm == CANDIDATE))


def pairs(count: int) -> tuple[Pair, ...]:
    models = tuple(ModelRef(f"m{number}", f"m{number}.tflite") for number in range(count))
    return pair_with_itself(Sweep("s", models, ("int8",))).pairs


@dataclass
class Bench:
    store: Store
    latency: Latency = steady
    measure: MeasureSettings = SHORT
    now_s: float = 0.0
    events: list[Event] = field(default_factory=list)
    made: list[Task] = field(default_factory=list)

    def open(self, compared: Sequence[Pair], *, done: frozenset[DoneKey] = frozenset()) -> RoundsContext:
        cases = (*(case for pair in compared for case in (pair.base, pair.candidate)), SENTINEL)
        if not self.store.list_runs():
            run = RunRecord("r", "trial", "", "", "{}", "0", "2026-01-01T00:00:00Z")
            self.store.create_run(run, [(case, "host") for case in cases])
        self.ledger = Ledger("r", self.store, cases, "any")
        self.ledger.restore(self.store.invocations("r"), {})
        for case in cases:
            file = VariantFile(case.model.name, case.variant, Status.DONE, path="m.tflite")
            self.ledger.attach({(case.model.name, case.variant): file}, None, case)
        return RoundsContext(
            HOST, cases, self.measure, self.ledger, frozenset(), done, self.events.append, lambda: self.now_s
        )

    def run(self, rounds: PairedRounds, limit: int = 10_000) -> list[Task]:
        """Make every task, each a second long; stop after `limit` as a killed controller would."""
        while tasks := rounds.next():
            for group in together(tasks):
                attempt = max(self.ledger[task.case.case_id].next_attempt(task) for task in group)  # as a lane does
                for task in group:
                    if len(self.made) == limit:
                        return self.made
                    self._make(task, attempt)
        return self.made

    def _make(self, task: Task, attempt: int) -> None:
        self.now_s += 1.0
        self.made.append(task)
        if self.ledger[task.case.case_id].given_up():
            return
        result = GOOD
        if task.purpose is Purpose.TIMING:
            value_ms = self.latency(task.case, task.block)
            samples = None if value_ms is None else np.full(50, round(value_ms * 1e6), np.int64)
            result = InvocationResult(Status.DONE if samples is not None else Status.CRASHED, samples_ns=samples)
        at = "2026-01-01T00:00:00Z"
        record = InvocationRecord(task.case.case_id, task.purpose, task.block, task.order, attempt, at, result)
        self.ledger.record(record, 1)

    def blocks(self, case: Case) -> list[int]:
        return [task.block for task in self.made if task.case == case and task.purpose is Purpose.TIMING]

    def said(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Message))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store.open(tmp_path / "results.sqlite") as store:
        yield Bench(store)


def test_equal_builds_are_settled_at_the_first_look(bench: Bench) -> None:
    compared = pairs(2)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks())))
    for pair in compared:
        assert bench.blocks(pair.base) == bench.blocks(pair.candidate) == list(range(8))
    assert bench.said().count("SAME") == 2


def test_the_arms_of_a_pair_run_one_right_after_the_other_in_random_order(bench: Bench) -> None:
    compared = pairs(5)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(FixedBlocks(16))))
    timed = [task for task in bench.made if task.purpose is Purpose.TIMING and not is_sentinel(task.case)]
    for first, second in zip(timed[::2], timed[1::2], strict=True):
        assert first.block == second.block
        assert {first.case, second.case} in [{pair.base, pair.candidate} for pair in compared]
        assert (first.order, second.order) == (0, 1)
    began_with_base = [task.case.arm != CANDIDATE for task in timed[::2]]
    assert 0.3 < statistics.mean(began_with_base) < 0.7
    assert all(earlier.block <= later.block for earlier, later in pairwise(timed)), "block after block"


def test_only_what_is_open_goes_on(bench: Bench) -> None:
    compared = pairs(2)
    unsure = compared[0].candidate.case_id

    def latency(case: Case, block: int) -> float:
        return steady(case, block) * (1 + 0.2 * (case.case_id == unsure and block % 3 == 0))

    bench.latency = latency
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks())))
    assert len(bench.blocks(compared[0].base)) > 8
    assert len(bench.blocks(compared[1].base)) == 8


def test_a_night_confirms_what_its_screen_suspects(bench: Bench) -> None:
    compared = pairs(3)
    bench.latency = lambda case, block: steady(case, block) * (1.06 if case == compared[1].candidate else 1.0)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(ScreenThenConfirm())))
    assert [len(bench.blocks(pair.base)) for pair in compared] == [6, 14, 6]
    assert "REGRESSION (confirmation), ratio 1.060" in bench.said()


def test_a_noise_floor_is_asked_for_with_the_latency(bench: Bench) -> None:
    compared, asked = pairs(1), []

    def noise_floor(facts: DeviceFacts, pair: Pair, latency_ms: float) -> float:
        asked.append((facts, pair, latency_ms))
        return 0.10

    bench.latency = slower(0.06)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks(), noise_floor)))
    assert "SAME" in bench.said()
    assert asked[-1][:2] == (HOST, compared[0])
    assert asked[-1][2] == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(("limit", "again"), [(20, 0), (21, 1), (22, 0)])
def test_a_killed_run_goes_on_and_repeats_nothing_but_half_a_block(bench: Bench, limit: int, again: int) -> None:
    compared = pairs(2)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks())), limit=limit)
    done = bench.store.done_keys("r")
    bench.run(PairedRounds(bench.open(compared, done=done), compared, Stopping(Looks())))
    keys = [task.key for task in bench.made if not is_sentinel(task.case)]
    assert len(keys) - len(set(keys)) == again
    later = [task for task in bench.made[limit:] if task.purpose is Purpose.TIMING and not is_sentinel(task.case)]
    for first, second in zip(later[::2], later[1::2], strict=True):
        assert first.block == second.block
        assert {first.case, second.case} in [{pair.base, pair.candidate} for pair in compared]
    assert all({*bench.blocks(pair.base)} == {*bench.blocks(pair.candidate)} == {*range(8)} for pair in compared)


def test_a_second_pass_that_was_cut_off_is_made_again_and_no_other_block(bench: Bench) -> None:
    compared = pairs(1)
    (pair,) = compared
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(FixedBlocks(8))), limit=3 + 3 * 3)
    (last,) = [one for one in bench.store.invocations("r", pair.base.case_id) if one.block == 2]
    bench.ledger.record(replace(last, attempt=1), 1)  # the second pass through block 2, killed after its first arm
    rounds = PairedRounds(bench.open(compared, done=bench.store.done_keys("r")), compared, Stopping(FixedBlocks(8)))
    assert rounds.blocks_of(pair).made == 2
    assert [entry.block for entry in rounds.blocks_of(pair).base] == [0, 1]
    bench.run(rounds)
    assert bench.blocks(pair.base) == bench.blocks(pair.candidate) == [0, 1, 2, *range(2, 8)]


def test_a_block_during_whose_second_pass_the_device_was_lost_is_made_again(bench: Bench) -> None:
    """It counts as done in the store, for its first pass succeeded."""
    compared = pairs(1)
    (pair,) = compared
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(FixedBlocks(8))), limit=3 + 3 * 3)
    for case, status in ((pair.base, Status.DONE), (pair.candidate, Status.OFFLINE)):
        (last,) = [one for one in bench.store.invocations("r", case.case_id) if one.block == 2]
        bench.ledger.record(replace(last, attempt=1, result=replace(last.result, status=status)), 1)
    done = bench.store.done_keys("r")
    bench.run(PairedRounds(bench.open(compared, done=done), compared, Stopping(FixedBlocks(8))), limit=60)
    assert bench.blocks(pair.base) == bench.blocks(pair.candidate) == [0, 1, 2, *range(2, 8)]


def test_a_counterpart_that_can_only_run_after_a_resume_gets_whole_blocks(bench: Bench) -> None:
    compared = pairs(3)
    context = bench.open(compared)
    alone = replace(context, cases=tuple(pair.candidate for pair in compared))
    bench.run(PairedRounds(alone, compared, Stopping(Looks())))
    done = bench.store.done_keys("r")
    bench.run(PairedRounds(bench.open(compared, done=done), compared, Stopping(Looks())))
    assert bench.said().count("SAME") == 3


def test_an_arm_that_crashes_ends_its_pair_and_no_other(bench: Bench) -> None:
    compared = pairs(2)
    bench.latency = lambda case, block: None if case == compared[0].candidate else steady(case, block)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks())))
    assert "no two blocks to compare" in bench.said()
    assert len(bench.blocks(compared[1].base)) == 8


def test_a_case_whose_counterpart_is_missing_is_tried_once(bench: Bench) -> None:
    compared = pairs(1)
    context = bench.open(compared)
    alone = replace(context, cases=(compared[0].candidate,))
    made = bench.run(PairedRounds(alone, compared, Stopping(Looks())))
    assert [task.purpose for task in made] == [Purpose.OUTPUTS, Purpose.TIMING]


def test_the_time_budget_begins_no_further_batch(bench: Bench) -> None:
    compared = pairs(BATCH + 2)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks(), deadline_s=30.0)))
    assert all(len(bench.blocks(pair.base)) == 8 for pair in compared[:BATCH])
    assert not any(bench.blocks(pair.base) for pair in compared[BATCH:])
    assert bench.ledger.final_row(compared[-1].base).status is Status.SKIPPED
    assert "2 pairs were not begun" in bench.said()


def test_the_time_budget_leaves_out_cases_without_a_counterpart_too(bench: Bench) -> None:
    compared = pairs(2)
    context = bench.open(compared)
    alone = replace(context, cases=(compared[0].base, compared[0].candidate, compared[1].base))
    bench.run(PairedRounds(alone, compared, Stopping(Looks(), deadline_s=0.0)))
    assert bench.ledger.final_row(compared[1].base).status is Status.SKIPPED
    assert "1 pairs were not begun" in bench.said()


def test_the_sentinel_runs_in_every_block_with_a_short_window(bench: Bench) -> None:
    compared = pairs(2)
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(FixedBlocks(8))))
    assert bench.blocks(SENTINEL) == list(range(8))
    order = [is_sentinel(task.case) for task in bench.made if task.purpose is Purpose.TIMING]
    assert order == [*[False] * 4, True] * 8
    assert sentinel_window(MeasureSettings()).min_s == 0.5
    assert sentinel_window(MeasureSettings(min_s=0.1, max_s=0.2)).min_s == 0.1


def test_memory_and_profile_come_after_the_blocks(bench: Bench) -> None:
    bench.measure = MeasureSettings()
    compared = pairs(1)
    made = bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks())))
    assert [task.purpose for task in made][-4:] == [Purpose.MEMORY] * 2 + [Purpose.PROFILE] * 2


def test_what_is_expected_comes_true_for_equal_builds(bench: Bench) -> None:
    bench.measure = MeasureSettings()
    compared = pairs(BATCH + 3)
    rounds = PairedRounds(bench.open(compared), compared, Stopping(ScreenThenConfirm()))
    before = rounds.expected
    made = len(bench.run(rounds))
    assert rounds.expected == made
    assert before == pytest.approx(made, abs=1), "the sentinel's outputs pass is not foreseen"


def test_the_time_budget_adds_no_further_blocks_either(bench: Bench) -> None:
    compared = pairs(1)
    bench.latency = lambda case, block: steady(case, block) * (1 + 0.3 * (block % 3 == 0 and case.arm == CANDIDATE))
    bench.run(PairedRounds(bench.open(compared), compared, Stopping(Looks(), deadline_s=30.0)))
    assert len(bench.blocks(compared[0].base)) == 12, "the look during which the time ran out is the last"
    assert "INCONCLUSIVE" in bench.said()
