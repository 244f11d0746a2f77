"""Would the alarm ring? Nights that are drawn from recorded blocks, with a change that is put in.

Whole blocks are drawn with replacement from what a run recorded, so that the noise is that of the device; the change
between the builds that the recording itself may hold is taken out, and in each drawn block a coin says which arm is
which. Then the candidate is made slower by a known amount, and the very code that decides a night does so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.domain import ComparisonVerdict, DatedOutcome, MetricChange, PairOutcome
from harness.measure.comparison import MIN_EFFECT, BlockMedian, Comparison
from harness.measure.night import REGRESSION, decide
from harness.measure.stopping import ScreenThenConfirm, settle, wanted_blocks

REPLAYS = 200
OWN_BLOCKS = 12  # with fewer, a series draws also from the others of its device
FIRES_SHARE = 0.8
SILENT_SHARE = 0.01
DEMANDED = 2.0  # times the least effect that counts
_BEFORE, _TONIGHT = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"

Pool = tuple[tuple[float, float, bool], ...]  # of each block: log of both arms over their level, base first


@dataclass(frozen=True)
class RecordedPair:
    """What a run recorded of one pair: its outcome, for its names, and the invocations of both arms."""

    outcome: PairOutcome
    base: tuple[BlockMedian, ...]
    candidate: tuple[BlockMedian, ...]
    noise_floor: float = 0.0


@dataclass(frozen=True)
class SeriesReplay:
    """How often the gate fired for one series, and how often its blocks gave no answer; `why_undecided` is the usual
    reason. `demanded` is what it ought to do at this injected change."""

    series: str
    device_id: str
    fired: int
    undecided: int
    replays: int
    blocks: float
    min_effect: float
    demanded: str  # "fires", "silent" or empty
    why_undecided: str = ""

    @property
    def share(self) -> float:
        """Of the replays."""
        return self.fired / self.replays

    @property
    def behaves(self) -> bool:
        """Whether the gate did for this series what is demanded of it. Silence is judged over all series together."""
        return self.demanded != "fires" or self.share >= FIRES_SHARE


@dataclass(frozen=True)
class Replay:
    """The self-test of the alarm."""

    injected: float
    series: tuple[SeriesReplay, ...]
    left_out: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """How often the gate fired, over all series."""
        return sum(one.fired for one in self.series) / max(1, sum(one.replays for one in self.series))

    @property
    def behaves(self) -> bool:
        """It fires where it ought to for each series, and where it ought not to hardly ever."""
        silent = [one for one in self.series if one.demanded == "silent"]
        alarms = sum(one.fired for one in silent) / max(1, sum(one.replays for one in silent))
        return bool(self.series) and all(one.behaves for one in self.series) and alarms <= SILENT_SHARE


def replay(
    recorded: Sequence[RecordedPair],
    injected: float,
    *,
    policy: ScreenThenConfirm,
    page_after: int = 2,
    replays: int = REPLAYS,
    seed: int = 1,
) -> Replay:
    """Replay so many nights of all `recorded` pairs, each candidate slower by `injected` (0.05 for 5 %), as if the
    nights before had said the same.

    Pairs without two complete blocks are left out and named.

    Raises:
        ValueError: `injected` is not above -1, or there are no replays to make.
    """
    if not (math.isfinite(injected) and injected > -1.0) or replays < 1:
        raise ValueError(f"{injected} cannot be injected in {replays} replays")
    pools = _pools(recorded)
    usable = [pair for pair in recorded if len(pools[_key(pair)]) >= 2]
    rng = np.random.default_rng(seed)
    counts = {_key(pair): _Counts() for pair in usable}
    for _ in range(replays if usable else 0):
        tonight = {}
        for pair in usable:
            tonight[_key(pair)], made = _night_of(pair, pools[_key(pair)], injected, policy, rng)
            counts[_key(pair)].add(tonight[_key(pair)], made)
        for key in _paged(tonight, page_after):
            counts[key].fired += 1
    told = [_told(pair, counts[_key(pair)], replays, injected) for pair in usable]
    left_out = [pair.outcome.series for pair in recorded if _key(pair) not in counts]
    return Replay(injected, tuple(told), tuple(left_out))


Key = tuple[str, str]


def _key(pair: RecordedPair) -> Key:
    return (pair.outcome.series_id, pair.outcome.device_id)


@dataclass
class _Counts:
    """What the replays of one series came to."""

    fired: int = 0
    undecided: int = 0
    blocks: int = 0
    why: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: PairOutcome, blocks: int) -> None:
        self.blocks += blocks
        change = outcome.latency
        if change is not None and change.verdict is ComparisonVerdict.INCONCLUSIVE:
            self.undecided += 1
            self.why[change.note] += 1


def _told(pair: RecordedPair, counts: _Counts, replays: int, injected: float) -> SeriesReplay:
    least = max(MIN_EFFECT, pair.noise_floor)
    return SeriesReplay(
        series=pair.outcome.series,
        device_id=pair.outcome.device_id,
        fired=counts.fired,
        undecided=counts.undecided,
        replays=replays,
        blocks=counts.blocks / replays,
        min_effect=least,
        demanded="silent" if injected <= 0 else "fires" if injected >= DEMANDED * least - 1e-12 else "",
        why_undecided=next((note for note, _ in counts.why.most_common(1)), ""),
    )


# ---- drawing ---------------------------------------------------------------------------------------------------------


def _pools(recorded: Sequence[RecordedPair]) -> dict[Key, Pool]:
    """The blocks that each pair draws from: its own, and those of its device where they are few."""
    own = {_key(pair): _pool(pair) for pair in recorded}
    shared: dict[str, list[tuple[float, float, bool]]] = {}
    for (_, device), pool in own.items():
        shared.setdefault(device, []).extend(pool)
    return {key: pool if len(pool) >= OWN_BLOCKS or not pool else tuple(shared[key[1]]) for key, pool in own.items()}


def _pool(pair: RecordedPair) -> Pool:
    """The complete blocks, each arm as the logarithm of its distance from the median of its arm."""
    b_of = {one.block: one for one in pair.candidate}
    both = [(one, b_of[one.block]) for one in pair.base if one.block in b_of]
    if not both:
        return ()
    logs = np.log([[a.median_ms, b.median_ms] for a, b in both])
    # The difference between the arms is centred as a difference: what they share in a block must stay shared.
    logs[:, 1] -= np.median(logs[:, 1] - logs[:, 0])
    logs -= np.median(logs)
    return tuple((float(row[0]), float(row[1]), a.suspect or b.suspect) for row, (a, b) in zip(logs, both, strict=True))


def _night_of(
    pair: RecordedPair, pool: Pool, injected: float, policy: ScreenThenConfirm, rng: np.random.Generator
) -> tuple[PairOutcome, int]:
    """One night of one pair, by the stopping rule, and how many blocks it took."""
    level_ms = float(np.median([one.median_ms for one in pair.base]))
    base: list[BlockMedian] = []
    candidate: list[BlockMedian] = []
    floor = pair.noise_floor
    while (wanted := wanted_blocks(policy, base, candidate, len(base), noise_floor=floor)) > len(base):
        for block in range(len(base), wanted):
            log_a, log_b, suspect = pool[int(rng.integers(len(pool)))]
            if rng.integers(2):
                log_a, log_b = log_b, log_a
            first = int(rng.integers(2))
            base.append(BlockMedian(block, first, level_ms * math.exp(log_a), suspect))
            slower = level_ms * math.exp(log_b) * (1.0 + injected)
            candidate.append(BlockMedian(block, 1 - first, slower, suspect))
    comparison, stage = settle(policy, base, candidate, noise_floor=floor)
    assert comparison is not None  # both arms of every block are there
    outcome = replace(
        pair.outcome,
        changes=(_change(comparison, level_ms),),
        differs=(),
        base_status="DONE",
        candidate_status="DONE",
        stage=stage,
    )
    return outcome, len(base)


def _change(comparison: Comparison, level_ms: float) -> MetricChange:
    verdict = comparison.verdict
    return MetricChange(
        "latency",
        ComparisonVerdict.INCONCLUSIVE if verdict is ComparisonVerdict.CONTINUE else verdict,
        base=level_ms,
        candidate=level_ms * comparison.ratio,
        unit="ms",
        ratio=comparison.ratio,
        ci_low=comparison.ci_low,
        ci_high=comparison.ci_high,
        p=comparison.p,
        mde=comparison.mde,
        min_effect=comparison.min_effect,
        blocks=comparison.blocks,
        note="; ".join(comparison.notes),
    )


# ---- the gate --------------------------------------------------------------------------------------------------------


def _paged(tonight: Mapping[Key, PairOutcome], page_after: int) -> Iterator[Key]:
    """The series that somebody would be called for, had the nights before said the same."""
    outcomes = tuple(tonight.values())
    before = [
        DatedOutcome(f"night-{number}", _BEFORE, outcome) for number in range(page_after - 1) for outcome in outcomes
    ]
    night = decide(
        outcomes,
        run_id="tonight",
        name="replay",
        now=_TONIGHT,
        baseline="recorded",
        history=before,
        page_after=page_after,
    )
    if night.verdict != REGRESSION:
        return
    called = {
        (outcome.series_id, outcome.device_id)
        for event in night.events
        if event.kind in (REGRESSION, "DEVICE")
        for outcome in event.outcomes
    }
    yield from (key for key in tonight if key in called)
