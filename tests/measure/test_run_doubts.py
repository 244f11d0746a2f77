"""What to know of a run before its numbers are read."""

from dataclasses import replace

import pytest

from harness.measure.run_doubts import run_doubts, went_backwards
from tests.measure.matrices import RUN


def test_a_finished_run_of_this_version_leaves_no_doubt() -> None:
    assert run_doubts(RUN, 3, version=RUN.harness_version) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "interrupted", "finished_at": None}, "is interrupted"),
        ({"state": "running", "finished_at": None}, "is running"),
        ({"finished_at": "2026-11-21T09:59:59.000+00:00"}, "went backwards"),
        ({"harness_version": "0.0.9"}, "made by harness 0.0.9"),
        ({"harness_version": ""}, "made by harness ?"),
    ],
)
def test_doubts_are_told(changes: dict[str, str], said: str) -> None:
    found = run_doubts(replace(RUN, **changes), version=RUN.harness_version)  # type: ignore[arg-type]
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01T09:00:00"])
def test_times_that_cannot_be_compared_are_no_clock_that_went_backwards(text: str | None) -> None:
    assert not went_backwards(replace(RUN, finished_at=text))
