"""The Pareto front: which points no other point beats."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Indices of the points that are not dominated, by rising cost.

    A point dominates another when it costs no more, scores no less, and is better in one of the two; so equal points do
    not dominate each other.

    Args:
        points: (cost, score) pairs: low cost and high score are good. Pairs with a NaN are never on the front.

    Returns:
        Indices into `points`; O(n log n).
    """
    usable = [index for index, (cost, value) in enumerate(points) if cost == cost and value == value]
    usable.sort(key=lambda index: (points[index][0], -points[index][1], index))
    kept: list[int] = []
    for index in usable:
        if not kept or points[index][1] > points[kept[-1]][1] or points[index] == points[kept[-1]]:
            kept.append(index)
    return tuple(kept)
