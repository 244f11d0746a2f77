"""The shortest parts of paths that tell them from each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def telling_parts(paths: Sequence[str]) -> tuple[str, ...]:
    """For each path the part in which it differs from the others: ``old`` and ``new`` of ``/opt/old/bin/python`` and
    ``/opt/new/bin/python``. One that has no other beside it stays whole; equal paths have equal parts."""
    known = list(dict.fromkeys(filter(None, paths)))
    if len(known) < 2:
        return tuple(paths)
    parts = [path.strip("/").split("/") for path in known]
    first = _shared(parts)
    last = _shared([one[first:][::-1] for one in parts])
    left = [one[first : len(one) - last] or one[-1:] for one in parts]
    told = dict(zip(known, _one_part(left) or ["/".join(one) for one in left], strict=True))
    return tuple(told.get(path, "") for path in paths)


def _one_part(lists: Sequence[Sequence[str]]) -> list[str]:
    """The first place at which no two lists agree; nothing where there is none."""
    for items in zip(*lists, strict=False):
        if len(set(items)) == len(lists):
            return list(items)
    return []


def _shared(lists: Sequence[Sequence[str]]) -> int:
    """How many first items all lists have in common."""
    count = 0
    for items in zip(*lists, strict=False):
        if len(set(items)) > 1:
            break
        count += 1
    return count
