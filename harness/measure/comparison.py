"""Is B slower than A? Paired by block, on invocation medians, with an answer that may be "not known yet".

In block j both arms ran seconds apart, in random order, and d_j = log(median of B / median of A). The verdict is Yuen's
test of the 20 % trimmed mean of d at 8, 12, 20 and 30 blocks, each at 0.25 %, so that the four looks together stay at
1 %. A number of blocks that was fixed beforehand is looked at once, at 1 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.domain import ComparisonVerdict, InvocationRecord, Purpose, Status
from harness.measure.change_rules import LATENCY_SHARE
from harness.measure.invocation import InvocationSummary, summarise_result
from harness.measure.modes import Modes, find_modes, halves
from harness.measure.paired_test import sign_test, yuen_test
from harness.measure.statistics import minimum_detectable_effect, trimmed_mean

LOOKS = (8, 12, 20, 30)
# Below, trimming leaves fewer than three degrees of freedom and the 99 % interval spans orders of magnitude.
LEAST_FOR_INTERVAL = 6
ALPHA_A_LOOK = 0.0025
ALPHA_PLANNED = 0.01
MIN_EFFECT = LATENCY_SHARE
SUSPECT_SHARE = 0.2


@dataclass(frozen=True)
class BlockMedian:
    """One invocation of one arm: its block, its place inside the block, and its median.

    `suspect` marks independent evidence against it (it slowed down, the clock fell); a value alone is never suspect.
    Nor is an invocation that found no level: what disturbed it comes and goes, and the toss inside the block gives it
    to both arms alike, so it widens the interval and moves it nowhere.
    """

    block: int
    order: int
    median_ms: float
    suspect: bool = False


@dataclass(frozen=True)
class Comparison:
    """The outcome. `ratio` is B over A, with its 99 % interval; `mde` is a relative change, 0.03 for 3 %.

    All figures are of the first `blocks` complete blocks, those of the last look; `available` counts the complete ones.
    Below the first look there is no verdict but CONTINUE (or INCONCLUSIVE), and the figures are of all complete blocks;
    below 6 blocks there is neither interval nor mde.
    """

    verdict: ComparisonVerdict
    ratio: float
    ci_low: float | None
    ci_high: float | None
    p: float | None
    blocks: int
    available: int
    incomplete: int
    mde: float | None
    min_effect: float
    quantised: bool = False
    modes_a: Modes | None = None
    modes_b: Modes | None = None
    notes: tuple[str, ...] = ()


def block_medians(records: Iterable[InvocationRecord]) -> tuple[BlockMedian, ...]:
    """The timing invocations of one case as an arm: of each block the last attempt, if it succeeded.

    A median of 0, as a tool with whole microseconds prints it of a tiny model, is no time.
    """
    last: dict[int, InvocationRecord] = {}
    for record in records:
        if record.purpose is Purpose.TIMING and record.attempt >= last.get(record.block, record).attempt:
            last[record.block] = record
    return tuple(
        _block_median(record, summary)
        for _, record in sorted(last.items())
        if record.result.status is Status.DONE
        and (summary := summarise_result(record.result)) is not None
        and summary.median_ms > 0
    )


def compare_blocks(
    arm_a: Sequence[BlockMedian],
    arm_b: Sequence[BlockMedian],
    *,
    noise_floor: float = 0.0,
    planned: int | None = None,
    final: bool = False,
) -> Comparison:
    """Compare candidate B with base A.

    Args:
        arm_a: invocations of the base, at most one a block.
        arm_b: invocations of the candidate, in the same blocks.
        noise_floor: the device's A/A noise as a relative change; the least effect that counts is max(2 %, noise_floor).
        planned: the number of blocks, if it was fixed before the first one ran: one look, at 1 %. None when blocks are
            added until there is an answer.
        final: there will be no more blocks, so that CONTINUE becomes INCONCLUSIVE; `planned` implies it.

    Raises:
        ValueError: fewer than two blocks hold both arms, the arms did not run interleaved, a block or its order is
            missing or ambiguous, or there are more blocks than planned.
    """
    pairs, incomplete = _pair(arm_a, arm_b)
    look = _look(len(pairs), planned)
    used = pairs[: look or len(pairs)]
    differences = np.array([math.log(b.median_ms / a.median_ms) for a, b in used])
    min_effect = max(MIN_EFFECT, noise_floor)
    test = sign_test(differences) if trimmed_mean(differences).se == 0.0 else yuen_test(differences)
    modes_a, modes_b = (find_modes([pair[arm].median_ms for pair in used]) for arm in (0, 1))
    notes = [*_order_notes(used), *_mode_notes("A", modes_a), *_mode_notes("B", modes_b)]
    verdict = (
        test.verdict(min_effect, ALPHA_A_LOOK if planned is None else ALPHA_PLANNED)
        if look
        else ComparisonVerdict.CONTINUE
    )
    verdict = _held_back(verdict, used, modes_a, modes_b, min_effect, notes)
    interval = test.interval if len(used) >= LEAST_FOR_INTERVAL else None
    if verdict is ComparisonVerdict.CONTINUE and (final or planned is not None or look == LOOKS[-1]):
        verdict = ComparisonVerdict.INCONCLUSIVE
    return Comparison(
        verdict=verdict,
        ratio=math.exp(test.effect),
        ci_low=None if interval is None else math.exp(interval[0]),
        ci_high=None if interval is None else math.exp(interval[1]),
        p=test.p,
        blocks=len(used),
        available=len(pairs),
        incomplete=incomplete,
        mde=minimum_detectable_effect(differences) if len(used) >= LEAST_FOR_INTERVAL else None,
        min_effect=min_effect,
        quantised=test.quantised,
        modes_a=modes_a,
        modes_b=modes_b,
        notes=tuple(notes),
    )


def _look(available: int, planned: int | None) -> int:
    """How many blocks the verdict rests on; 0 when there are too few for any."""
    if planned is None:
        return max((size for size in LOOKS if size <= available), default=0)
    if available > planned:
        raise ValueError(f"{available} blocks where {planned} were planned: adding blocks needs a look at each stage")
    return available if available >= LOOKS[0] else 0


# ---- pairing ---------------------------------------------------------------------------------------------------------

_Pair = tuple[BlockMedian, BlockMedian]


def _pair(arm_a: Sequence[BlockMedian], arm_b: Sequence[BlockMedian]) -> tuple[list[_Pair], int]:
    by_block_a, by_block_b = _by_block(arm_a, "A"), _by_block(arm_b, "B")
    common = sorted(by_block_a.keys() & by_block_b.keys())
    if len(common) < 2:
        raise ValueError(
            f"the arms share {len(common)} blocks: arms that ran one after the other (A A A B B B) cannot be compared, "
            "because drift of the device would count as a difference. Measure them interleaved in one run."
        )
    pairs = [(by_block_a[block], by_block_b[block]) for block in common]
    _refuse_sequential(pairs)
    return pairs, len(by_block_a.keys() | by_block_b.keys()) - len(common)


def _by_block(arm: Sequence[BlockMedian], name: str) -> dict[int, BlockMedian]:
    counts = Counter(entry.block for entry in arm)
    for entry in arm:
        for field, value in (("block", entry.block), ("order", entry.order)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                raise ValueError(f"arm {name} has an invocation whose {field} is {value!r}: it must be known")
        if counts[entry.block] > 1:
            raise ValueError(f"arm {name} has {counts[entry.block]} invocations in block {entry.block}: one is allowed")
        if not (math.isfinite(entry.median_ms) and entry.median_ms > 0):
            raise ValueError(f"arm {name} has a median of {entry.median_ms} ms in block {entry.block}")
    return {entry.block: entry for entry in arm}


def _refuse_sequential(pairs: list[_Pair]) -> None:
    """`order` may count inside the block or through the session; in both cases a block must be one stretch of time."""
    for a, b in pairs:
        if a.order == b.order:
            raise ValueError(f"both arms have order {a.order} in block {a.block}: which ran first is not known")
    orders = [entry.order for pair in pairs for entry in pair]
    if len(set(orders)) < len(orders):
        return
    ends = [(min(a.order, b.order), max(a.order, b.order)) for a, b in pairs]
    if any(later[0] < earlier[1] for earlier, later in pairwise(ends)):
        raise ValueError(
            "the order of the invocations shows that blocks did not run one after the other (A A A B B B?): "
            "such arms cannot be compared. Measure them interleaved in one run."
        )


# ---- reservations ----------------------------------------------------------------------------------------------------


def _held_back(
    verdict: ComparisonVerdict,
    used: list[_Pair],
    modes_a: Modes | None,
    modes_b: Modes | None,
    min_effect: float,
    notes: list[str],
) -> ComparisonVerdict:
    """CONTINUE where the test's assumptions do not hold; says why in `notes`."""
    suspects = sum(a.suspect or b.suspect for a, b in used)
    if suspects > SUSPECT_SHARE * len(used):
        notes.append(
            f"{suspects} of {len(used)} blocks have an invocation that slowed down or lost clock, more than the "
            f"{SUSPECT_SHARE:.0%} that trimming tolerates: cool the device, or end what else runs on it, and measure "
            "again"
        )
        return ComparisonVerdict.CONTINUE
    # Equal arms with two speeds are equal: a share of slow ones that changed would not let the interval close.
    changed = verdict is not ComparisonVerdict.SAME
    if changed and (modes_a or modes_b) and not _every_mode_shifts(used, modes_a, modes_b, verdict, min_effect):
        return ComparisonVerdict.CONTINUE
    return verdict


