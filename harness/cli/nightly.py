"""`harness nightly`: tonight's builds against the pinned ones, and who is to be called."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from harness.cli.live import display_option, live_session, make_reports_dir
from harness.cli.options import (
    cache_option,
    jobs_option,
    json_option,
    reports_option,
    set_option,
    store_location,
    store_option,
    typed_command,
)
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_OK, JudgingCommand
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.domain import Night
    from harness.lab.night_plan import NightPlan
    from harness.lab.nightly import NightRequest, NightResult
    from harness.store import Store
    from harness.sweep import Sweep

_EXITS = {"REGRESSION": EXIT_FAILED_ROW, "INCONCLUSIVE": EXIT_INCONCLUSIVE, "PASS": EXIT_OK}


@dataclass(frozen=True)
class _Places:
    """Where results, files and reports lie."""

    reports_dir: Path
    store_url: str | None
    cache_dir: Path | None
    jobs: int


@click.command(cls=JudgingCommand)
@click.argument("sweep_path", metavar="[SWEEP]", required=False, type=click.Path(path_type=Path))
@set_option
@click.option("--baseline", "baseline_name", metavar="NAME", help="Compare with this one. [default: the sweep's name]")
@click.option("--budget", metavar="TIME", help="Begin nothing further after 6h, 90min. [default: the sweep's]")
@click.option(
    "--page-after",
    type=click.IntRange(1, 30),
    default=None,
    help="Nights that must confirm what no second device shows; 1 for at once. [default: the sweep's, else 2]",
)
@click.option("--wait", default="0s", metavar="TIME", help="Wait so long for a device that is in use.")
@click.option("--dry-run", is_flag=True, help="Print what would be measured, and how long it takes; touch no device.")
@click.option("--resume", is_flag=True, help="Continue the newest unfinished night of this sweep.")
@click.option("--replay", metavar="RUN", help="Test the alarm on the noise of a stored night or comparison.")
@click.option("--inject", metavar="PERCENT", help="With --replay: make the candidate slower by so much, such as 5%.")
@click.option("--replays", type=click.IntRange(1, 100_000), default=200, show_default=True, help="With --replay.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="With --replay.")
@display_option
@reports_option
@store_option
@cache_option
@jobs_option
@json_option
def nightly(
    sweep_path: Path | None,
    overrides: tuple[str, ...],
    baseline_name: str | None,
    budget: str | None,
    page_after: int | None,
    wait: str,
    dry_run: bool,
    resume: bool,
    replay: str | None,
    inject: str | None,
    replays: int,
    seed: int,
    display_kind: str | None,
    reports_dir: Path,
    store_url: str | None,
    cache_dir: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Measure SWEEP as it is tonight against its pinned baseline, and decide what is an alarm.

    Exit code 0 PASS, 1 REGRESSION, 4 INCONCLUSIVE. With --replay and --inject the alarm is tested instead, without a
    device: exit code 0 when it fires as it should and only then.
    """
    if replay is not None or inject is not None:
        from harness.cli.nightly_replay import replay_alarm

        if sweep_path is not None:
            raise UsageError("--replay takes the blocks of a stored run and no sweep", remedy="Leave SWEEP away.")
        return replay_alarm(store_location(store_url, reports_dir), replay, inject, page_after, replays, seed, as_json)
    if sweep_path is None:
        raise UsageError("no sweep is named", remedy="harness nightly SWEEP.yaml")
    budget_s, wait_s = None if budget is None else _seconds("--budget", budget), _seconds("--wait", wait)
    sweep = _sweep(sweep_path, overrides, budget_s, page_after)
    places = _Places(reports_dir, store_url, cache_dir, jobs)
    make_reports_dir(reports_dir)
    from harness.store import Store

    with Store.open(store_location(store_url, reports_dir)) as store:
        request = _request(store, sweep, sweep_path, baseline_name or sweep.name, places, wait_s, resume)
        if dry_run:
            return _tell_plan(request, store, as_json)
        words = ["nightly", str(sweep_path), "--baseline", request.baseline.name, "--resume"]
        options = {"--set": overrides, "--reports": reports_dir, "--store": store_url, "--cache": cache_dir}
        again = typed_command(words, options)
        result = _run(request, store, display_kind or ("none" if as_json else None), again)
        _write(result, store)
    return _tell(result, as_json)


def _seconds(option: str, text: str) -> float:
    from harness.units import parse_duration_s

    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", remedy="Give a number with its unit, such as 6h or 30min.") from None


def _sweep(path: Path, overrides: tuple[str, ...], budget_s: float | None, page_after: int | None) -> Sweep:
    from harness.prepare import recipe_names
    from harness.sweep import load_sweep

    sweep = load_sweep(path, overrides, known_models=recipe_names())
    nightly = sweep.nightly
    if budget_s is not None:
        nightly = replace(nightly, budget_s=budget_s)
    if page_after is not None:
        nightly = replace(nightly, page_after=page_after)
    return replace(sweep, nightly=nightly)


