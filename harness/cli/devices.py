"""`harness devices`: what is attached."""

from __future__ import annotations

import json
from dataclasses import asdict

import rich_click as click

from harness.cli.options import json_option
from harness.domain import DeviceFacts, Target


@click.command()
@json_option
def devices(as_json: bool) -> None:
    """List the devices that this version can drive: this host, what identifies it and what it can guarantee."""
    from harness.devices.registry import open_devices

    found = [device.facts() for device in open_devices(Target("host"))]
    if as_json:
        click.echo(json.dumps([asdict(facts) for facts in found], indent=2))
        return
    for facts in found:
        _print(facts)


def _print(facts: DeviceFacts) -> None:
    cores = ", ".join(_core(core.index, core.capacity, core.max_khz) for core in facts.cores if core.online)
    lines = [
        facts.device_id,
        f"  model       {facts.model}",
        f"  system      {facts.os_build}",
        f"  cores       {cores}",
        f"  memory      {facts.memory_mib:.0f} MiB",
        f"  clock       {facts.clock_source or 'no evidence'}; governor {facts.governor or 'none offered'}",
        f"  gpu         {', '.join(facts.gpus) or 'no Vulkan device'}",
        *(f"  note        {note}" for note in facts.notes),
    ]
    click.echo("\n".join(lines))


def _core(index: int, capacity: int | None, max_khz: int | None) -> str:
    from harness.units import khz_to_ghz

    details = [f"capacity {capacity}"] if capacity is not None else []
    details += [f"{khz_to_ghz(max_khz):.2f} GHz"] if max_khz is not None else []
    return f"{index} ({', '.join(details)})" if details else str(index)
