"""Two builds on one device: a few pairs at a time, block by block, until each has its answer or its blocks are used up.

Nothing runs between the two arms of a pair, and which goes first is tossed anew in each block. Pairs go in batches in
the order given, so that the important ones are settled when time runs out.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.domain import Case, DeviceFacts, InvocationRecord, Pair, Purpose, Status
from harness.events import Message
from harness.lab.blocks import Blocks, blocks_of, whole_blocks
from harness.lab.rounds import RoundsContext
from harness.lab.sentinel import is_sentinel
from harness.lab.tasks import DoneKey, Task, remaining, single_pass
from harness.measure.comparison import LOOKS
from harness.measure.stopping import FixedBlocks, Policy, ScreenThenConfirm, settle, wanted_blocks

OUT_OF_TIME = "the time budget was used up before its turn"
BATCH = 8


@dataclass(frozen=True)
class Stopping:
    """When a pair has had enough blocks. `noise_floor` gives the least change that counts, from the calibration
    of a device, for a pair with that latency in ms; `deadline_s` on the lane's clock begins no further batch."""

    policy: Policy
    noise_floor: Callable[[DeviceFacts, Pair, float], float] = field(default=lambda facts, pair, latency_ms: 0.0)
    deadline_s: float | None = None


class PairedRounds:
    """The invocations of a lane's pairs. See `harness.lab.rounds.Rounds`."""

    def __init__(self, context: RoundsContext, pairs: Sequence[Pair], stopping: Stopping) -> None:
        self._context, self._stopping, self._measure = context, stopping, context.measure
        here = {case.case_id for case in context.cases}
        self._pairs = [pair for pair in pairs if {pair.base.case_id, pair.candidate.case_id} <= here]
        both = {case.case_id for pair in self._pairs for case in (pair.base, pair.candidate)}
        # An arm whose counterpart cannot run is still tried once, so that its row says whether it works.
        self._alone = [case for case in context.cases if case.case_id not in both and not is_sentinel(case)]
        self._sentinels = [case for case in context.cases if is_sentinel(case)]
        self.cases = context.cases
        self._done = context.done - self._unfinished()
        self._waiting = list(self._pairs)
        self._tried: dict[Pair, int] = {}  # up to which block each pair was given out: none is given out for ever
        self._afterwards_due, self._given = False, 0
        self._rounds = self._all_rounds()

    @property
    def expected(self) -> int:
        """Invocations given out so far and those that a usual course adds: pairs that differ little are settled at the
        first look."""
        started = len(self._pairs) - len(self._waiting)
        afterwards = self._measure.memory + self._measure.profile
        in_hand = 2 * afterwards * min(started, BATCH) if self._afterwards_due else 0
        blocks = _usual_blocks(self._stopping.policy)
        sentinels = len(self._sentinels) * blocks * -(-len(self._waiting) // BATCH)
        return self._given + in_hand + 2 * len(self._waiting) * (1 + blocks + afterwards) + sentinels

    def next(self) -> Sequence[Task]:
        """The next round that has something left to do."""
        for tasks in self._rounds:
            left = remaining(tasks, self._done)
            if left:
                self._given += len(left)
                return left
        return ()

    def _all_rounds(self) -> Iterator[Sequence[Task]]:
        yield single_pass(self._sentinels, Purpose.OUTPUTS)
        while self._waiting:
            if self._out_of_time():
                self._leave_out([case for pair in self._waiting for case in (pair.base, pair.candidate)])
                self._waiting = []
                return
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            yield from self._batch(batch)
        yield from self._once(self._alone)

    def _batch(self, pairs: Sequence[Pair]) -> Iterator[Sequence[Task]]:
        cases = [case for pair in pairs for case in (pair.base, pair.candidate)]
        self._afterwards_due = True
        yield single_pass(cases, Purpose.OUTPUTS)
        open_pairs = list(pairs)
        while open_pairs:
            missing = {pair: self._missing(pair) for pair in open_pairs}
            begun = any(blocks.start for blocks in missing.values())
            if begun and self._out_of_time():
                missing = dict.fromkeys(open_pairs, range(0))  # what is open stays INCONCLUSIVE
            for pair in [pair for pair in open_pairs if not missing[pair]]:
                self._tell(pair)
                open_pairs.remove(pair)
            yield self._blocks({pair: missing[pair] for pair in open_pairs})
        yield from self._afterwards(cases)

    def _once(self, cases: Sequence[Case]) -> Iterator[Sequence[Task]]:
        yield single_pass(cases, Purpose.OUTPUTS)
        yield [Task(case, Purpose.TIMING, 0, order) for order, case in enumerate(cases)]

    def _afterwards(self, cases: Sequence[Case]) -> Iterator[Sequence[Task]]:
        self._afterwards_due = False
        if self._measure.memory:
            yield single_pass(cases, Purpose.MEMORY)
        if self._measure.profile:
            yield single_pass(cases, Purpose.PROFILE)
        yield single_pass([case for case in cases if case.case_id in self._context.scored], Purpose.ACCURACY)

    # ---- blocks -----------------------------------------------------------------------------------------------------

    def _missing(self, pair: Pair) -> range:
        """The numbers of the blocks that a pair is to get next; none when it is settled or one arm cannot run."""
        ledger = self._context.ledger
        if any(ledger[case.case_id].given_up() for case in (pair.base, pair.candidate)):
            return range(0)
        blocks = self.blocks_of(pair)
        floor = self._noise_floor(pair, blocks)
        made = max(blocks.made, self._tried.get(pair, 0))
        wanted = wanted_blocks(self._stopping.policy, blocks.base, blocks.candidate, made, noise_floor=floor)
        self._tried[pair] = wanted
        return range(made, wanted)

    def _noise_floor(self, pair: Pair, blocks: Blocks) -> float:
        latency_ms = statistics.median(entry.median_ms for entry in blocks.base) if blocks.base else 0.0
        return self._stopping.noise_floor(self._context.facts, pair, latency_ms)

    def blocks_of(self, pair: Pair) -> Blocks:
        """What `pair` has so far."""
        return blocks_of(*self._records(pair))

    def _records(self, pair: Pair) -> tuple[Sequence[InvocationRecord], ...]:
        ledger = self._context.ledger
        return tuple(tuple(ledger[case.case_id].records) for case in (pair.base, pair.candidate))

    def _unfinished(self) -> frozenset[DoneKey]:
        """The timing of an arm whose counterpart is missing in that block, or of another pass. Continued hours later
        such a block would hold two states of the device, so both arms are made again; of each the last attempt
        counts."""
        found: set[DoneKey] = set()
        for pair in self._pairs:
            whole = whole_blocks(*self._records(pair))
            ids = (pair.base.case_id, pair.candidate.case_id)
            found |= {key for key in self._context.done if key[0] in ids and key[2] not in whole}
        return frozenset(key for key in found if key[1] is Purpose.TIMING)

    def _blocks(self, missing: Mapping[Pair, range]) -> Sequence[Task]:
        """The blocks of some pairs, interleaved: block by block, the pairs in random order, the arms tossed."""
        tasks: list[Task] = []
        for step in range(max((len(blocks) for blocks in missing.values()), default=0)):
            due = [(pair, blocks[step]) for pair, blocks in missing.items() if step < len(blocks)]
            for pair, block in sorted(due, key=lambda one: self._toss("pair", one[0], one[1])):
                tasks += self._block(pair, block)
            tasks += [Task(case, Purpose.TIMING, self._sentinel_block(step), 0) for case in self._sentinels]
        return tasks

    def _block(self, pair: Pair, block: int) -> list[Task]:
        arms = (pair.base, pair.candidate) if self._toss("arms", pair, block)[0] & 1 else (pair.candidate, pair.base)
        return [Task(case, Purpose.TIMING, block, order, pair.series) for order, case in enumerate(arms)]

    def _toss(self, what: str, pair: Pair, block: int) -> bytes:
        """Random, yet the same after a resume."""
        return hashlib.sha256(f"{self._measure.seed}/{what}/{pair.series}/{block}".encode()).digest()

    def _sentinel_block(self, step: int) -> int:
        """The next number that no sentinel of this lane has used."""
        ledger = self._context.ledger
        records = (record for case in self._sentinels for record in ledger[case.case_id].records)
        return max((record.block for record in records if record.purpose is Purpose.TIMING), default=-1) + 1 + step

    # ---- what is told -----------------------------------------------------------------------------------------------

    def _tell(self, pair: Pair) -> None:
        blocks = self.blocks_of(pair)
        floor = self._noise_floor(pair, blocks)
        comparison, stage = settle(
            self._stopping.policy, blocks.base, blocks.candidate, noise_floor=floor, made=blocks.made
        )
        if comparison is None:
            text = f"{pair.series}: no two blocks to compare"
        else:
            where = f" ({stage})" if stage else ""
            text = (
                f"{pair.series}: {comparison.verdict}{where}, ratio {comparison.ratio:.3f}, {comparison.blocks} blocks"
            )
        self._context.post(Message("info", text, self._context.clock(), self._context.facts.device_id))

    def _out_of_time(self) -> bool:
        deadline_s = self._stopping.deadline_s
        return deadline_s is not None and self._context.clock() >= deadline_s

    def _leave_out(self, cases: Sequence[Case]) -> None:
        for case in (*cases, *self._alone):
            self._context.ledger.lose(case, Status.SKIPPED, OUT_OF_TIME)
        text = f"the time budget is used up: {len(cases) // 2} pairs were not begun"
        self._context.post(Message("warning", text, self._context.clock(), self._context.facts.device_id))


def _usual_blocks(policy: Policy) -> int:
    """How many blocks a pair gets that does not differ."""
    if isinstance(policy, FixedBlocks):
        return policy.blocks
    return policy.screen_blocks if isinstance(policy, ScreenThenConfirm) else LOOKS[0]
