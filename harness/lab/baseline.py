"""Baselines: a build is pinned, and the step from the one before it is measured, so that ratios stay one chain."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.domain import (
    Baseline,
    BaselineLink,
    Case,
    Pair,
    RuntimeRef,
    Status,
    VariantFile,
)
from harness.errors import StableError, UsageError
from harness.lab.interpreters import asked_once, offers_of
from harness.lab.lane import utc_now
from harness.lab.pairs import PairsRequest, PairsResult
from harness.lab.pinned_build import PinnedBuild, keep_build, load_build
from harness.lab.same import wanted_variants
from harness.measure.stopping import Looks
from harness.prepare import prepare
from harness.runtimes.binaries import binaries_folder, fetched_tool
from harness.store import Store
from harness.sweep import Sweep, expand, pair_sweeps

LINK = "link"
FOLDER = "baselines"
_ANDROID = ("android_arm64", "android_arm")


@dataclass(frozen=True)
class PinRequest:
    """What `harness baseline pin` asks for. `link` is False when the step from the baseline before is not to be
    measured; `folder` is where all baselines lie."""

    sweep: Sweep
    name: str
    folder: Path
    reports_dir: Path
    cache_dir: Path
    jobs: int
    reason: str = ""
    link: bool = True


@dataclass(frozen=True)
class PinResult:
    """What came of it. `state` is ``pinned``, ``unchanged`` (it was pinned already) or ``interrupted``; `failed` are
    the variants that could not be made."""

    baseline: Baseline | None
    state: str
    failed: tuple[VariantFile, ...] = ()
    link: PairsResult | None = None


def pin_baseline(
    request: PinRequest,
    *,
    store: Store,
    measure: Callable[[PairsRequest], PairsResult],
    say: Callable[[str], None],
    ask: Callable[[RuntimeRef], str] | None = None,
    now: Callable[[], str] = utc_now,
) -> PinResult:
    """Keep the build of a sweep as the reference that later nights are measured against.

    Args:
        request: what is pinned.
        store: where baselines are written down.
        measure: measures the step from the baseline before.
        say: takes a line about the preparation.
        ask: what an interpreter offers.
        now: the date, ISO 8601.

    Raises:
        StableError: no variant could be made, nothing can be copied, or the build before is gone, so that there is no
            step to be measured.
        NoDeviceError, DeviceBusyError, StoreError: as `run_pairs`, of the step.
    """
    asking = asked_once(ask or offers_of)
    files = _prepared(request, say)
    failed = tuple(file for file in files if file.status is not Status.DONE)
    build = keep_build(request.sweep, files, request.folder / request.name, asking, _tool_finder(request.cache_dir))
    before = store.baseline(request.name)
    if before is not None and dict(before.files) == dict(build.files):
        return PinResult(before, "unchanged", failed)
    result = None
    if before is not None and request.link:
        result = measure(link_request(before, build, request, store, asking))
        if result.state == "interrupted":
            return PinResult(None, "interrupted", failed, result)
    baseline = Baseline(
        name=request.name,
        pinned_at=now(),
        sweep_name=request.sweep.name,
        settings_json=request.sweep.resolved_json,
        files=build.files,
        reason=request.reason,
        before="" if before is None else before.pinned_at,
        links=() if result is None else links_of(result),
    )
    store.save_baseline(baseline)
    return PinResult(baseline, "pinned", failed, result)


def _prepared(request: PinRequest, say: Callable[[str], None]) -> tuple[VariantFile, ...]:
    """Every model file that a case of the sweep needs, failed ones included.

    Raises:
        StableError: not a single one could be made.
    """
    files: list[VariantFile] = []
    compiler = request.sweep.edgetpu_compiler
    for variants, models in wanted_variants(expand(request.sweep).cases, together=compiler.together).items():
        files += prepare(
            models, variants, cache_dir=request.cache_dir, jobs=request.jobs, on_progress=say, edgetpu=compiler
        )
    if not any(file.status is Status.DONE for file in files):
        raise StableError(
            f"no variant of this sweep could be made: {files[0].reason if files else 'it has no case'}",
            remedy="`harness prepare` shows each of them.",
        )
    return tuple(files)


# ---- the link --------------------------------------------------------------------------------------------------------


def link_request(
    before: Baseline, build: PinnedBuild, request: PinRequest, store: Store, ask: Callable[[RuntimeRef], str]
) -> PairsRequest:
    """What measures the step from the build before to `build`; one that was interrupted goes on.

    Raises:
        StableError: nothing of the build before can be measured any more.
    """
    remedy = "Pin without it, and say why: --no-link --reason TEXT"
    try:
        old = load_build(before)
    except StableError as error:
        error.remedy = remedy
        raise
    problems = old.verify(ask)
    pairs: list[Pair] = []
    files: dict[tuple[str, str], VariantFile] = {}
    pairing = pair_sweeps(old.sweep, request.sweep)
    for pair, (base, candidate) in zip(pairing.pairs, pairing.cases, strict=True):
        if not old.why_gone(base):
            pairs.append(pair_of_builds(old, base, build, candidate, pair))
            files.update(files_of(pairs[-1], old.file(base), build.file(candidate)))
    if not pairs:
        why = problems[0] if problems else "the two sweeps have no case in common"
        raise StableError(
            f"the step from the baseline before cannot be measured: {why}",
            remedy=remedy,
        )
    asked = PairsRequest(
        tuple(pairs), request.sweep, Looks(), LINK, request.reports_dir, request.cache_dir, request.jobs, files=files
    )
    return replace(asked, resume=store.unfinished_run(asked.sha256))


def pair_of_builds(old: PinnedBuild, base: Case, new: PinnedBuild, candidate: Case, pair: Pair) -> Pair:
    """`pair` with the copies of both builds for its files."""
    left = replace(old.here(base), arm=pair.base.arm)
    right = new.here(candidate)
    model = replace(right.model, name=pair.candidate.model.name)
    return Pair(left, replace(right, model=model, arm=pair.candidate.arm), pair.series)


def files_of(pair: Pair, base: VariantFile, candidate: VariantFile | None = None) -> dict[tuple[str, str], VariantFile]:
    """The files of the arms, by the names that the arms' models have."""
    found = {(pair.base.model.name, pair.base.variant): replace(base, model=pair.base.model.name)}
    if candidate is not None:
        name = pair.candidate.model.name
        found[name, pair.candidate.variant] = replace(candidate, model=name)
    return found