def _every_mode_shifts(
    used: list[_Pair], modes_a: Modes | None, modes_b: Modes | None, verdict: ComparisonVerdict, min_effect: float
) -> bool:
    """Whether the fast and the slow mode both moved in the direction of the verdict: then the case did change.

    Where the machine has two speeds, chance may show them in one arm only: the other one is split, too. One that has a
    single mode is split into halves that hardly differ, and so hardly differs from its median.
    """
    a, b = (modes or halves([pair[arm].median_ms for pair in used]) for arm, modes in enumerate((modes_a, modes_b)))
    shifts = (b.fast_ms / a.fast_ms - 1.0, b.slow_ms / a.slow_ms - 1.0)
    if verdict is ComparisonVerdict.REGRESSION:
        return min(shifts) >= min_effect
    return verdict is ComparisonVerdict.IMPROVEMENT and max(shifts) <= -min_effect


def _mode_notes(arm: str, modes: Modes | None) -> list[str]:
    if modes is None:
        return []
    return [
        f"arm {arm} has two speeds: {modes.fast_ms:.4g} ms and {modes.slow_ms:.4g} ms "
        f"({modes.slow_share:.0%} of its invocations)"
    ]


def _order_notes(used: list[_Pair]) -> list[str]:
    """Eight equal tosses happen once in 128 pairs, twelve once in 2,000: only those say something of the tosser."""
    first = sum(a.order < b.order for a, b in used)
    if len(used) >= LOOKS[1] and first in (0, len(used)):
        return [f"arm {'A' if first else 'B'} ran first in all {len(used)} blocks: the order hardly was random"]
    return []


def _block_median(record: InvocationRecord, summary: InvocationSummary) -> BlockMedian:
    evidence = record.result.evidence
    start_ghz, end_ghz = evidence.clock_start_ghz, evidence.clock_end_ghz
    clock_fell = start_ghz is not None and end_ghz is not None and end_ghz < 0.95 * start_ghz
    slowed = summary.steady == "slowdown"
    return BlockMedian(record.block, record.order, summary.median_ms, suspect=clock_fell or slowed)
