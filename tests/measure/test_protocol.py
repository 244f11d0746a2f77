"""The order of invocations."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure import schedule

IDS = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=12, unique=True)


@settings(deadline=None)
@given(IDS, st.integers(0, 12), st.integers(-5, 2**63))
def test_every_block_has_every_case_once(ids: list[str], blocks: int, seed: int) -> None:
    order = schedule(ids, blocks, seed)
    assert len(order) == blocks
    assert all(sorted(block) == sorted(ids) for block in order)


@settings(deadline=None)
@given(IDS, st.integers(0, 8), st.integers(0, 8), st.integers(0, 99))
def test_a_longer_run_continues_a_shorter_one_whatever_the_order_of_the_ids(
    ids: list[str], blocks: int, more: int, seed: int
) -> None:
    assert schedule(list(reversed(ids)), blocks + more, seed)[:blocks] == schedule(ids, blocks, seed)


def test_the_order_is_the_same_on_every_machine_and_python() -> None:
    assert schedule(("a", "b", "c", "d"), 3, 1) == (
        ("c", "d", "b", "a"),
        ("a", "b", "d", "c"),
        ("d", "b", "c", "a"),
    )


def test_all_orders_are_equally_likely() -> None:
    """6000 blocks of three cases: each of the six orders about 1000 times (4.5 standard deviations)."""
    counts = Counter(schedule(("a", "b", "c"), 6000, 1))
    assert len(counts) == 6
    assert all(abs(count - 1000) < 130 for count in counts.values())


def test_seeds_differ() -> None:
    ids = tuple("abcdefgh")
    assert schedule(ids, 4, 1) != schedule(ids, 4, 2)


def test_doubled_cases_and_negative_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="only once: a"):
        schedule(("a", "b", "a"), 2, 1)
    with pytest.raises(ValueError, match="-1 blocks"):
        schedule(("a",), -1, 1)
