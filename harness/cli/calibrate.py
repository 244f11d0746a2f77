"""`harness calibrate`: what a device's noise makes of nothing."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from harness.cli.outcome import EXIT_INTERRUPTED, EXIT_NO_DEVICE, EXIT_OK, JudgingCommand
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.domain import DeviceProfile, Target
    from harness.lab.calibrate import CalibrationRequest, CalibrationResult
    from harness.measure.calibration import Begun
    from harness.sweep import Sweep

MODELS = "digits_cnn"
VARIANTS = ("float32", "int8")
_EDGE_TPU = re.compile(r"(?:edgetpu-(?P<host>.+)-)?(?P<kind>usb|pci):?(?P<number>\d+)|(?P<any>:\d+)")


@click.command(cls=JudgingCommand)
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
@click.option("--resume", is_flag=True, help="Only go on with what was begun: an error when nothing was.")
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
    resume: bool,
    show: bool,
    adb_server: str,
    display_kind: str | None,
    reports_dir: Path,
    store_url: str | None,
    cache_dir: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Compare models on DEVICE with themselves, and keep what that says of its noise: ``host``, a serial number,
    ``usb:0`` for an Edge TPU, or an id of `harness devices`.

    Ctrl-C leaves; the same command goes on with the comparison it left.
    """
    target = _target(device)
    location = store_location(store_url, reports_dir)
    if show:
        return _show(device, location, as_json)
    if sweep_path is not None and models is not None:
        raise UsageError("--sweep and --models exclude each other", remedy="A sweep file names its models.")
    asked = _Asked(device, target, comparisons, blocks, sweep_path, models, adb_server, resume)
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
    resume: bool

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
        return CalibrationRequest(
            self.sweep(), self.comparisons, self.blocks, reports_dir, cache_dir, jobs, self.resume
        )

    def options(self) -> list[str]:
        """As they were typed."""
        given = {"--sweep": self.sweep_path, "--models": self.models, "--adb-server": self.adb_server or None}
        words = ["--comparisons", str(self.comparisons), "--blocks", str(self.blocks)]
        told = [w for option, value in given.items() if value for w in (option, str(value))]
        return [self.device, *words, *told, "--resume"]


def _target(device: str) -> Target:
    from harness.domain import Target

    if device == "host" or device == _host_id():
        return Target("host")
    if device == "edgetpu":
        return Target("edgetpu")
    edge_tpu = _EDGE_TPU.fullmatch(device)
    if edge_tpu and edge_tpu["host"] in (None, _host_id().removeprefix("host-")):
        name = edge_tpu["any"] or f"{edge_tpu['kind']}:{edge_tpu['number']}"
        return Target("edgetpu", (("device", name),))
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
        from harness.report.calibration import profile_text, summary_text

        click.echo(f"\n{profile_text(profile)}\n\n{summary_text(profile)}")
    else:
        kept = f"{result.comparisons} comparison{'s are' if result.comparisons != 1 else ' is'} kept"
        click.echo(f"{kept}. Go on with: {again}", err=True)
    if result.state == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_OK if result.state == "finished" else EXIT_NO_DEVICE


# ---- what is known ---------------------------------------------------------------------------------------------------


def _show(device: str, location: str, as_json: bool) -> int:
    from harness.cli.profiles import doubt_of, profile_named, stored_profiles

    profile, left = profile_named(device, stored_profiles(location)), _begun(device, location)
    doubt = "" if profile is None else doubt_of(profile)
    if as_json:
        click.echo(json.dumps(_known(profile, doubt, left), indent=2))
        return EXIT_OK
    from harness.report.calibration import begun_text, profile_text

    parts = [] if profile is None else [profile_text(profile, doubt)]
    if left is not None:
        parts.append(begun_text(device, left, _go_on(device, left)))
    if not parts:
        again = typed_command(["calibrate", device], {})
        parts.append(f"Nothing is known of {device} in {location}. To change that: {again}")
    click.echo("\n\n".join(parts))
    return EXIT_OK


def _known(profile: DeviceProfile | None, doubt: str, left: Begun | None) -> dict[str, Any] | None:
    """For programs: None when nothing is there at all."""
    if profile is None and left is None:
        return None
    usable, reason = profile is not None and not doubt, doubt if profile is not None else "it was never calibrated"
    known = {"usable": usable, "reason": reason, "profile": None if profile is None else asdict(profile)}
    return known if left is None else {**known, "begun": asdict(left)}


def _begun(device: str, location: str) -> Begun | None:
    """A calibration of the device that has no profile yet."""
    from datetime import datetime, timezone

    from harness.cli.profiles import ids_of
    from harness.lab.calibration_begun import begun
    from harness.store import Store

    if "://" not in location and not Path(location).exists():
        return None
    with Store.open(location, read_only=True) as store:
        found = (begun(store, one, datetime.now(timezone.utc)) for one in ids_of(device))
        return next((one for one in found if one is not None), None)


def _go_on(device: str, left: Begun) -> str:
    """The command that goes on, as far as what was begun tells it."""
    models = ",".join(left.recipes)
    words = ["calibrate", device, *(["--blocks", str(left.blocks)] if left.blocks not in (0, 8) else [])]
    words += ["--models", models] if models and models != MODELS else []
    words += [] if models else ["--sweep", "SWEEP.yaml"]
    return typed_command([*words, "--resume"], {})
