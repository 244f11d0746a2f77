from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.store import LeaseBook, Store


@pytest.fixture
def location(tmp_path: Path) -> Iterator[str]:
    """Where a store may be made: an SQLite path, or what HARNESS_TEST_POSTGRES names, emptied before and after."""
    url = os.environ.get("HARNESS_TEST_POSTGRES")
    if not url:
        yield str(tmp_path / "results.sqlite")
        return
    _empty(url)
    yield url
    _empty(url)


def _empty(url: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


@pytest.fixture
def store(location: str) -> Iterator[Store]:
    with Store.open(location) as opened:
        yield opened


class Clock:
    """Seconds that pass only when told."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(location: str, clock: Clock) -> Iterator[LeaseBook]:
    with LeaseBook.open(location.replace("results", "leases"), clock=clock) as opened:
        yield opened
