"""Lanes side by side: a thread each, errors kept for the main thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.domain import DeviceSettings
from harness.errors import (
    DeviceBusyError,
    DeviceError,
    DeviceOfflineError,
    HarnessError,
    NoDeviceError,
    RestoreError,
    StableError,
)
from harness.lab.lane import Lane
from harness.lab.tasks import Task

_STEP_S = 0.2  # how long a signal to the main thread may wait
_ONE_DEVICE = (DeviceOfflineError, DeviceBusyError, DeviceError, NoDeviceError)


@dataclass
class LaneThread:
    """A lane with its tasks. `complete`, `lost` (the device is gone or refuses) and `error` say how it ended.

    `ready` is called once the device is set up, before the first task.
    """

    lane: Lane
    tasks: Sequence[Task]
    settings: DeviceSettings
    ready: Callable[[], None] = lambda: None
    complete: bool = False
    lost: HarnessError | None = None
    unrestored: RestoreError | None = None
    error: HarnessError | None = None

    def work(self, stop: threading.Event) -> None:
        """Do the tasks; what concerns this device alone ends this lane only, any other error stops all of them after
        what they have in flight."""
        try:
            self._work()
        except RestoreError as error:
            self.unrestored = error
        except _ONE_DEVICE as error:
            self.lost = error
        except HarnessError as error:
            self.error = error
        except Exception as error:  # the lane's boundary: nothing may vanish with a thread
            what = f"internal error in the lane: {type(error).__name__}: {error}"
            self.error = StableError(what, where=self.lane.device.device_id)
            self.error.__cause__ = error
        if self.error is not None:
            stop.set()

    def _work(self) -> None:
        if not self.tasks:  # a resumed run that has nothing left for this device leaves it alone
            self.complete = True
            return
        with self.lane.device.session(self.settings, self._cpus(), self.lane.say):
            self.ready()
            try:
                self.complete = self.lane.run(self.tasks)
            except _ONE_DEVICE as error:
                self.lost = error

    def _cpus(self) -> tuple[int, ...]:
        """The CPUs that the tasks are pinned to."""
        backends = dict.fromkeys(task.case.backend for task in self.tasks)
        chosen = {cpu for one in backends for cpu in self.lane.device.choose_cpus(one.cores, one.threads)}
        return tuple(sorted(chosen))


def run_lanes(lanes: Sequence[LaneThread], stop: threading.Event) -> None:
    """Run all lanes to their ends; each says how it ended.

    Raises:
        HarnessError: the first error that is not of one device alone, after all lanes have ended.
    """
    threads = [threading.Thread(target=lane.work, args=(stop,), name=lane.lane.device.device_id) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(_STEP_S)
    for lane in lanes:
        if lane.error is not None:
            raise lane.error
