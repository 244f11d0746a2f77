"""Events as JSON lines and back.

Schema 1: the event's fields under their own names and units, ``event`` for its kind; NaN and infinities are null.
Fields are only added, never renamed; readers ignore what they do not know.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.errors import ParseError
from harness.events import (
    AccuracyProgress,
    Event,
    InvocationFinished,
    InvocationStarted,
    Message,
    PrepareStarted,
    RowUpdated,
    RunFinished,
    RunStarted,
    SustainedProgress,
    TasksPlanned,
    VariantPrepared,
    Waiting,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1

KINDS: dict[str, type] = {
    "run_started": RunStarted,
    "prepare_started": PrepareStarted,
    "variant_prepared": VariantPrepared,
    "invocation_started": InvocationStarted,
    "tasks_planned": TasksPlanned,
    "accuracy_progress": AccuracyProgress,
    "sustained_progress": SustainedProgress,
    "invocation_finished": InvocationFinished,
    "row": RowUpdated,
    "waiting": Waiting,
    "message": Message,
    "run_finished": RunFinished,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def encode(event: Event) -> str:
    """`event` as one line of JSON, ASCII only, so that any stream can carry it."""
    name = _NAMES[type(event)]
    head: dict[str, Any] = {"event": name, "schema": SCHEMA} if name == "run_started" else {"event": name}
    body = _plain(asdict(event))
    case = getattr(event, "case", None)
    if case is not None:  # derived, but what a program looks a case up by
        body["case"] |= {"case_id": case.case_id, "label": case.label}
    return json.dumps(head | body, allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def decode(line: str) -> Event:
    """The event of one line.

    Raises:
        ParseError: the line is not an event of this schema.
    """
    from pydantic import ValidationError

    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"not a JSON object: {error}") from error
    name = fields.pop("event", None) if isinstance(fields, dict) else None
    if not isinstance(name, str) or name not in KINDS:
        raise ParseError("the line is not an event", remedy=f"Each line needs `event`: one of {', '.join(KINDS)}.")
    fields.pop("schema", None)
    try:
        event: Event = _adapter(name).validate_python(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ParseError(f"{name}: {first['msg']}", where=where) from error
    return event


@lru_cache
def _adapter(name: str) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(KINDS[name])
