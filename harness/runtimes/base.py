"""The seam between the lab and an inference runtime on a device."""

from __future__ import annotations

from threading import Event
from typing import Protocol

from harness.domain import Case, InvocationRequest, InvocationResult


class Runtime(Protocol):
    """Runs one invocation on its device and says what came back; failures are results, not exceptions."""

    def unsupported_reason(self, case: Case) -> str | None:
        """Why this runtime on this device cannot run `case` at all (no Vulkan device, …), or None."""

    def invoke(self, request: InvocationRequest, cancel: Event) -> InvocationResult:
        """Run one process to its end, its deadline, or until `cancel` is set."""