def _request(
    store: Store, sweep: Sweep, path: Path, name: str, places: _Places, wait_s: float, resume: bool
) -> NightRequest:
    from harness.lab.baseline import require_baseline
    from harness.lab.nightly import NightRequest, unfinished_night
    from harness.prepare import default_cache_dir

    words = ["baseline", "pin", str(path), *([] if name == sweep.name else ["--name", name])]
    command = typed_command(words, {"--reports": places.reports_dir, "--store": places.store_url})
    baseline = require_baseline(store, name, command)
    return NightRequest(
        sweep=sweep,
        baseline=baseline,
        reports_dir=places.reports_dir,
        cache_dir=places.cache_dir or default_cache_dir(),
        jobs=places.jobs,
        wait_s=wait_s,
        resume=unfinished_night(store, sweep) if resume else None,
    )


def _run(request: NightRequest, store: Store, display_kind: str | None, again: str) -> NightResult:
    from harness.lab.nightly import run_night
    from harness.lab.pairs import run_pairs

    with live_session(store, display_kind, again) as live:
        return run_night(request, live, run=run_pairs, clock=time.monotonic, sleep=time.sleep)


def _write(result: NightResult, store: Store) -> None:
    from harness.report.nightly import write_night

    write_night(result.night, result.report_dir, view=store.view(result.night.run_id), history=result.history)


def _tell(result: NightResult, as_json: bool) -> int:
    from harness.report.nightly.document import nightly_json

    if as_json:
        click.echo(nightly_json(result.night), nl=False)
    else:
        click.echo("\n".join([*_told(result.night), f"Everything is in {result.report_dir}."]))
    return EXIT_INTERRUPTED if result.state == "interrupted" else _EXITS[result.night.verdict]


def _told(night: Night) -> list[str]:
    from harness.report.nightly.words import verdict_line
    from harness.report.wording import visible

    lines = [verdict_line(night)]
    for event in night.events:
        lines.append(f"  {event.kind}: {event.title}")
        lines += [f"    {text}" for text in (event.reason, event.link) if text]
    return [visible(line) for line in (*lines, *(f"  note: {note}" for note in night.notes))]


# ---- before the night ------------------------------------------------------------------------------------------------


def _tell_plan(request: NightRequest, store: Store, as_json: bool) -> int:
    from harness.lab.nightly import pairs_request, planned

    plan = planned(request, store)
    pairs_request(request, plan, store)  # says what would keep the night from beginning
    reached = _reached(plan, request.sweep)
    if as_json:
        click.echo(json.dumps(_plan_document(plan, request, reached), indent=2))
    else:
        click.echo("\n".join(_plan_lines(plan, request, reached)))
    return EXIT_OK


def _reached(plan: NightPlan, sweep: Sweep) -> dict[str, bool]:
    """By series, whether its turn is expected to come within the budget."""
    from harness.lab.night_plan import lanes_s

    found: dict[str, bool] = {}
    spent_s: dict[str, float] = {}
    for pair in plan.pairs:
        for lane, seconds in lanes_s((pair,), sweep.measure, plan.policy).items():
            before_s = spent_s.get(lane, 0.0)
            found[pair.series] = sweep.nightly.budget_s is None or before_s < sweep.nightly.budget_s
            spent_s[lane] = before_s + seconds
    return found


def _plan_document(plan: NightPlan, request: NightRequest, reached: dict[str, bool]) -> dict[str, Any]:
    return {
        "name": request.sweep.name,
        "baseline": request.baseline.name,
        "pinned_at": request.baseline.pinned_at,
        "pairs": [{"series": pair.series, "within_budget": reached[pair.series]} for pair in plan.pairs],
        "events": [{"kind": one.kind, "series": one.outcome.series, "reason": one.reason} for one in plan.beside],
        "lanes_s": dict(plan.lanes_s),
        "estimated_s": plan.estimate_s,
        "budget_s": request.sweep.nightly.budget_s,
    }


def _plan_lines(plan: NightPlan, request: NightRequest, reached: dict[str, bool]) -> list[str]:
    from harness.units import format_duration

    width = len(str(len(plan.pairs)))
    lines = [
        f"{number:>{width}}  {pair.series}" + ("" if reached[pair.series] else "  (beyond the budget)")
        for number, pair in enumerate(plan.pairs, 1)
    ]
    lines += [f"{one.kind}: {one.outcome.series}: {one.reason}" for one in plan.beside]
    budget_s = request.sweep.nightly.budget_s
    budget = "without a budget" if budget_s is None else f"with a budget of {format_duration(budget_s)}"
    lines += [
        "",
        f"{request.sweep.name} against the baseline {request.baseline.name} of {request.baseline.pinned_at[:10]}: "
        f"{len(plan.compared)} pairs, {plan.policy.screen_blocks} blocks each and more where they differ, about "
        f"{format_duration(plan.estimate_s)} after preparation, {budget}.",
    ]
    return lines
