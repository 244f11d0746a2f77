"""What every measurement needs around it, whatever it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.events import Event
from harness.lab.interrupt import Interrupt
from harness.store import LeaseBook, Store


@dataclass(frozen=True)
class Around:
    """What `run_sweep`, `run_pairs` and `run_night` take beside their request."""

    store: Store
    leases: LeaseBook
    post: Callable[[Event], None]
    interrupt: Interrupt
    write_reports: Callable[[str, Path], None]

    @property
    def arguments(self) -> dict[str, Any]:
        """As keyword arguments."""
        return dict(vars(self))
