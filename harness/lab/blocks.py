"""The blocks of a pair, from the records of its two arms: which are whole, which are torn, and what they hold.

Both arms of a block are made in one *pass*, one right after the other; where one throttled, both are made again in a
new pass. Attempts are numbered so that every attempt of a pass has a higher number than all attempts of the passes
before it, in both arms: a pass that was cut off after its first arm is known by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.domain import InvocationRecord, Purpose, Status
from harness.lab.tasks import attempts_allowed
from harness.measure import BlockMedian, block_medians


@dataclass(frozen=True)
class Blocks:
    """What a pair has so far: its successful invocations by arm, and how many blocks were made in all, from the first
    on without a gap."""

    base: tuple[BlockMedian, ...]
    candidate: tuple[BlockMedian, ...]
    made: int


def blocks_of(base: Sequence[InvocationRecord], candidate: Sequence[InvocationRecord]) -> Blocks:
    """What the records of the two arms hold; a torn block is no block."""
    torn, whole = torn_blocks(base, candidate), whole_blocks(base, candidate)
    made = next(block for block in range(len(whole) + 1) if block not in whole)
    return Blocks(block_medians(without(base, torn)), block_medians(without(candidate, torn)), made)


def whole_blocks(base: Iterable[InvocationRecord], candidate: Iterable[InvocationRecord]) -> frozenset[int]:
    """The blocks in which both arms were tried in one pass; one that a lost device spoilt only when it was tried as
    often as it may be."""
    one, other = _by_block(base), _by_block(candidate)
    torn = _torn(one, other)
    tried = (block for block in one.keys() & other.keys() if _is_over(one[block]) and _is_over(other[block]))
    return frozenset(block for block in tried if block not in torn)


def torn_blocks(base: Iterable[InvocationRecord], candidate: Iterable[InvocationRecord]) -> frozenset[int]:
    """The blocks whose arms were last made in two different passes: they met two states of the device."""
    return _torn(_by_block(base), _by_block(candidate))


def without(records: Iterable[InvocationRecord], torn: frozenset[int]) -> tuple[InvocationRecord, ...]:
    """`records` without the timing of torn blocks."""
    return tuple(record for record in records if record.purpose is not Purpose.TIMING or record.block not in torn)


_Attempts = dict[int, list[InvocationRecord]]


def _by_block(records: Iterable[InvocationRecord]) -> _Attempts:
    """The timing attempts of each block, the last one last."""
    found: _Attempts = {}
    for record in records:
        if record.purpose is Purpose.TIMING:
            found.setdefault(record.block, []).append(record)
    return {block: sorted(tries, key=lambda record: record.attempt) for block, tries in found.items()}


def _torn(one: _Attempts, other: _Attempts) -> frozenset[int]:
    both = one.keys() & other.keys()
    return frozenset(block for block in both if not _same_pass(one[block], other[block]))


def _same_pass(one: Sequence[InvocationRecord], other: Sequence[InvocationRecord]) -> bool:
    return _pass_began(one) <= other[-1].attempt and _pass_began(other) <= one[-1].attempt


def _pass_began(tries: Sequence[InvocationRecord]) -> int:
    """The number of the first attempt of the last pass at the earliest: what came before the last attempt and succeeded
    belongs to an earlier pass, for within a pass only failures are tried again."""
    earlier = [place for place, record in enumerate(tries[:-1]) if record.result.status is Status.DONE]
    return tries[earlier[-1] + 1 if earlier else 0].attempt


def _is_over(tries: Sequence[InvocationRecord]) -> bool:
    status, began = tries[-1].result.status, _pass_began(tries)
    return sum(record.attempt >= began for record in tries) >= attempts_allowed(status)
