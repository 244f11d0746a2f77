"""The keys of a sweep file that say how its nights are run and judged."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator
from typing_extensions import Self

from harness.sweep.field_types import Seconds, Strict, Text, problem
from harness.sweep.findings import printable
from harness.sweep.model import NightlySettings

_DEFAULTS = NightlySettings()
_DAY = r"^\d{4}-\d{2}-\d{2}$"


def _day(value: str) -> str:
    try:
        if date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise problem(f"'{printable(value)}' is not a date; allowed: a day such as 2026-12-31")


Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "format": "date", "pattern": _DAY})]


class _Globs(Strict):
    """At least one glob that names cases."""

    model: Text = Field("*", description="Model name, as a glob such as mobilenet*.")
    variant: Text = Field("*", description="Variant name, as a glob.")
    backend: Text = Field("*", description="Backend as results name it, as a glob: cpu*, gpu*.")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set & set(self._globs()):
            raise problem(f"nothing is named; allowed: {', '.join(self._globs())}, at least one of them")
        return self

    @classmethod
    def _globs(cls) -> tuple[str, ...]:
        return tuple(name for name in cls.model_fields if name not in ("reason", "link", "expires"))


class Priority(_Globs):
    """Cases that are measured before those of later entries and before all others."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    target: Text = Field("*", description="Target as results name it, as a glob: host, adb*.")


class KnownFailureEntry(_Globs):
    """A failure that nobody is to be called for, until a day."""

    device: Text = Field("*", description="The device's id or model, as a glob.")
    metric: Text = Field("*", description="latency, peak_rss and so on, as a glob; failure for rows that do not run.")
    reason: Text = Field(description="Why it is known.")
    link: Annotated[str, Field(max_length=4096)] = Field("", description="Where to read on, such as a ticket.")
    expires: Day = Field(description="The last day on which the entry counts.")


class Nightly(Strict):
    """How `harness nightly` runs and judges this sweep."""

    budget: Seconds | None = Field(
        None,
        ge=1,
        le=604800,
        description="How long a night may take: what is left then is not begun. Without end when absent.",
        json_schema_extra={"minimum": 1, "maximum": 604800},
    )
    screen_blocks: int = Field(
        _DEFAULTS.screen_blocks, ge=2, le=100, description="Blocks that every pair gets at first."
    )
    threshold_pct: Annotated[float, Field(ge=0.1, le=50, allow_inf_nan=False)] = Field(
        _DEFAULTS.threshold_pct, description="Percent that the screen must differ by, to be confirmed by fresh blocks."
    )
    page_after: int = Field(
        _DEFAULTS.page_after,
        ge=1,
        le=30,
        description="Nights that must confirm a regression which no second device of the model shows; 1 for at once.",
    )
    priorities: list[Priority] = Field([], description="What is measured first.")
    known_failures: list[KnownFailureEntry] = Field([], description="Failures that nobody is called for.")
