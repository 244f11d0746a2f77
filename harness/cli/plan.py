"""`harness plan`: what a sweep would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click

from harness.cli.options import (
    json_option,
    reports_option,
    set_option,
    store_location,
    store_option,
    sweep_argument,
)


@click.command()
@sweep_argument
@set_option
@reports_option
@store_option
@json_option
def plan(sweep_path: Path, overrides: tuple[str, ...], reports_dir: Path, store_url: str | None, as_json: bool) -> None:
    """Print the cases of SWEEP, what is skipped and why, and the estimated time. Touches no device.

    Devices that were calibrated into the store are estimated by what their invocations cost.
    """
    from harness.prepare import recipe_names
    from harness.sweep import estimate_s, expand, invocations, load_sweep

    sweep = load_sweep(sweep_path, overrides, known_models=recipe_names())
    expanded = expand(sweep)
    seconds = estimate_s(expanded, sweep.measure, _costs(expanded, store_location(store_url, reports_dir)))
    count = invocations(expanded, sweep.measure)
    if as_json:
        skips = [{**_case(skip.case), "reason": skip.reason} for skip in expanded.skips]
        cases = [_case(case) for case in expanded.cases]
        click.echo(
            json.dumps(
                {"name": sweep.name, "cases": cases, "skips": skips, "invocations": count, "estimated_s": seconds},
                indent=2,
            )
        )
        return
    _print(expanded, sweep.name, sweep.measure.blocks, count, seconds)


def _costs(expanded: Any, location: str) -> Any:
    """What calibration knows of the devices that the targets name; nothing where there is no store."""
    from harness.cli.profiles import profiles_of_targets

    profiles = profiles_of_targets(list(dict.fromkeys(case.target for case in expanded.cases)), location)
    if not any(profiles.values()):
        return {}
    from harness.lab.costs import startup_costs

    return startup_costs(expanded.cases, profiles)


def _case(case: Any) -> dict[str, Any]:
    return {"case_id": case.case_id, "label": case.label, **asdict(case)}


def _print(expanded: Any, name: str, blocks: int, count: int, seconds: float) -> None:
    from harness.units import format_duration

    width = len(str(len(expanded.cases)))
    lines = [f"{number:>{width}}  {case.label}" for number, case in enumerate(expanded.cases, 1)]
    if expanded.skips:
        lines += ["", f"Skipped ({len(expanded.skips)}):"]
        lines += [f"  {skip.case.label}: {skip.reason}" for skip in expanded.skips]
    lines += [
        "",
        f"{name}: {len(expanded.cases)} cases, {blocks} interleaved blocks, {count} invocations, about "
        f"{format_duration(seconds)} per device after preparation.",
    ]
    click.echo("\n".join(lines))
