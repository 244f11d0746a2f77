"""Which blocks of a pair are whole: from records alone, also of a session that was killed."""

from __future__ import annotations

import pytest

from harness.domain import Status
from harness.lab.blocks import blocks_of, whole_blocks
from tests.measure.build import case, record, result

OTHER = case("int8")
LOST, TIMEOUT, DONE, CRASHED = Status.OFFLINE, Status.TIMEOUT, Status.DONE, Status.CRASHED


def tries(*statuses: Status, first: int = 0):  # type: ignore[no-untyped-def]
    """Attempts of one arm in block 0."""
    return [
        record(OTHER, 0, result() if status is DONE else result(status=status, samples_ns=None), attempt=first + number)
        for number, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(
    ("candidate", "whole"),
    [
        ([DONE], True),
        ([CRASHED], True),  # nothing is tried again after a crash
        ([TIMEOUT], False),
        ([TIMEOUT, TIMEOUT], True),
        ([LOST, LOST], False),
        ([LOST, LOST, LOST], True),
    ],
)
def test_a_block_is_whole_when_both_arms_were_tried_as_often_as_they_may_be(
    candidate: list[Status], whole: bool
) -> None:
    assert (whole_blocks(tries(DONE), tries(*candidate)) == {0}) is whole


def test_tries_of_an_earlier_pass_do_not_count() -> None:
    base = [*tries(DONE), *tries(DONE, first=1)]
    assert whole_blocks(base, tries(DONE, LOST, LOST)) == frozenset()
    assert blocks_of(base, tries(DONE, LOST, LOST)).made == 0
    assert whole_blocks(base, tries(DONE, LOST, LOST, LOST)) == {0}
