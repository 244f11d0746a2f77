"""Keeps a lease alive while a lane works, and says when it is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from harness.errors import DeviceBusyError, StoreError
from harness.store.leases import Lease, LeaseBook


class LeaseKeeper:
    """Renews a lease from its own thread between enter and exit, and releases it at the end.

    Args:
        on_lost: called once, from that thread, with the reason when the lease is lost; `lost` is true by then.
        interval_s: time between renewals, a quarter of the time to live unless told.
        wait: sleeps that many seconds, or returns true when the keeper is to stop; for tests.
    """

    def __init__(
        self,
        book: LeaseBook,
        lease: Lease,
        *,
        on_lost: Callable[[str], None] | None = None,
        interval_s: float | None = None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._book, self._lease, self._on_lost = book, lease, on_lost
        self._interval_s = book.ttl_s / 4 if interval_s is None else interval_s
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._wait = wait or self._stop.wait
        self._thread = threading.Thread(target=self._keep, name=f"lease {lease.device_id}", daemon=True)

    @property
    def lease(self) -> Lease:
        """The lease as last renewed."""
        return self._lease

    def lost(self) -> bool:
        """Whether another sweep may be using the device: nothing more may be done on it."""
        return self._lost.is_set()

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        # A lease that cannot be given back ends with this process; that is no reason to fail a finished sweep.
        with suppress(StoreError):
            self._book.release(self._lease)

    def _keep(self) -> None:
        while not self._wait(self._interval_s):
            try:
                self._lease = self._book.renew(self._lease)
            except DeviceBusyError as error:
                return self._lose(str(error))
            except StoreError as error:
                # The database may come back before anyone else can have the device.
                if self._book.has_expired(self._lease):
                    return self._lose(f"the lease could not be renewed in time: {error}")
        return None

    def _lose(self, reason: str) -> None:
        self._lost.set()
        if self._on_lost is not None:
            self._on_lost(reason)
