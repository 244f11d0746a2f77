"""Scores of chunks: durable, in order, replaced when made again, refused when damaged or fenced."""

from __future__ import annotations

import math

import pytest

from harness.domain import ScoredChunk
from harness.errors import StoreError
from harness.store import Store
from harness.store.codec import CodecError
from harness.store.scores import pack, unpack
from tests.store import build


def chunk(index: int, hits: tuple[int, ...] = (1, 0), dataset_id: str = "d" * 64) -> ScoredChunk:
    ids = tuple(f"{index}/ü{n}" for n in range(len(hits)))
    return ScoredChunk(index, dataset_id, ids, tuple({"hit": hit, "nested": {"a": [1.5, None]}} for hit in hits))


def test_chunks_come_back_in_order_and_a_repeated_one_replaces(store: Store) -> None:
    case = build.case()
    store.create_run(build.run(), [(case, build.DEVICE)])
    for index in (1, 0, 1):
        store.save_scores(build.run().run_id, case.case_id, chunk(index, (index, 1)), token=3)
    found = store.scores(build.run().run_id, case.case_id)
    assert found == (chunk(0, (0, 1)), chunk(1, (1, 1)))


def test_an_older_token_cannot_write(store: Store) -> None:
    case = build.case()
    store.create_run(build.run(), [(case, build.DEVICE)])
    store.save_scores(build.run().run_id, case.case_id, chunk(0), token=5)
    with pytest.raises(StoreError, match="stale lease"):
        store.save_scores(build.run().run_id, case.case_id, chunk(1), token=4)
    assert len(store.scores(build.run().run_id, case.case_id)) == 1


def test_a_case_that_is_not_in_the_run_is_refused(store: Store) -> None:
    store.create_run(build.run(), [])
    with pytest.raises(StoreError, match="has no case"):
        store.save_scores(build.run().run_id, "nothing", chunk(0), token=1)


def test_nan_survives() -> None:
    made = ScoredChunk(0, "x", ("a",), ({"value": math.nan},))
    assert math.isnan(unpack(0, "x", 1, pack(made)).records[0]["value"])


@pytest.mark.parametrize(("data", "samples"), [(b"no", 2), (pack(chunk(0)), 3), (pack(chunk(0))[:-4], 2)])
def test_damaged_scores_are_named(data: bytes, samples: int) -> None:
    with pytest.raises(CodecError, match="scores of chunk 7"):
        unpack(7, "x", samples, data)
