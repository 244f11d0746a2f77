"""What is to be done on one device, in order: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.domain import Case, MeasureSettings, Purpose, Status
from harness.lab.sentinel import is_sentinel
from harness.measure.protocol import schedule

DoneKey = tuple[str, Purpose, int]

# A second try of a crash or a refusal gives the same answer; a missed deadline may have been the machine's fault.
ATTEMPTS = {Status.OFFLINE: 3, Status.TIMEOUT: 2}
# An invocation that throttled is made again after the gate, with its whole block where it is an arm of a pair, so often
# at most; every attempt is kept.
REDO = 2
MAX_ATTEMPTS = max(*ATTEMPTS.values(), 1 + REDO)


@dataclass(frozen=True)
class Task:
    """One invocation to make, or one sustained pass; `order` is its place inside the block.

    `pair` is the series that it is an arm of, empty for none: the arms of a block are made, and made again, together.
    """

    case: Case
    purpose: Purpose
    block: int
    order: int
    pair: str = ""

    @property
    def key(self) -> DoneKey:
        """What makes an invocation the same one after a resume."""
        return (self.case.case_id, self.purpose, self.block)


def tasks_for(
    cases: Sequence[Case], measure: MeasureSettings, scored: Collection[str] = frozenset()
) -> tuple[Task, ...]:
    """All invocations for one device: outputs first (a wrong case shows early), the interleaved timing blocks, memory
    and profile, the sustained passes (each one task), and last the accuracy, which may take hours and heats the device.

    Args:
        cases: in the order of the plan.
        measure: the protocol.
        scored: ids of the cases that have a data set.
    """
    by_id = {case.case_id: case for case in cases}
    blocks = schedule(tuple(by_id), measure.blocks, measure.seed)
    timing = [
        Task(by_id[case_id], Purpose.TIMING, block, order)
        for block, order_of_block in enumerate(blocks)
        for order, case_id in enumerate(order_of_block)
    ]
    wanted = [case for case in cases if not is_sentinel(case)]
    return (
        *single_pass(cases, Purpose.OUTPUTS),
        *timing,
        *(single_pass(cases, Purpose.MEMORY) if measure.memory else ()),
        *(single_pass(cases, Purpose.PROFILE) if measure.profile else ()),
        *(single_pass(wanted, Purpose.SUSTAINED) if measure.sustained_s else ()),
        *single_pass([case for case in cases if case.case_id in scored], Purpose.ACCURACY),
    )


def single_pass(cases: Sequence[Case], purpose: Purpose) -> tuple[Task, ...]:
    """One invocation of each case."""
    return tuple(Task(case, purpose, 0, order) for order, case in enumerate(cases))


def remaining(tasks: Sequence[Task], done: Collection[DoneKey]) -> tuple[Task, ...]:
    """The tasks that a resumed run still has to do, in the same order."""
    return tuple(task for task in tasks if task.key not in done)


def together(tasks: Sequence[Task]) -> Iterator[tuple[Task, ...]]:
    """`tasks` in their order, the arms of a block as one."""
    for _, group in groupby(enumerate(tasks), key=lambda one: (one[1].pair, one[1].block) if one[1].pair else one[0]):
        yield tuple(task for _, task in group)


def attempts_allowed(status: Status) -> int:
    """How often an invocation that ended with `status` is tried in all."""
    return ATTEMPTS.get(status, 1)


def given_up(timing: Sequence[Status], outputs: Status | None) -> str:
    """Why no further invocation of a case is worth its time, or an empty text.

    Args:
        timing: statuses of the finished timing invocations.
        outputs: status of the outputs pass, None when it has not run.
    """
    if outputs not in (None, Status.DONE, Status.UNSUPPORTED):  # a tool without outputs can still be timed
        return "the outputs pass failed"
    failed = sum(status is not Status.DONE for status in timing)
    if failed >= 2 and failed > len(timing) - failed:
        return f"{failed} of {len(timing)} timing invocations failed"
    return ""
