"""What to know of a run before its numbers are read: unfinished, a clock that jumped, another version."""

from __future__ import annotations

import harness
from harness.domain import RunRecord
from harness.units import parse_moment


def run_doubts(run: RunRecord, cases: int | None = None, version: str = harness.__version__) -> tuple[str, ...]:
    """Sentences, the gravest first; none for a finished run of this version.

    Args:
        run: as stored.
        cases: how many cases it has, None where that does not matter.
        version: of the harness that reads it.
    """
    found = []
    if cases == 0:
        found.append("The run has no cases.")
    if doubt := unfinished(run):
        found.append(doubt)
    if went_backwards(run):
        found.append(
            f"The computer's clock went backwards: the run began at {run.started_at} and ended at {run.finished_at}. "
            "Blocks are paired by their number, so no ratio rests on it."
        )
    if run.harness_version != version:
        found.append(f"The run was made by harness {run.harness_version or '?'}, this is {version}.")
    return tuple(found)


def unfinished(run: RunRecord) -> str:
    """What that a run broke off means for its rows; empty for one that came to its end."""
    return "" if run.state == "finished" else f"The run is {run.state}: cases may be missing or have few invocations."


def went_backwards(run: RunRecord) -> bool:
    """Whether the run ended before it began; False where a time is missing or cannot be read."""
    began, ended = parse_moment(run.started_at), parse_moment(run.finished_at)
    return began is not None and ended is not None and ended < began
