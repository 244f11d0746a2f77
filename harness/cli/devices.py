"""`harness devices`: what is attached."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import adb_server_option, json_option
from harness.cli.outcome import EXIT_NO_DEVICE, EXIT_OK
from harness.domain import DeviceFacts
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.cli.phones import Phones
    from harness.devices.android.phone import AndroidDevice


@click.command()
@adb_server_option
@click.option("--clean", is_flag=True, help="Remove the harness's files from the phones.")
@json_option
def devices(adb_server: str, clean: bool, as_json: bool) -> int:
    """List the devices that can be driven: this host, its Edge TPUs and the phones of an adb server, what identifies
    each and what it can guarantee. What is attached and cannot be used is listed with the reason.

    Exit code 3 when --clean left a phone alone, because a sweep runs on it or it does not answer."""
    from harness.cli.edge_tpus import edge_tpu_facts, edge_tpus_without_driver
    from harness.cli.phones import look_at_phones
    from harness.devices.registry import open_host

    host = [open_host().facts(), *edge_tpu_facts()]
    phones = look_at_phones(adb_server)
    phones = replace(phones, unreachable=(*edge_tpus_without_driver(), *phones.unreachable))
    cleaned = tuple(_clean(phone) for phone in phones.usable) if clean else ()
    found = [*host, *(phone.facts() for phone in phones.usable)]
    if as_json:
        removed = {one.device_id: {"removed_bytes": one.freed_bytes, "not_cleaned": one.problem} for one in cleaned}
        listed = [{**asdict(facts), "state": "ready", **removed.get(facts.device_id, {})} for facts in found]
        lost = [asdict(line) for line in phones.unreachable]
        click.echo(json.dumps([*listed, *lost], indent=2))
    else:
        _print_all(found, phones, cleaned)
    return EXIT_NO_DEVICE if any(one.problem for one in cleaned) else EXIT_OK


@dataclass(frozen=True)
class Cleaned:
    """What became of one phone's files: the bytes that were removed, or why none were."""

    device_id: str
    freed_bytes: int = 0
    problem: str = ""


def _clean(phone: AndroidDevice) -> Cleaned:
    """One phone that is in use keeps no other from being cleaned."""
    try:
        return Cleaned(phone.device_id, phone.clean())
    except HarnessError as error:
        return Cleaned(phone.device_id, problem=error.what)


def _print_all(found: Sequence[DeviceFacts], phones: Phones, cleaned: Sequence[Cleaned]) -> None:
    for facts in found:
        _print(facts)
    for one in cleaned:
        said = f"not cleaned: {one.problem}" if one.problem else f"{_mb(one.freed_bytes)} MB of files removed"
        click.echo(f"{one.device_id}: {said}", err=bool(one.problem))
    for line in phones.unreachable:
        click.echo(f"{line.serial}  {line.state}\n  → {line.remedy}")
    if phones.problem:
        click.echo(f"no phones: {phones.problem}", err=True)


def _mb(size_bytes: int) -> str:
    from harness.units import bytes_to_mb

    return f"{bytes_to_mb(size_bytes):.1f}"


def _print(facts: DeviceFacts) -> None:
    cores = ", ".join(_core(core.index, core.capacity, core.max_khz) for core in facts.cores if core.online)
    none = "no Vulkan device" if facts.kind == "host" else "not told"
    lines = [
        facts.device_id,
        f"  model        {facts.model}",
        *([f"  soc          {facts.soc}"] if facts.kind != "host" and facts.soc else []),
        f"  system       {facts.os_build}",
        f"  cores        {cores}",
        f"  memory       {facts.memory_mib:.0f} MiB",
        f"  clock        {facts.clock_source or 'no evidence'}; governor {facts.governor or 'none offered'}",
        *([f"  gpu          {', '.join(facts.gpus) or none}"] if facts.kind != "edgetpu" else []),
        *([f"  abi          {', '.join(facts.abis)}"] if facts.abis else []),
        *(f"  {name:<12} {text}" for name, text in facts.details if name not in ("cores", "board")),
        *(f"  note         {note}" for note in facts.notes),
    ]
    click.echo("\n".join(lines))


def _core(index: int, capacity: int | None, max_khz: int | None) -> str:
    from harness.units import khz_to_ghz

    details = [f"capacity {capacity}"] if capacity is not None else []
    details += [f"{khz_to_ghz(max_khz):.2f} GHz"] if max_khz is not None else []
    return f"{index} ({', '.join(details)})" if details else str(index)
