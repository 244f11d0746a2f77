"""`harness baseline`: pin the reference build of the nights, and look at it."""

from __future__ import annotations

import json
import re
import shlex
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
    sweep_argument,
    typed_command,
)
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_INTERRUPTED, EXIT_OK, JudgingGroup
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.domain import Baseline
    from harness.lab.baseline import PinResult
    from harness.lab.pairs import PairsRequest, PairsResult
    from harness.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@click.group(cls=JudgingGroup)
def baseline() -> None:
    """The pinned reference build that `harness nightly` measures against."""


@baseline.command()
@sweep_argument
@set_option
@click.option("--name", default=None, help="What to call the baseline. [default: the name of the sweep]")
@click.option("--reason", default="", metavar="TEXT", help="Why it is pinned; kept with it.")
@click.option(
    "--no-link",
    is_flag=True,
    help="Do not measure the step from the baseline before: histories break here. Needs --reason.",
)
@display_option
@reports_option
@store_option
@cache_option
@jobs_option
@json_option
def pin(
    sweep_path: Path,
    overrides: tuple[str, ...],
    name: str | None,
    reason: str,
    no_link: bool,
    display_kind: str | None,
    reports_dir: Path,
    store_url: str | None,
    cache_dir: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Prepare SWEEP, copy every file that defines its build, and keep it as the reference of the nights.

    Where a baseline of that name was pinned before, the step from the one to the other is measured, so that histories
    stay one chain. Ctrl-C leaves; the same command goes on.
    """
    from harness.lab.baseline import PinRequest, baselines_folder, pin_baseline
    from harness.lab.pairs import run_pairs
    from harness.prepare import default_cache_dir, recipe_names
    from harness.store import Store
    from harness.sweep import load_sweep

    sweep = load_sweep(sweep_path, overrides, known_models=recipe_names())
    name = _checked_name(name or sweep.name)
    if no_link and not reason.strip():
        raise UsageError(
            "--no-link leaves a gap in every history", remedy="Say why with --reason; it is kept with the baseline."
        )
    make_reports_dir(reports_dir)
    places = {"--reports": reports_dir, "--store": store_url, "--cache": cache_dir}
    again = typed_command(["baseline", "pin", str(sweep_path), "--name", name], {"--set": overrides, **places})
    with Store.open(store_location(store_url, reports_dir)) as store:

        def measure(asked: PairsRequest) -> PairsResult:
            with live_session(store, display_kind or ("none" if as_json else None), again) as live:
                return run_pairs(asked, **live.arguments)

        request = PinRequest(
            sweep=sweep,
            name=name,
            folder=baselines_folder(store_url, reports_dir),
            reports_dir=reports_dir,
            cache_dir=cache_dir or default_cache_dir(),
            jobs=jobs,
            reason=reason,
            link=not no_link,
        )
        result = pin_baseline(request, store=store, measure=measure, say=lambda text: click.echo(text, err=True))
    return _tell(result, as_json)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a baseline",
            remedy="Up to 64 letters, digits, . _ -, the first a letter or digit.",
        )
    return name


def _tell(result: PinResult, as_json: bool) -> int:
    if as_json:
        known = None if result.baseline is None else _plain(result.baseline)
        failed = [{"model": one.model, "variant": one.variant, "reason": one.reason} for one in result.failed]
        click.echo(json.dumps({"state": result.state, "baseline": known, "failed": failed}, indent=2))
    else:
        click.echo("\n".join(_told(result)))
    if result.state == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_FAILED_ROW if result.failed else EXIT_OK


def _told(result: PinResult) -> list[str]:
    lines = [f"{one.model} {one.variant} is not in the baseline: {one.reason}" for one in result.failed]
    found = result.baseline
    if found is None:
        return [*lines, "Interrupted: nothing was pinned. The same command goes on."]
    if result.state == "unchanged":
        return [*lines, f"{found.name} is this very build already, pinned {found.pinned_at}."]
    lines.append(f"Pinned {found.name}: {len(found.files)} files in {Path(found.files[-1][0]).parent}.")
    if found.before:
        steps = len(found.links)
        told = f"measured in {steps} series" if steps else f"not measured ({found.reason})"
        lines.append(f"The step from the baseline of {found.before} was {told}.")
    lines += [f"  {one.series} on {one.device_id}: {_step(one.ratio, one.ci_low, one.ci_high)}" for one in found.links]
    return lines


def _step(ratio: float, low: float | None, high: float | None) -> str:
    interval = f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else ""
    return f"{ratio:.3f}{interval}"


# ---- looking ---------------------------------------------------------------------------------------------------------


@baseline.command("show")
@click.argument("name", required=False)
@reports_option
@store_option
@json_option
def show(name: str | None, reports_dir: Path, store_url: str | None, as_json: bool) -> int:
    """What the baseline NAME is, whether its files are what they were, and the steps between its versions.

    Without NAME every baseline is shown. Exit code 1 when a file is gone or altered.
    """
    from harness.store import Store

    with Store.open(store_location(store_url, reports_dir), read_only=True) as store:
        found = _newest(store, name)
        versions = store.baselines()
    shown = [{**_plain(one), "problems": _problems(one)} for one in found]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    else:
        for one, plain in zip(found, shown, strict=True):
            older = [version for version in versions if version.name == one.name][:-1]
            click.echo("\n".join(_described(one, plain["problems"], older)))
    return EXIT_FAILED_ROW if any(one["problems"] for one in shown) else EXIT_OK


@baseline.command("list")
@reports_option
@store_option
@json_option
def list_baselines(reports_dir: Path, store_url: str | None, as_json: bool) -> int:
    """All versions of all baselines, the newest last."""
    from harness.store import Store

    with Store.open(store_location(store_url, reports_dir), read_only=True) as store:
        found = store.baselines()
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], indent=2))
        return EXIT_OK
    if not found:
        click.echo("No baseline is pinned. Pin one: harness baseline pin SWEEP.yaml")
    for one in found:
        reason = f"  {one.reason}" if one.reason else ""
        click.echo(f"{one.name}  {one.pinned_at}  sweep {one.sweep_name}, {len(one.files)} files{reason}")
    return EXIT_OK


def _newest(store: Store, name: str | None) -> list[Baseline]:
    from harness.lab.baseline import require_baseline

    if name is not None:
        return [require_baseline(store, name, f"harness baseline pin SWEEP.yaml --name {shlex.quote(name)}")]
    newest = {one.name: one for one in store.baselines()}
    if not newest:
        raise UsageError("no baseline is pinned", where=store.where, remedy="harness baseline pin SWEEP.yaml")
    return list(newest.values())


def _problems(found: Baseline) -> list[str]:
    from harness.errors import StableError
    from harness.lab.interpreters import offers_of
    from harness.lab.pinned_build import load_build

    try:
        return list(load_build(found).verify(offers_of))
    except StableError as error:
        return [error.what]


def _described(found: Baseline, problems: list[str], older: list[Baseline]) -> list[str]:
    lines = [f"{found.name}: sweep {found.sweep_name}, pinned {found.pinned_at}"]
    if found.reason:
        lines.append(f"  reason: {found.reason}")
    lines.append(f"  {len(found.files)} files" + ("" if problems else ", all as they were"))
    lines += [f"  {problem}" for problem in problems]
    lines += [f"  before: {version.pinned_at} {version.reason}".rstrip() for version in older]
    lines += [
        f"  step of {one.series} on {one.device_id}: {_step(one.ratio, one.ci_low, one.ci_high)}" for one in found.links
    ]
    return lines


def _plain(found: Baseline) -> dict[str, Any]:
    from dataclasses import asdict

    plain = asdict(found)
    plain["settings"] = json.loads(plain.pop("settings_json") or "{}")
    return plain
