"""Options of a task, read from their text and checked: a wrong one is named with the values that are allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches

from harness.accuracy.base import TaskSpec
from harness.errors import TaskError


def check_names(spec: TaskSpec, known: Sequence[str]) -> None:
    """Refuse options that the task does not have.

    Raises:
        TaskError: names the unknown option, the nearest, and all known ones.
    """
    for key, _ in spec.options:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise TaskError(
                f"the task {spec.name} has no option {key!r}",
                remedy=f"{hint}Its options are: {', '.join(sorted(known)) or 'none'}.",
            )


def choice(spec: TaskSpec, key: str, allowed: Sequence[str], default: str) -> str:
    """One of several words.

    Raises:
        TaskError: another word; names those allowed.
    """
    value = spec.option(key, default)
    if value not in allowed:
        raise wrong_option(spec, key, ", ".join(allowed))
    return value


def whole_number(spec: TaskSpec, key: str, default: int, *, least: int, most: int) -> int:
    """A whole number from `least` to `most`.

    Raises:
        TaskError: no whole number, or out of range.
    """
    try:
        value = int(spec.option(key, str(default)))
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise wrong_option(spec, key, f"a whole number from {least} to {most}")
    return value


def number(spec: TaskSpec, key: str, default: float, *, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number from `least` to `most`.

    Raises:
        TaskError: no number, or out of range.
    """
    try:
        value = float(spec.option(key, str(default)))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and least <= value <= most):
        bounds = f" from {least:g} to {most:g}" if math.isfinite(least) and math.isfinite(most) else ""
        raise wrong_option(spec, key, f"a number{bounds}")
    return value


def wrong_option(spec: TaskSpec, key: str, allowed: str) -> TaskError:
    """The error for an option whose value cannot be used; `allowed` says what can."""
    return TaskError(
        f"the option {key!r} of the task {spec.name} cannot be {spec.option(key)!r}", remedy=f"Allowed: {allowed}."
    )
