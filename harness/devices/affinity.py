"""Keeping the controller off the cores that are measured."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def keep_controller_off(cpus: Collection[int]) -> Iterator[bool]:
    """Move every thread of this process away from `cpus` while inside; yields whether another core was left to go to.

    A child process sets its own affinity, so it is not bound by this.
    """
    before = os.sched_getaffinity(0)
    rest = before - set(cpus)
    if not rest or rest == before:
        yield bool(rest)
        return
    _set_all_threads(rest)
    try:
        yield True
    finally:
        _set_all_threads(before)


def _set_all_threads(cpus: set[int]) -> None:
    for entry in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread may end between the listing and the call
            os.sched_setaffinity(int(entry.name), cpus)
