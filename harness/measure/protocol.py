"""The order in which invocations are made: interleaved blocks, each in its own random and repeatable order.

There is no way to ask for all invocations of one case before those of another: drift of the device would then look like
a difference between the cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def schedule(case_ids: Iterable[str], blocks: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """The order of the cases in each of `blocks` blocks; every block has every case once.

    A block's order depends on `seed`, its number and the set of case ids alone, so a resumed or prolonged run continues
    the one it resumes, on any Python. Cases are sorted by a hash of the three, which is a uniformly random order.

    Raises:
        ValueError: an id appears twice, or `blocks` is negative.
    """
    ids = tuple(case_ids)
    if len(set(ids)) != len(ids):
        twice = sorted({case_id for case_id in ids if ids.count(case_id) > 1})
        raise ValueError(f"a case can be in a block only once: {', '.join(twice)}")
    if blocks < 0:
        raise ValueError(f"{blocks} blocks cannot be made")
    return tuple(_block_order(ids, block, seed) for block in range(blocks))


def _block_order(ids: tuple[str, ...], block: int, seed: int) -> tuple[str, ...]:
    prefix = f"{seed}/{block}/".encode()
    return tuple(sorted(ids, key=lambda case_id: (hashlib.sha256(prefix + case_id.encode()).digest(), case_id)))
