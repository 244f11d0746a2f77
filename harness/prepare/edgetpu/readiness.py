"""Whether a model is what ``edgetpu_compiler`` takes, said before it is called, with the operator that is the cause."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.prepare.edgetpu.failures import QUANTIZE
from harness.prepare.edgetpu.proof import FileFacts, read_facts

NAMED = 3


def not_integer(path: Path) -> tuple[str, ...]:
    """Which inputs, outputs and operators of the model at `path` are not fully 8-bit; empty for a model that is.

    They stay on the CPU, and so does what comes after them. Some of them are usual: a post-processing in float at the
    end. `refusal` says whether anything is left to compile.

    Raises:
        ModelFileError: it is missing, unreadable or damaged.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    return read_facts(path).not_integer


def refusal(path: Path) -> str:
    """Why compiling the model at `path` is of no use, with causes and remedy; empty when the compiler may try.

    Raises:
        ModelFileError, MissingDependencyError: as `not_integer`.
    """
    return refusal_of(read_facts(path))


def refusal_of(facts: FileFacts) -> str:
    """`refusal` of a file that was read."""
    if facts.compiled or not facts.uncompilable:
        return ""
    causes = f": {listed(facts.not_integer)}" if facts.not_integer else ""
    return f"{facts.uncompilable}{causes}. {QUANTIZE}"


def listed(causes: Sequence[str]) -> str:
    """The first of `causes` and how many more there are."""
    more = len(causes) - NAMED
    return "; ".join(causes[:NAMED]) + (f"; and {more} more" if more > 0 else "")
