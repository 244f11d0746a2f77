"""The results store: SQLite (WAL) or PostgreSQL by URL, packed samples, migrations, and the device leases.

Public: `Store`, `MetricPairs`, and for exclusive use of a device `LeaseBook`, `Lease`, `LeaseKeeper`. SQLAlchemy is
imported with the first of them that is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.store.keeper import LeaseKeeper
    from harness.store.leases import Lease, LeaseBook
    from harness.store.results import MetricPairs
    from harness.store.store import Store

__all__ = ["Lease", "LeaseBook", "LeaseKeeper", "MetricPairs", "Store"]

_HOME = {
    "Lease": "harness.store.leases",
    "LeaseBook": "harness.store.leases",
    "LeaseKeeper": "harness.store.keeper",
    "MetricPairs": "harness.store.results",
    "Store": "harness.store.store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
