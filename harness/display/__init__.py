"""The live view of a run: one protocol, four ways to show it, and what stays on the screen afterwards."""

from __future__ import annotations

from harness.display.base import Display
from harness.display.choose import KINDS, choose_kind, open_display

__all__ = ["KINDS", "Display", "choose_kind", "open_display"]
