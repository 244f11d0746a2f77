"""Scores of chunks of a data set: written as each chunk is done, so that a resumed run goes on behind the last one.

A chunk's sample ids and records are one deflated JSON text.
"""

from __future__ import annotations

import json
import zlib

from sqlalchemy import Connection, delete, insert, select

from harness.domain import ScoredChunk
from harness.store.codec import CodecError
from harness.store.invocations import fence
from harness.store.records import case_row, has_table
from harness.store.tables import scored_chunk


def put_chunk(connection: Connection, run_id: str, case_id: str, chunk: ScoredChunk, token: int) -> None:
    """Keep one chunk's scores; the same chunk scored again replaces them.

    Raises:
        StoreError: no such case, or `token` is older than one that has written for its device.
    """
    case = case_row(connection, run_id, case_id)
    fence(connection, case["device_id"], token)
    number = case["number"]
    connection.execute(
        delete(scored_chunk).where(scored_chunk.c.case_number == number, scored_chunk.c.chunk == chunk.index)
    )
    values = {
        "case_number": number,
        "chunk": chunk.index,
        "dataset_id": chunk.dataset_id,
        "samples": len(chunk.sample_ids),
        "token": token,
        "data": pack(chunk),
    }
    connection.execute(insert(scored_chunk).values(values))


def chunks_of(connection: Connection, run_id: str, case_id: str) -> tuple[ScoredChunk, ...]:
    """The scored chunks of a case, in the order of the data set."""
    number = case_row(connection, run_id, case_id)["number"]
    if not has_table(connection, scored_chunk):
        return ()
    query = select(scored_chunk).where(scored_chunk.c.case_number == number).order_by(scored_chunk.c.chunk)
    return tuple(
        unpack(row["chunk"], row["dataset_id"], row["samples"], row["data"])
        for row in connection.execute(query).mappings()
    )


def pack(chunk: ScoredChunk) -> bytes:
    """The ids and records of a chunk as bytes."""
    plain = {"ids": chunk.sample_ids, "records": [dict(record) for record in chunk.records]}
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), 6)


def unpack(index: int, dataset_id: str, samples: int, data: bytes) -> ScoredChunk:
    """The chunk that `pack` was given.

    Raises:
        CodecError: the bytes are damaged, or hold another number of samples.
    """
    try:
        plain = json.loads(zlib.decompress(data))
        ids, records = tuple(map(str, plain["ids"])), tuple(dict(record) for record in plain["records"])
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise CodecError(f"the scores of chunk {index} are damaged: {error}") from error
    if not len(ids) == len(records) == samples:
        raise CodecError(f"the scores of chunk {index} hold {len(records)} samples where {samples} belong")
    return ScoredChunk(index, dataset_id, ids, records)
