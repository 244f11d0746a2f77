"""The words for how things end, and what they are for."""

from __future__ import annotations

from enum import Enum

VARIANTS = ("float32", "dynamic_range", "float16", "full_integer", "int8", "int16x8")
THERMAL_STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")  # Android's, from 0 on


class Status(str, Enum):
    """How a case, an invocation or a conversion ended."""

    DONE = "DONE"
    FAILED = "FAILED"
    UNSUPPORTED = "UNSUPPORTED"
    TIMEOUT = "TIMEOUT"
    CRASHED = "CRASHED"
    OOM = "OOM"
    OFFLINE = "OFFLINE"
    SKIPPED = "SKIPPED"
    INTERRUPTED = "INTERRUPTED"

    def __str__(self) -> str:
        return self.value


class Verdict(str, Enum):
    """How far the number of a row can be believed, worst first."""

    WRONG_OUTPUT = "WRONG_OUTPUT"
    FELL_BACK = "FELL_BACK"
    THROTTLED = "THROTTLED"
    NOISY = "NOISY"
    UNVERIFIED = "UNVERIFIED"
    TRUSTED = "TRUSTED"

    def __str__(self) -> str:
        return self.value


class Purpose(str, Enum):
    """What one invocation is for. Timing, memory and profile never share a process.

    OUTPUTS compares a few check inputs with the reference; ACCURACY streams a whole test split; SUSTAINED goes on for
    minutes, slice after slice, to see where a hot device settles.
    """

    OUTPUTS = "outputs"
    ACCURACY = "accuracy"
    TIMING = "timing"
    MEMORY = "memory"
    PROFILE = "profile"
    SUSTAINED = "sustained"

    def __str__(self) -> str:
        return self.value
