"""Which layers cost a quantized model its accuracy: the order of suspicion, the choice of what stays float. Pure.

All errors are SQNR in dB (see `harness.prepare.judgement.agreement`), more is better; None where nothing was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.domain.diagnosis import LayerError

# Below this a layer kept in float does not help: another order of the same sums changes as much.
MIN_GAIN_DB = 0.1
Kept = frozenset[int]
"""Layers that stay float, by their position."""
NOTHING: Kept = frozenset()
Measure = Callable[[Kept], float | None]
"""The output SQNR with these layers in float; None when the time is over."""


@dataclass(frozen=True)
class Choice:
    """Layers to keep in float, in the order in which they were taken, and the output SQNR with them."""

    kept: tuple[int, ...]
    sqnr_db: float
    reached: bool


def noise_share(sqnr_db: float) -> float:
    """The noise over the signal."""
    return math.inf if sqnr_db == -math.inf else 10 ** (-sqnr_db / 10)


def by_suspicion(shares: Sequence[float | None], inputs_of: Sequence[Sequence[int]]) -> list[int]:
    """Layers in the order in which to measure them: first who adds most noise to that of the layers it reads.

    Args:
        shares: the noise over the signal in what each layer computes; None where it is not known.
        inputs_of: for each layer the positions of the layers whose results it reads.
    """
    known = [share or 0.0 for share in shares]
    own = [share - max((known[one] for one in inputs_of[at]), default=0.0) for at, share in enumerate(known)]
    return sorted(range(len(own)), key=lambda at: (-own[at], at))


def with_neighbours(inputs_of: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Each layer with those it reads and those that read it: together they keep its tensors in float, too."""
    near = [{at, *inputs} for at, inputs in enumerate(inputs_of)]
    for at, inputs in enumerate(inputs_of):
        for one in inputs:
            near[one].add(at)
    return [tuple(sorted(layers)) for layers in near]


def in_groups(count: int, groups: int) -> list[range]:
    """`count` layers in at most `groups` groups of neighbours of nearly one size."""
    size = max(1, math.ceil(count / max(1, groups)))
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def by_group(order: Sequence[int], gains: Sequence[tuple[range, float | None]]) -> list[int]:
    """`order`, with the layers of the groups first that gain most when they are kept in float together."""
    gain_of = {at: -math.inf if gain is None else gain for group, gain in gains for at in group}
    return sorted(order, key=lambda at: -gain_of.get(at, -math.inf))


def with_kept(found: LayerError, kept_db: float, all_db: float) -> LayerError:
    """`found` with what the layer gains when it alone stays float; `all_db` is the fully quantized model."""
    # Two models that are both without an error, or both without a sense, differ by nothing.
    gain_db = 0.0 if kept_db == all_db else kept_db - all_db
    return _with_cost(replace(found, kept_db=kept_db, gain_db=gain_db), noise_share(kept_db), all_db)


def with_alone(found: LayerError, alone_db: float, boundaries_db: float, all_db: float) -> LayerError:
    """`found` with what the layer costs when it alone is quantized; `boundaries_db` is with no layer quantized."""
    rest = noise_share(all_db) - (noise_share(alone_db) - noise_share(boundaries_db))
    return _with_cost(replace(found, alone_db=alone_db), rest, all_db)


def _with_cost(found: LayerError, rest: float, all_db: float) -> LayerError:
    """`rest` is the noise share of the outputs without this layer's part."""
    total = noise_share(all_db)
    if not (math.isfinite(total) and math.isfinite(rest)) or total == 0:
        return found
    cost_pct = min(100.0, max(0.0, 100 * (total - rest) / total))
    return replace(found, cost_pct=max(cost_pct, found.cost_pct or 0.0))


def ranked(findings: Sequence[LayerError]) -> list[int]:
    """Positions of `findings`: those measured first, by their cost, then the others by the error they show."""

    def key(at: int) -> tuple[bool, float, float, int]:
        found = findings[at]
        if found.cost_pct is not None:
            return False, -found.cost_pct, -(found.gain_db or 0.0), at
        return True, math.inf if found.here_db is None else found.here_db, 0.0, at

    return sorted(range(len(findings)), key=key)


def choose(
    order: Sequence[int], near: Sequence[tuple[int, ...]], measure: Measure, start_db: float, wanted_db: float
) -> Choice:
    """A small set of layers that, kept in float, reaches `wanted_db`.

    Greedy: layers are taken in `order`, each alone or, where that does not help, with its neighbours (`near`), and left
    out where that does not help either; again and again until nothing helps any more. Where that is not enough, as many
    of `order` are taken as it needs. Then those that others made needless are left out. Where the wish is out of reach,
    or the time is over, the best set so far.
    """
    search = _Search(measure, start_db, wanted_db)
    search.add_one_by_one(order, near)
    search.add_many(order)
    search.leave_out_needless()
    return Choice(search.kept, search.best_db, search.reached)


class _Search:
    """The best set so far, in the order in which its layers were taken."""

    def __init__(self, measure: Measure, start_db: float, wanted_db: float) -> None:
        self._measure, self._wanted_db = measure, wanted_db
        self.kept: tuple[int, ...] = ()
        self.best_db = start_db
        self._time_over = False

    @property
    def reached(self) -> bool:
        return self.best_db >= self._wanted_db

    def add_one_by_one(self, order: Sequence[int], near: Sequence[tuple[int, ...]]) -> None:
        """Take what helps, until nothing does."""
        before = -1
        while len(self.kept) > before:
            before = len(self.kept)
            for at in order:
                if at not in self.kept and not self._add((at,)):
                    self._add(near[at])

    def add_many(self, order: Sequence[int]) -> None:
        """Add the first two of the others, four, eight, …"""
        kept, others = self.kept, [at for at in order if at not in self.kept]
        count = 1
        while count < len(others) and not self.reached and not self._time_over:
            count = min(2 * count, len(others))
            self._try((*kept, *others[:count]), self.best_db + MIN_GAIN_DB)

    def leave_out_needless(self) -> None:
        """The last taken are the likeliest to be."""
        for at in self.kept[::-1]:
            if self.reached and not self._time_over:
                self._try(tuple(one for one in self.kept if one != at), self._wanted_db)

    def _add(self, layers: Sequence[int]) -> bool:
        more = tuple(at for at in layers if at not in self.kept)
        if self.reached or self._time_over or not more:
            return self.reached
        return self._try((*self.kept, *more), self.best_db + MIN_GAIN_DB)

    def _try(self, kept: tuple[int, ...], at_least_db: float) -> bool:
        found = self._measure(frozenset(kept))
        self._time_over = found is None
        if found is None or found == -math.inf or found < at_least_db:
            return False
        self.kept, self.best_db = kept, found
        return True
