"""What the table of delegates says of one backend on one device: its row, what is wrong with its options, its flags.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.devices.android.soc import takes_hexagon_delegate
from harness.domain import Backend, DeviceFacts
from harness.runtimes.delegates import LITERT, QNN_BACKEND, SERIALIZATION, TABLE, Delegate, Pairs
from harness.runtimes.qnn import htp_arch


@dataclass(frozen=True)
class Setting:
    """A flag to pass. One that was not `asked` for stands for the tool's default and may be left out by old tools."""

    flag: str
    value: str
    asked: bool


def row_name(backend: Backend) -> str:
    """The row's `kind` for `backend`: ``cpu builtin``, ``gpu``, ``qnn htp``."""
    if backend.kind == "cpu":
        return "cpu xnnpack" if backend.xnnpack else "cpu builtin"
    if backend.kind == "qnn":
        return f"qnn {dict(backend.options).get('backend', QNN_BACKEND.default)}"
    return backend.kind


def find(backend: Backend, flavour: str) -> Delegate | str:
    """The row for `backend` in the tool of `flavour`, or the sentence that says why there is none."""
    if backend.kind == "cpu" and backend.kernels == "reference":
        return "benchmark_model has no choice of reference kernels; use the litert runtime for them"
    name = row_name(backend)
    rows = [row for row in TABLE if row.flavour == flavour]
    for row in rows:
        if row.kind == name:
            return row
    tool = "LiteRT's benchmark_model" if flavour == LITERT else "benchmark_model"
    return f"{tool} has no backend `{name}`; it has {', '.join(row.kind for row in rows)}"


def option_problem(row: Delegate, backend: Backend) -> str | None:
    """Why the options of `backend` cannot be used with `row`, as a sentence with what is allowed, or None."""
    known = {option.name: option for option in row.options}
    for name, value in backend.options:
        option = known.get(name)
        if option is None:
            if row.own_options:
                continue
            allowed = ", ".join(known) or "none"
            return f"the {row.kind} backend does not know the option {name!r}; allowed: {allowed}"
        if option.values and value not in dict(option.values):
            return f"{row.kind}: {name}: {value!r} is not a value; allowed: {option.allowed}"
    given = dict(backend.options)
    for option in row.options:
        if option.required and not given.get(option.name):
            return f"the {row.kind} backend needs the option {option.name} ({option.allowed})"
    return _accelerator_problem(given) if row.kind == "nnapi" else _own_problem(delegate_keys(row, backend))


def _accelerator_problem(given: Mapping[str, str]) -> str | None:
    if given.get("accelerator") == "nnapi-reference":
        return "nnapi-reference is NNAPI's own CPU code, for tests only; name an accelerator of the phone"
    return None


def _own_problem(keys: Pairs) -> str | None:
    """The tool splits at `;` and `:` and drops, without a word, each piece that is not one key and one value."""
    for name, value in keys:
        if not name or not value:
            return f"the delegate's option {name!r}: {value!r} is empty, and benchmark_model would drop it silently"
        for text in (name, value):
            found = re.search(r"[;:]", text)
            if found:
                return (
                    f"the delegate's option {name!r}: {value!r} has a {found[0]!r}, at which benchmark_model would "
                    "split and silently drop it; the tool has no way to write it"
                )
        if "=" in name:
            return f"the delegate's option {name!r} has a '='; write name and value apart, as {name.partition('=')[0]}"
    return None


def delegate_keys(row: Delegate, backend: Backend) -> Pairs:
    """The external delegate's own options, defaults included, in the order of the table."""
    given = dict(backend.options)
    known = {option.name: option for option in row.options}
    keys = list(row.keys)
    for option in row.options:
        value = given.get(option.name, option.default)
        if option.key and value:
            keys.append((option.key, option.spelled(value)))
    if row.own_options:
        keys += [(name, value) for name, value in backend.options if name not in known]
    return tuple(keys)


def settings(row: Delegate, backend: Backend) -> tuple[Setting, ...]:
    """The flags that switch the delegate on with the options of `backend`."""
    given = dict(backend.options)
    made = [Setting(flag, value, True) for flag, value in row.enable]
    for option in row.options:
        value = option.spelled(given.get(option.name, option.default))
        if option.flag and value:
            made.append(Setting(option.flag, value, option.name in given))
    if given.get("serialization") == "true":
        made += [Setting(flag, value, True) for flag, value in SERIALIZATION]
    keys = delegate_keys(row, backend)
    if keys:
        text = ";".join(f"{key}:{value}" for key, value in keys)
        made.append(Setting("external_delegate_options", text, True))
    return tuple(made)


def device_problem(row: Delegate, facts: DeviceFacts) -> str | None:
    """Why `row` cannot run on the device of `facts`, or None. What is not known of a device is no reason."""
    sdk = android_sdk(facts)
    if sdk is not None and sdk < row.needs_sdk:
        return f"{row.kind} needs Android API {row.needs_sdk}; this phone has {sdk}"
    arch = htp_arch(facts)
    if row.legacy_dsp and arch is not None and not any(map(takes_hexagon_delegate, facts.soc.split())):
        return f"the old Hexagon delegate was not made for {facts.soc} (Hexagon v{arch}); use the qnn backend"
    return None


def device_note(row: Delegate, facts: DeviceFacts) -> str:
    """What a reader must know of `row` on this device, or an empty text."""
    sdk = android_sdk(facts)
    if row.deprecated_sdk and sdk is not None and sdk >= row.deprecated_sdk:
        return f"{row.kind.upper()} is deprecated since Android API {row.deprecated_sdk}; this phone has {sdk}"
    return ""


def android_sdk(facts: DeviceFacts) -> int | None:
    """Android's API level from the facts of a phone, None where it is not known."""
    found = re.search(r"\(API (\d{1,4})\)", dict(facts.details).get("android", ""))
    return int(found[1]) if found else None


def accelerator(row: Delegate, backend: Backend, facts: DeviceFacts, log: str) -> str:
    """What computed, in the log's words: ``OpenCL``, an NNAPI accelerator, ``HTP v75``; empty when it does not say."""
    if row.kind == "nnapi":
        return dict(backend.options).get("accelerator", "")
    if row.kind == "qnn htp":
        arch = htp_arch(facts)
        return f"HTP v{arch}" if arch is not None else "HTP"
    return first_match(row.accelerators, log)


def first_match(patterns: Iterable[tuple[str, str]], text: str) -> str:
    """The name of the first pattern that is found in `text`."""
    for pattern, name in patterns:
        found = re.search(pattern, text)
        if found:
            return found.expand(name)
    return ""
