"""``--set a.b=c``: values from the command line, put over those of the file before anything is checked."""

from __future__ import annotations

from typing import Any

from harness.sweep.document import Document, read_document
from harness.sweep.findings import Finding, KeyPath, Place, printable


class _PathError(Exception):
    """The path of an override leads nowhere; the text says why."""


def apply_override(document: Document, text: str, rank: int) -> list[Finding]:
    """Put the override `text` (``path=value``) into `document`. `rank` counts the overrides from 1.

    The path is dotted, a number picks from a list. The value is YAML: ``4``, ``[cpu, gpu]``, ``{threads: 4}``. Mappings
    on the way are made when the file lacks them: an unknown key is found later, by the schema, at the override's place.
    """
    place = Place(rank, 0, 0, f"--set {printable(text)}")
    left, equals, right = text.partition("=")
    keys = left.strip().split(".")
    if not equals or not all(keys):
        return [Finding(place, "", "not an override; write path=value, such as measure.blocks=4")]
    value, findings = read_document(right.strip(), lambda _line, _column: place)
    if value is None:
        return findings
    try:
        path = _set(document, keys, value.value)
    except _PathError as error:
        return [*findings, Finding(place, printable(left.strip()), str(error))]
    _remember(document, path, value, place)
    return findings


def _set(document: Document, keys: list[str], value: Any) -> KeyPath:
    """Write `value`, making mappings on the way; return the path written."""
    if not isinstance(document.value, dict):
        document.value = {}
    node: Any = document.value
    path: KeyPath = ()
    step: Any  # a key or an index, as the node needs it
    for key in keys[:-1]:
        step = _step(node, key, path)
        child = node[step] if isinstance(node, list) else node.get(step)
        path = (*path, step)
        following = keys[len(path)]
        if child is None and following.isdecimal():
            raise _PathError(f"the file has no list {'.'.join(map(str, path))} to pick from; set the whole list")
        if child is None or child == following:
            # `backends: [cpu]` and backends.0.cpu.threads=4: the plain name becomes a mapping with options.
            child = node[step] = {} if child is None else {following: {}}
        node = child
    step = _step(node, keys[-1], path)
    node[step] = value
    return (*path, step)


def _step(node: Any, key: str, path: KeyPath) -> str | int:
    """`key` as a key or index of `node`."""
    here = ".".join(map(str, path)) or "the file"
    if isinstance(node, dict):
        if key.isdecimal():
            raise _PathError(f"{here} is no list to pick number {printable(key)} from")
        return key
    if not isinstance(node, list):
        raise _PathError(f"{here} is {printable(repr(node))}, which has no keys")
    if not (key.isascii() and key.isdecimal() and len(key) < 6 and int(key) < len(node)):
        raise _PathError(f"{here} is a list; allowed: a number from 0 to {len(node) - 1}")
    return int(key)


def _remember(document: Document, path: KeyPath, value: Document, place: Place) -> None:
    document.forget(path)
    document.broken = [known for known in document.broken if known[: len(path)] != path]
    document.broken += [path + below for below in value.broken]
    document.raw.update({path + below: raw for below, raw in value.raw.items()})
    for length in range(1, len(path) + 1):  # also the mappings that were made on the way
        document.keys.setdefault(path[:length], place)
        document.values.setdefault(path[:length], place)
    document.keys[path] = document.values[path] = place
