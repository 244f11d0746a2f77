"""What a night will measure, and in which order: pure but for the look at the pinned files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.domain import Case, MeasureSettings, Pair, PairOutcome, Purpose, Target, VariantFile
from harness.domain.comparisons import series_id_of
from harness.lab.baseline import files_of
from harness.lab.pinned_build import PinnedBuild
from harness.measure.night_findings import Finding
from harness.measure.stopping import ScreenThenConfirm
from harness.sweep import Sweep, expected_invocation_s, pair_sweeps, series_label

A_A = "A/A "  # a model's name has no slash
# On a phone without locked clocks the screen sends this share of equal pairs on, for about so many blocks each.
CONFIRMED_SHARE, CONFIRMED_BLOCKS = 0.14, 12


@dataclass(frozen=True)
class NightPlan:
    """A night before it begins.

    Attributes:
        pairs: the A/A sets, then the pairs by their priority.
        files: the pinned model files, by the names that the pairs use.
        beside: what does not become a pair.
        base_ids: the cases of the pinned build, gone ones included: nights that share one had the same reference.
        lanes_s: expected seconds by target.
    """

    pairs: tuple[Pair, ...]
    policy: ScreenThenConfirm
    files: Mapping[tuple[str, str], VariantFile]
    beside: tuple[Finding, ...]
    base_ids: frozenset[str]
    lanes_s: Mapping[str, float]

    @property
    def estimate_s(self) -> float:
        """Seconds until the last device is done."""
        return max(self.lanes_s.values(), default=0.0)

    @property
    def compared(self) -> tuple[Pair, ...]:
        """The pairs without the A/A sets."""
        return tuple(pair for pair in self.pairs if not is_a_a(pair.series))


def is_a_a(series: str) -> bool:
    """Whether a series is a night's set of the reference against itself."""
    return series.startswith(A_A)


def plan_night(sweep: Sweep, build: PinnedBuild, nights: int) -> NightPlan:
    """The plan of a night of `sweep` against `build`, whose files were verified.

    Args:
        nights: how many there were before: it turns the A/A sets from model to model.
    """
    pairing = pair_sweeps(build.sweep, sweep)
    pinned, files, gone, base_ids = [], {}, [], set()
    for pair, (case, _) in zip(pairing.pairs, pairing.cases, strict=True):
        here = Pair(replace(build.here(case), arm=pair.base.arm), pair.candidate, pair.series)
        base_ids.add(here.base.case_id)
        why = build.why_gone(case)
        if why:
            gone.append(Finding("BASELINE_GONE", absent(case, pair.series), reason=why))
            continue
        pinned.append(here)
        files.update(files_of(here, build.file(case)))
    ordered = sorted(pinned, key=lambda pair: _rank(pair, sweep))
    equal = tuple(_a_a_sets(pinned, nights))
    for twin, pair in equal:
        files.update(files_of(twin, *2 * (files[pair.base.model.name, pair.base.variant],)))
    policy = ScreenThenConfirm(sweep.nightly.screen_blocks, sweep.nightly.threshold_pct / 100)
    missing = [Finding("MISSING", absent(case), reason="it is not in the sweep any more") for case in pairing.only_base]
    new = [Finding("NEW", absent(case), reason="the baseline does not have it") for case in pairing.only_candidate]
    pairs = (*(twin for twin, _ in equal), *ordered)
    return NightPlan(
        pairs=pairs,
        policy=policy,
        files=files,
        beside=(*gone, *missing, *new),
        base_ids=frozenset(base_ids),
        lanes_s=lanes_s(pairs, sweep.measure, policy),
    )


def night_sweep(sweep: Sweep) -> Sweep:
    """`sweep` as a night measures it: with the sentinel, without sustained passes."""
    return replace(sweep, measure=replace(sweep.measure, sentinel=True, sustained_s=0.0))


def absent(case: Case, series: str = "") -> PairOutcome:
    """The outcome of a case that is not measured."""
    name = series or series_label(case)
    return PairOutcome(
        series_id=series_id_of(name),
        series=name,
        model=case.model.name,
        variant=case.variant,
        backend=case.backend.label,
        device_id="",
        device_model="",
        base_case_id="",
        candidate_case_id="",
    )


def _rank(pair: Pair, sweep: Sweep) -> int:
    """The number of the first priority that names the pair."""
    priorities = sweep.nightly.priorities
    return next((number for number, one in enumerate(priorities) if one.matches(pair.base)), len(priorities))


def _a_a_sets(pairs: Sequence[Pair], nights: int) -> Iterator[tuple[Pair, Pair]]:
    """For each device of each target the reference of one model against itself, another model each night."""
    by_target: dict[Target, dict[str, Pair]] = {}
    for pair in pairs:
        by_target.setdefault(pair.base.target, {}).setdefault(pair.base.model.name, pair)
    for target, by_model in by_target.items():
        models = list(by_model.values())
        for number in range(min(target.count, len(models))):
            pair = models[(nights + number) % len(models)]
            yield _with_itself(pair), pair


def _with_itself(pair: Pair) -> Pair:
    base, candidate = pair.base, pair.candidate
    name = f"{base.model.name}-again"  # a name of its own, for a case is in one pair only
    return Pair(
        replace(base, model=replace(base.model, name=name)),
        replace(base, model=replace(base.model, name=f"{name}-candidate"), arm=candidate.arm),
        f"{A_A}{pair.series}",
    )


# ---- the estimate ----------------------------------------------------------------------------------------------------


def lanes_s(pairs: Sequence[Pair], measure: MeasureSettings, policy: ScreenThenConfirm) -> dict[str, float]:
    """Expected seconds for each target, without preparation and when little has changed."""
    lanes: dict[str, float] = {}
    for pair in pairs:
        target = pair.base.target
        lanes[target.label] = lanes.get(target.label, 0.0) + pair_s(measure, policy) / target.count
    return lanes


def pair_s(measure: MeasureSettings, policy: ScreenThenConfirm) -> float:
    """Expected seconds for one pair."""
    passes: dict[Purpose, float] = {
        Purpose.OUTPUTS: 1.0,
        Purpose.TIMING: policy.screen_blocks + CONFIRMED_SHARE * CONFIRMED_BLOCKS,
        Purpose.MEMORY: float(measure.memory),
        Purpose.PROFILE: float(measure.profile),
    }
    return 2.0 * math.fsum(count * expected_invocation_s(measure, purpose) for purpose, count in passes.items())
