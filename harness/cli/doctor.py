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

from harness.cli.options import json_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.domain import Target

if TYPE_CHECKING:
    from harness.devices.preflight import Finding

DISTRIBUTIONS = {
    "ai_edge_litert": ("ai-edge-litert",),
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
    "ai_edge_quantizer": ("ai-edge-quantizer",),
}


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check what a measurement on this host needs, each finding with its remedy. Exit code 1 on a problem."""
    from harness.devices.preflight import Surroundings, preflight
    from harness.devices.registry import open_devices

    around = Surroundings(
        os.getloadavg()[0],
        shutil.disk_usage(Path.cwd()).free,
        tuple((name, _version(name)) for name in DISTRIBUTIONS),
    )
    facts = open_devices(Target("host"))[0].facts()
    found = {facts.device_id: preflight(facts, around)}
    if as_json:
        click.echo(json.dumps({device: [asdict(item) for item in items] for device, items in found.items()}, indent=2))
    else:
        for device, items in found.items():
            click.echo(device)
            for item in items:
                _print(item)
    problems = any(item.state == "problem" for items in found.values() for item in items)
    return EXIT_FAILED_ROW if problems else EXIT_OK


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
