"""Validation errors to findings: where in the file, what is wrong, what is allowed, what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.sweep.document import Document
from harness.sweep.field_types import PROBLEM, SHAPES
from harness.sweep.findings import Finding, KeyPath, dotted, printable, suggestion
from harness.sweep.schema import allowed_at, choices_at, homes_of, keys_at, takes_text

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SIZES = {
    "greater_than_equal": "too small",
    "less_than_equal": "too large",
    "too_long": "too long a list",
    "string_too_long": "too long",
    "string_pattern_mismatch": "not accepted",
    "finite_number": "not a finite number",
}
_KINDS = {bool: "true or false", int: "a whole number", float: "a decimal number", str: "text"}
_COLLECTIONS: dict[type, str] = {list: "a list", dict: "a mapping", type(None): "nothing"}
_SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True)
class Fault:
    """One fault in a validated value. `paths` are what it is about, best place first; `text` is set when finished."""

    kind: str
    paths: tuple[KeyPath, ...]
    value: Any
    text: str = ""


def faults_of(error: ErrorDetails) -> list[Fault]:
    """The faults in one validation error, their paths freed of the marks of the union that was taken."""
    kind, value, loc = error["type"], error["input"], list(error["loc"])
    last = [loc.pop()] if kind == "extra_forbidden" else []
    base = (*(part for part in loc if part not in SHAPES), *last)
    if kind != PROBLEM:
        return [Fault(kind, (base,), value)]
    found = error["ctx"]["problems"]
    return [Fault(kind, tuple((*base, key) for key in keys) or (base,), value, text) for text, keys in found]


def finding_of(fault: Fault, document: Document) -> Finding:
    """A fault, its paths those of `document`, as a finding."""
    path = next((path for path in fault.paths if document.has(path)), fault.paths[0])
    text = fault.text or _text(fault.kind, fault.value, path, document.raw)
    return Finding(document.place(path, key=fault.kind == "extra_forbidden"), dotted(path), text)


def _text(kind: str, value: Any, path: KeyPath, raw: Mapping[KeyPath, str]) -> str:
    if kind == "extra_forbidden":
        return _unknown_key(path)
    allowed = allowed_at(path)
    if kind == "missing":
        return f"is missing; allowed: {allowed}"
    return f"{_wrong(kind, value, raw.get(path))}; allowed: {allowed}{_hint(value, path, raw.get(path))}"


def _unknown_key(path: KeyPath) -> str:
    key = str(path[-1])
    siblings = keys_at(path[:-1])
    text = f"unknown key; allowed: {', '.join(siblings) or 'no keys at all'}"
    hint = suggestion(key, siblings)
    homes = homes_of(key)
    if not hint and homes:
        hint = f"; '{printable(key)}' belongs under {' or '.join(homes)}"
    return text + hint


def _wrong(kind: str, value: Any, raw: str | None) -> str:
    if kind in ("too_short", "string_too_short"):
        return "it is empty"
    if type(value) in _COLLECTIONS:
        return f"{_COLLECTIONS[type(value)]} is given"
    shown = f"'{printable(value)}'" if isinstance(value, str) else printable(raw or str(value))
    if kind in _SIZES:
        return f"{shown} is {_SIZES[kind]}"
    if isinstance(value, str) and kind == "literal_error":
        return f"unknown value {shown}"
    return f"{shown} is {_KINDS.get(type(value), 'of another type')}"


def _hint(value: Any, path: KeyPath, raw: str | None) -> str:
    if isinstance(value, str):
        if allowed_at(path) == "true or false" and value.lower() in _SWITCHES:
            return f"; did you mean '{_SWITCHES[value.lower()]}'?"
        return suggestion(value, choices_at(path) or keys_at(path))
    if type(value) in _KINDS and takes_text(path):
        return f'; quote it: "{printable(raw or str(value))}"'
    return ""
