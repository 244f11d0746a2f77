"""`harness doctor`: preflight."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.edge_tpus import examine, means_edge_tpu
from harness.cli.options import adb_server_option, json_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.errors import NoDeviceError, UsageError

if TYPE_CHECKING:
    from harness.devices.preflight import Finding

DISTRIBUTIONS = {
    "ai_edge_litert": ("ai-edge-litert",),
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
    "ai_edge_quantizer": ("ai-edge-quantizer",),
}


@click.command()
@click.argument("device", required=False)
@adb_server_option
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="PATH",
    help="An interpreter to look for Coral's pycoral in. Repeatable. [default: the harness's own and those on PATH]",
)
@json_option
def doctor(device: str | None, adb_server: str, pythons: tuple[str, ...], as_json: bool) -> int:
    """Check what a measurement needs on this host, on each phone and each Edge TPU, or on DEVICE alone (``host``, a
    serial number, ``edgetpu``, or an id of `harness devices`): each finding with its remedy. Exit code 1 on a
    problem."""
    found: dict[str, tuple[Finding, ...]] = {}
    for group in _groups(device, pythons):
        if group == "host":
            found |= _host()
        elif group == "phones":
            found |= _phones(device, adb_server)
        else:
            found |= examine(device, pythons)
    if as_json:
        click.echo(json.dumps({device: [asdict(item) for item in items] for device, items in found.items()}, indent=2))
    else:
        for device, items in found.items():
            click.echo(device)
            for item in items:
                _print(item)
    problems = any(item.state == "problem" for items in found.values() for item in items)
    return EXIT_FAILED_ROW if problems else EXIT_OK


def _groups(device: str | None, pythons: tuple[str, ...]) -> tuple[str, ...]:
    """Which kinds of devices `device` may mean.

    Raises:
        UsageError: --python is given for a device that it has nothing to do with.
    """
    if device is None:
        return ("host", "phones", "edgetpu")
    if means_edge_tpu(device):
        return ("edgetpu",)
    if pythons:
        raise UsageError(f"--python has nothing to do with {device}", remedy="harness doctor edgetpu --python PATH")
    return ("host",) if device.startswith("host") else ("phones",)


def _host() -> dict[str, tuple[Finding, ...]]:
    from harness.devices.preflight import Surroundings, preflight
    from harness.devices.registry import open_host

    around = Surroundings(
        os.getloadavg()[0],
        shutil.disk_usage(Path.cwd()).free,
        tuple((name, _version(name)) for name in DISTRIBUTIONS),
    )
    facts = open_host().facts()
    return {facts.device_id: preflight(facts, around)}


def _phones(device: str | None, adb_server: str) -> dict[str, tuple[Finding, ...]]:
    """Findings of all phones, or of the one that `device` names.

    Raises:
        NoDeviceError: there is no such phone.
    """
    from harness.cli.phones import look_at_phones
    from harness.devices.android.phone_preflight import guarantees
    from harness.devices.preflight import Finding

    phones = look_at_phones(adb_server)
    found = {phone.device_id: guarantees(phone.phone) for phone in phones.usable if phone.answers_to(device)}
    for line in phones.unreachable:
        if device in (None, line.serial):
            found[line.serial] = (Finding("problem", "connection", line.state, line.remedy),)
    if phones.problem and device is None:
        what, _, remedy = phones.problem.partition("\n")
        found["phones"] = (Finding("ok", "adb", f"no phones: {what}", remedy.strip()),)
    if not found and device is not None:
        there = ", ".join(phone.device_id for phone in phones.usable) or phones.problem or "no phone"
        raise NoDeviceError(f"no device is called {device!r}", remedy=f"Attached: host, {there}.")
    return found


def _version(name: str) -> str | None:
    for distribution in DISTRIBUTIONS[name]:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None


def _print(item: Finding) -> None:
    colour = {"ok": "green", "warning": "yellow", "problem": "red"}[item.state]
    click.echo(f"  {click.style(f'{item.state:<8}', fg=colour)} {item.subject:<18} {item.text}")
    if item.remedy:
        click.echo(f"  {'':<8} {'':<18} → {item.remedy}")
