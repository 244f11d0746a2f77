"""Who leads in the first minute, and who when all are hot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from harness.domain import ResultRow, Verdict
from harness.measure.sustained import Sustained
from harness.measure.warmup import LEVEL_CHANGE

_MISLEADING = (Verdict.WRONG_OUTPUT, Verdict.FELL_BACK)
_LEVEL = math.log1p(LEVEL_CHANGE)
_NO_PASSES: Mapping[str, Sustained] = {}


@dataclass(frozen=True)
class SustainedRanking:
    """The measured rows of one model on one device, fastest first: in the first minute, and settled.

    One leads another when it is faster by 2 % or more, and by more than their intervals explain.

    Attributes:
        first: by the first minute.
        first_leaders: the fastest of them, and those that it does not lead.
        settled, settled_leaders: by where they settled, without those that did not (`unsettled`).
        swaps: pairs of which each leads at one of the two; who leads first stands first.
        left_out: rows that are fast and wrong, or that something else computed.
    """

    model: str
    first: tuple[ResultRow, ...]
    first_leaders: tuple[ResultRow, ...]
    settled: tuple[ResultRow, ...]
    settled_leaders: tuple[ResultRow, ...]
    unsettled: tuple[ResultRow, ...]
    swaps: tuple[tuple[ResultRow, ResultRow], ...]
    left_out: tuple[ResultRow, ...] = ()

    @property
    def leader_changes(self) -> bool:
        """Whether none of the leaders of the first minute leads when hot."""
        hot = {row.case_id for row in self.settled_leaders}
        return bool(hot) and not any(row.case_id in hot for row in self.first_leaders)


def ranking(rows: Iterable[ResultRow], passes: Mapping[str, Sustained] = _NO_PASSES) -> tuple[SustainedRanking, ...]:
    """The ranking of each model and device with at least one sustained row, in order of first appearance.

    Args:
        rows: of one run.
        passes: what the passes showed, by case id: their intervals count; without them 2 % alone decide.
    """
    groups: dict[tuple[str, str], list[ResultRow]] = {}
    for row in rows:
        if row.sustained_first_ms is not None:
            groups.setdefault((row.model, row.device_id or row.device or row.target), []).append(row)
    return tuple(_ranked(model, group, passes) for (model, _), group in groups.items())


def first_ms(row: ResultRow) -> float:
    """For sorting: infinite for a row without a sustained pass."""
    return math.inf if row.sustained_first_ms is None else row.sustained_first_ms


def settled_ms(row: ResultRow) -> float:
    """For sorting: infinite for a row that did not settle."""
    return math.inf if row.sustained_settled_ms is None else row.sustained_settled_ms


def _ranked(model: str, rows: Sequence[ResultRow], passes: Mapping[str, Sustained]) -> SustainedRanking:
    sound = sorted((row for row in rows if row.verdict not in _MISLEADING), key=first_ms)
    settled = sorted((row for row in sound if row.sustained_settled_ms is not None), key=settled_ms)
    at_first, when_hot = partial(_leads_first, passes=passes), partial(_leads_hot, passes=passes)
    return SustainedRanking(
        model,
        first=tuple(sound),
        first_leaders=tuple(row for row in sound if not at_first(sound[0], row)),
        settled=tuple(settled),
        settled_leaders=tuple(row for row in settled if not when_hot(settled[0], row)),
        unsettled=tuple(row for row in sound if row.sustained_settled_ms is None),
        swaps=tuple(
            (one, other)
            for one in sound
            for other in settled
            if one.sustained_settled_ms is not None and at_first(one, other) and when_hot(other, one)
        ),
        left_out=tuple(row for row in rows if row.verdict in _MISLEADING),
    )


def _leads_first(one: ResultRow, other: ResultRow, passes: Mapping[str, Sustained]) -> bool:
    reaches = [passes[row.case_id].first.reach for row in (one, other) if row.case_id in passes]
    return _leads(first_ms(one), first_ms(other), reaches)


def _leads_hot(one: ResultRow, other: ResultRow, passes: Mapping[str, Sustained]) -> bool:
    reaches = [passes[row.case_id].last.reach for row in (one, other) if row.case_id in passes]
    return _leads(settled_ms(one), settled_ms(other), reaches)


def _leads(one_ms: float, other_ms: float, reaches: Sequence[float]) -> bool:
    return math.log(other_ms / one_ms) >= max(_LEVEL, math.hypot(*reaches))
