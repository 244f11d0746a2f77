"""What all keys of a sweep file are made of: strict models, durations, names, and faults as finished sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from harness.sweep.findings import printable
from harness.units import parse_duration_s

PROBLEM = "sweep_problem"
SHAPES = ("<name>", "<list>", "<mapping>")
SLUG = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
SLUG_WORDS = "up to 64 letters, digits, . _ -, the first a letter or digit"
DEVICE = r"^((usb|pci)(:\d{1,3})?|:\d{1,3})$"
SERVER = r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$"
KEY = r"^[A-Za-z0-9_.-]+$"
PATTERN_WORDS = {
    SLUG: SLUG_WORDS,
    DEVICE: "usb, pci, usb:0, pci:0 or :0, with the number of the device",
    SERVER: "host:port, such as lab-pi:5037",
    KEY: "letters, digits, . _ -",
}

Problem = tuple[str, tuple[str, ...]]


def problem(text: str, *keys: str) -> PydanticCustomError:
    """A finished sentence as a validation error; `keys` are the keys it is about, the first gives the place."""
    return problems([(text, keys)])


def problems(found: Sequence[Problem]) -> PydanticCustomError:
    """Several sentences as one validation error, each with the keys it is about."""
    return PydanticCustomError(PROBLEM, "{text}", {"text": "; ".join(text for text, _ in found), "problems": found})


def shape_of(value: Any) -> str:
    """Which of `SHAPES` an entry has."""
    if isinstance(value, dict):
        return "<mapping>"
    return "<list>" if isinstance(value, list) else "<name>"


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration_s(value)
    except ValueError:
        raise problem(
            f"'{printable(value)}' is not a duration; allowed: seconds, or text such as 2s, 500ms, 1min"
        ) from None


def span(default: float, low: float, high: float, description: str) -> Any:
    """A field in seconds from `low` to `high`."""
    bounds: JsonDict = {"minimum": low, "maximum": high}
    return Field(default, ge=low, le=high, description=description, json_schema_extra=bounds)


Seconds = Annotated[
    float,
    Field(allow_inf_nan=False),
    BeforeValidator(_seconds),
    WithJsonSchema({"type": ["number", "string"], "pattern": r"^\s*\d+(\.\d+)?\s*(ns|us|ms|s|min|h)\s*$"}),
]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
Slug = Annotated[str, Field(min_length=1, max_length=64, pattern=SLUG)]


class Strict(BaseModel):
    """Nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class OneKey(Strict):
    """A mapping with exactly one key that is set."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if len(self.model_fields_set) != 1:
            names = ", ".join(type(self).model_fields)
            raise problem(f"{len(self.model_fields_set)} keys where one belongs; allowed: one of {names}")
        return self

    @property
    def kind(self) -> str:
        """The one key."""
        return next(iter(self.model_fields_set))


ONE_KEY = {"minProperties": 1, "maxProperties": 1}