def links_of(result: PairsResult) -> tuple[BaselineLink, ...]:
    """The measured steps, one for each series and device that gave a ratio."""
    told = [(outcome, outcome.latency) for outcome in result.outcomes]
    return tuple(
        BaselineLink(
            outcome.series_id,
            outcome.series,
            outcome.device_id,
            change.ratio,
            change.ci_low,
            change.ci_high,
            result.run_id,
        )
        for outcome, change in told
        if change is not None and change.ratio is not None
    )


# ---- what a build stands on ------------------------------------------------------------------------------------------


def _tool_finder(cache_dir: Path) -> Callable[[Case], Path | None]:
    """Finds the fetched `benchmark_model` for a case that names none: for phones the 64-bit one first."""
    here = platform.machine()
    linux = (f"linux_{'arm64' if here in ('aarch64', 'arm64') else here}",)

    def find(case: Case) -> Path | None:
        release = dict(case.runtime.options).get("release", "")
        for name in linux if case.target.kind == "host" else _ANDROID:
            tool = fetched_tool(binaries_folder(cache_dir), name, release)
            if tool is not None:
                return tool.parent
        return None

    return find


def baselines_folder(store_url: str | None, reports_dir: Path) -> Path:
    """Where baselines lie: beside the store, or in the reports where the store is no file."""
    beside = Path(store_url).parent if store_url and "://" not in store_url else reports_dir
    return beside / FOLDER


def require_baseline(store: Store, name: str, command: str) -> Baseline:
    """The newest baseline of that name.

    Raises:
        UsageError: there is none; `command` pins one.
    """
    found = store.baseline(name)
    if found is None:
        named = sorted({one.name for one in store.baselines()})
        others = f" This store has: {', '.join(named)}." if named else ""
        raise UsageError(
            f"there is no baseline {name!r} to compare with", where=store.where, remedy=f"Pin one: {command}{others}"
        )
    return found
