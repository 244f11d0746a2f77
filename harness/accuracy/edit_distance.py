"""The edit distance between two sequences: how many elements to insert, delete or replace. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The Levenshtein distance of two sequences, such as the characters or the words of two texts.

    One row of the table (Wagner, Fischer 1974) is computed at once: after replacing and deleting, inserting is a
    running minimum of ``row[k] - k``, since an insertion costs 1 an element.
    """
    short, long = sorted((a, b), key=len)
    numbers: dict[Hashable, int] = {}
    columns = np.array([numbers.setdefault(element, len(numbers)) for element in long], np.int64)
    steps = np.arange(len(long) + 1)
    row = steps
    for element in short:
        best = row + 1
        np.minimum(best[1:], row[:-1] + (columns != numbers.get(element, -1)), out=best[1:])
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])
