"""Which rows stand in one line of a matrix: all that agree in what is held the same.

An accelerator has no threads and cores, so it stands in each line of its model. An Edge TPU is a device of its own with
one backend and runtimes of its own; it computes the network of the file that its own was compiled from, and so stands
beside the rows of that file: on this host where backends are compared, on every device where devices are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.measure.matrix_axes import Axis, Entry

EDGE_TPU = "edgetpu"
_OF_THE_CPU = ("threads", "cores")
_OF_A_GUEST = (*_OF_THE_CPU, "backend", "runtime")
_Key = tuple[object, ...]


def is_free(entry: Entry, by: str) -> bool:
    """Whether a row belongs to every line of its model: threads and cores are the CPU's, an accelerator has none."""
    return by == "backend" and entry[0].backend.kind != "cpu"


def is_guest(entry: Entry, by: str) -> bool:
    """Whether a row is of an Edge TPU and is held against rows of other devices."""
    return by in ("backend", "device") and entry[0].target.kind == EDGE_TPU


def group_lines(axis: Axis) -> list[list[Entry]]:
    """The rows of each line, those first that the line is made of."""
    fixed: dict[_Key, list[Entry]] = {}
    free: dict[_Key, list[Entry]] = {}
    guests: list[Entry] = []
    for entry in axis.entries:
        if is_guest(entry, axis.by):
            guests.append(entry)
        else:
            (free if is_free(entry, axis.by) else fixed).setdefault(_line_key(axis, entry), []).append(entry)
    homes = _by_part(fixed, _OF_THE_CPU)
    alone: list[list[Entry]] = []
    for key, entries in free.items():
        found = homes.get(_without(key, _OF_THE_CPU), ())
        for home in found:
            home.extend(entries)
        if not found:
            alone.append(list(entries))
    lines = [*fixed.values(), *alone]
    return [*lines, *_seated(axis, guests, lines)]


def _seated(axis: Axis, guests: Sequence[Entry], lines: Sequence[list[Entry]]) -> list[list[Entry]]:
    """Put guests into the lines that they belong to; the lines that have to be added.

    Two guests of one level (two runtimes, two Edge TPUs of one kind) have a line each.
    """
    homes: dict[_Key, list[list[Entry]]] = {}
    for line in lines:
        if axis.by == "device" or line[0][0].target.kind == "host":
            homes.setdefault(_guest_key(axis, line[0]), []).append(line)
    before = {id(line): list(line) for line in lines}
    added: list[list[Entry]] = []
    alone: dict[_Key, list[Entry]] = {}
    for guest in guests:
        found = homes.get(_guest_key(axis, guest), ())
        for home in found:
            if axis.level(guest) in map(axis.level, home):
                added.append([*before[id(home)], guest])
            else:
                home.append(guest)
        if not found:
            alone.setdefault(_line_key(axis, guest), []).append(guest)
    return [*added, *alone.values()]


def _by_part(lines: dict[_Key, list[Entry]], apart_from: Iterable[str]) -> dict[_Key, list[list[Entry]]]:
    found: dict[_Key, list[list[Entry]]] = {}
    for key, entries in lines.items():
        found.setdefault(_without(key, apart_from), []).append(entries)
    return found


def _line_key(axis: Axis, entry: Entry) -> _Key:
    place = () if axis.by == "device" else (entry[1].device_id, entry[1].device, entry[1].target)
    return (entry[1].model, place, axis.held(entry))


def _without(key: _Key, apart_from: Iterable[str]) -> _Key:
    model, place, held = key
    assert isinstance(held, tuple)
    return (model, place, tuple(part for part in held if part[0] not in apart_from))


def _guest_key(axis: Axis, entry: Entry) -> _Key:
    model, _, held = _without(_line_key(axis, entry), _OF_A_GUEST)
    return (model, (), held)
