"""A failure that people know of, so that nobody is called for it again until it is due."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownFailure:
    """What an entry of the list covers, and for how long.

    `model`, `variant`, `backend`, `device` (its id or its model) and `metric` are globs; a row that fails to run has
    the metric ``failure``. `expires` is the last day (``2026-12-31``) on which it counts; `link` is where people
    read on, such as a ticket.
    """

    reason: str
    expires: str
    link: str = ""
    model: str = "*"
    variant: str = "*"
    backend: str = "*"
    device: str = "*"
    metric: str = "*"

    @property
    def text(self) -> str:
        """``model: mobilenet*, backend: gpu``; what it covers without what covers all."""
        keys = ("model", "variant", "backend", "device", "metric")
        return ", ".join(f"{key}: {getattr(self, key)}" for key in keys if getattr(self, key) != "*") or "everything"
