"""The seam between the lab and an inference runtime on a device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Protocol

from harness.domain import Case, InvocationRequest, InvocationResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class InputChunk:
    """Inputs of one bounded part of a data set: float32 (n, *shape), or packed (n, elements of all inputs)."""

    index: int
    inputs: NDArray[np.float32]


TakeOutputs = Callable[[int, "tuple[NDArray[np.float32], ...]"], None]
"""Takes a chunk's index and its dequantized outputs, one float32 array (n, *shape without batch) an output tensor."""


class Runtime(Protocol):
    """Runs one invocation on its device and says what came back; failures are results, not exceptions."""

    def unsupported_reason(self, case: Case) -> str | None:
        """Why this runtime on this device cannot run `case` at all (no Vulkan device, …), or None."""

    def invoke(self, request: InvocationRequest, cancel: Event) -> InvocationResult:
        """Run one process to its end, its deadline, or until `cancel` is set."""

    def stream(
        self, request: InvocationRequest, chunks: Iterable[InputChunk], take: TakeOutputs, cancel: Event
    ) -> InvocationResult:
        """Run one process (purpose ACCURACY) over all `chunks`, at most two of them on the device at a time.

        `take` is called in the caller's thread, in order, while the device computes the next. What it or the iteration
        of `chunks` raises ends the process and is raised again. A chunk that was not taken is not done.
        """
