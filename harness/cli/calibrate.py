"""`harness calibrate`: what a device's noise makes of nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.live import display_option, live_session, make_reports_dir
from harness.cli.options import (
    adb_server_option,
    cache_option,
    jobs_option,
    json_option,
    reports_option,
    store_location,
    store_option,
    typed_command,
)
from harness.cli.outcome import EXIT_INTERRUPTED, EXIT_NO_DEVICE, EXIT_OK
from harness.errors import NoDeviceError, UsageError

if TYPE_CHECKING:
    from harness.domain import Target
    from harness.lab.calibrate import CalibrationRequest, CalibrationResult
    from harness.sweep import Sweep

MODELS = "digits_cnn"
VARIANTS = ("float32", "int8")


@click.command()
@click.argument("device")
@click.option(
    "--comparisons",
    type=click.IntRange(1, 1000),
    default=30,
    show_default=True,
    help="How often each model is compared with itself.",
)
@click.option("--blocks", type=click.IntRange(8, 200), default=8, show_default=True, help="Blocks of each comparison.")
@click.option(
    "--sweep",
    "sweep_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=None,
    help="Measure the cases of this sweep file, on DEVICE.",
)
@click.option(
    "--models", metavar="NAME,...", default=None, help=f"Measure these models in float32 and int8. [default: {MODELS}]"
)
@click.option("--show", is_flag=True, help="Print what is known of DEVICE; measure nothing.")
@adb_server_option
@display_option
@reports_option
@store_option
@cache_option
@jobs_option
@json_option
def calibrate(
    device: str,
    comparisons: int,
    blocks: int,
    sweep_path: Path | None,
    models: str | None,
    show: bool,
    adb_server: str,
    display_kind: str | None,
    reports_dir: Path,
    store_url: str | None,
    cache_dir: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Compare models on DEVICE with themselves, and keep what that says of its noise: ``host``, a phone's serial number
    or an id of `harness devices`.

    Ctrl-C leaves; the same command goes on with the comparison it left.
    """
    target = _target(device)
    location = store_location(store_url, reports_dir)
    if show:
        return _show(device, location, as_json)
    if sweep_path is not None and models is not None:
        raise UsageError("--sweep and --models exclude each other", remedy="A sweep file names its models.")
    asked = _Asked(device, target, comparisons, blocks, sweep_path, models, adb_server)
    make_reports_dir(reports_dir)
    request = asked.request(reports_dir, cache_dir, jobs)
    again = _again(asked, {"--reports": reports_dir, "--store": store_url, "--cache": cache_dir})
    result = _run(request, location, display_kind or ("none" if as_json else None), again)
    return _tell(result, again, as_json)


@dataclass(frozen=True)
class _Asked:
    """What is to be measured."""

    device: str
    target: Target
    comparisons: int
    blocks: int
    sweep_path: Path | None
    models: str | None
    adb_server: str

    def sweep(self) -> Sweep:
        """The cases, on the device alone."""
        from harness.lab.calibrate import calibration_sweep
        from harness.prepare import recipe_names
        from harness.sweep import load_sweep, parse_sweep

        if self.sweep_path is not None:
            sweep = load_sweep(self.sweep_path, known_models=recipe_names())
        else:
            names = [name.strip() for name in (MODELS if self.models is None else self.models).split(",")]
            names = [name for name in names if name]
            text = json.dumps({"name": "calibrate", "models": names, "variants": VARIANTS})
            sweep = parse_sweep(text, "--models", known_models=recipe_names(), folder=Path.cwd())
        if self.adb_server:
            sweep = replace(sweep, adb_server=self.adb_server)
        return calibration_sweep(sweep, self.target, self.blocks)

    def request(self, reports_dir: Path, cache_dir: Path | None, jobs: int) -> CalibrationRequest:
        """As the lab takes it."""
        from harness.lab.calibrate import CalibrationRequest
        from harness.prepare import default_cache_dir

        cache_dir = cache_dir or default_cache_dir()
        return CalibrationRequest(self.sweep(), self.comparisons, self.blocks, reports_dir, cache_dir, jobs)

    def options(self) -> list[str]:
        """As they were typed."""
        given = {"--sweep": self.sweep_path, "--models": self.models, "--adb-server": self.adb_server or None}
        words = ["--comparisons", str(self.comparisons), "--blocks", str(self.blocks)]
        return [self.device, *words, *(w for option, value in given.items() if value for w in (option, str(value)))]


def _target(device: str) -> Target:
    """
    Raises:
        NoDeviceError: a kind of device that is not driven.
    """
    from harness.domain import Case, ModelRef, Target
    from harness.sweep import skip_reason

    if device == "edgetpu":
        reason = skip_reason(Case(ModelRef("any"), "int8", Target("edgetpu")))
        raise NoDeviceError(str(reason), remedy="Name `host`, or the serial number of a phone (see `harness devices`).")
    if device == "host" or device == _host_id():
        return Target("host")
    return Target("adb", (("serial", device),))


def _host_id() -> str:
    from harness.devices.registry import open_host

    return open_host().device_id


def _again(asked: _Asked, places: dict[str, Path | str | None]) -> str:
    """What a person types to go on, quoted for a shell: with the same store, or it would begin anew."""
    return typed_command(["calibrate", *asked.options()], places)


def _run(request: CalibrationRequest, location: str, display_kind: str | None, again: str) -> CalibrationResult:
    from harness.lab.calibrate import run_calibration
    from harness.store import Store

    with Store.open(location) as store, live_session(store, display_kind, again) as live:
        return run_calibration(request, store=store, leases=live.leases, post=live.post, interrupt=live.interrupt)


def _tell(result: CalibrationResult, again: str, as_json: bool) -> int:
    profile = result.profile
    if as_json:
        told = {"state": result.state, "comparisons": result.comparisons}
        click.echo(json.dumps({**told, "profile": None if profile is None else asdict(profile)}, indent=2))
    elif profile is not None:
        from harness.report.calibration import profile_text

        click.echo(f"\n{profile_text(profile)}")
    else:
        kept = f"{result.comparisons} comparison{'s are' if result.comparisons != 1 else ' is'} kept"
        click.echo(f"{kept}. Go on with: {again}", err=True)
    if result.state == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_OK if result.state == "finished" else EXIT_NO_DEVICE


# ---- what is known ---------------------------------------------------------------------------------------------------


def _show(device: str, location: str, as_json: bool) -> int:
    from harness.cli.profiles import doubt_of, profile_named, stored_profiles

    profile = profile_named(device, stored_profiles(location))
    if profile is None:
        again = typed_command(["calibrate", device], {})
        click.echo("null" if as_json else f"Nothing is known of {device} in {location}. To change that: {again}")
        return EXIT_OK
    doubt = doubt_of(profile)
    if as_json:
        click.echo(json.dumps({"usable": not doubt, "reason": doubt, "profile": asdict(profile)}, indent=2))
        return EXIT_OK
    from harness.report.calibration import profile_text

    click.echo(profile_text(profile, doubt))
    return EXIT_OK
