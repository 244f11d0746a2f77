"""The results store: SQLite (WAL) or PostgreSQL by URL, packed samples, migrations, and the device leases.

Public: `Store`, `MetricPairs`, and for exclusive use of a device `LeaseBook`, `Lease`, `LeaseKeeper`. SQLAlchemy is
imported with the first of them that is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.store.keeper import LeaseKeeper
    from harness.store.leases import Lease, LeaseBook
    from harness.store.results import MetricPairs
    from harness.store.store import Store

__all__ = ["Lease", "LeaseBook", "LeaseKeeper", "MetricPairs", "Store"]

__getattr__ = lazy_names(
    __name__,
    {
        "Lease": "leases",
        "LeaseBook": "leases",
        "LeaseKeeper": "keeper",
        "MetricPairs": "results",
        "Store": "store",
    },
)
