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
from harness.lab.rounds import Rounds
from harness.lab.tasks import Task

_STEP_S = 0.2  # how long a signal to the main thread may wait
_ONE_DEVICE = (DeviceOfflineError, DeviceBusyError, DeviceError, NoDeviceError)


@dataclass
class LaneThread:
    """A lane with what it has to do. `complete`, `lost` (the device is gone or refuses) and `error` say how it ended.

    `ready` is called once the device is set up, before the first task, `replanned` when more was found to do.
    """

    lane: Lane
    rounds: Rounds
    settings: DeviceSettings
    ready: Callable[[], None] = lambda: None
    replanned: Callable[[], None] = lambda: None
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
        tasks = self.rounds.next()
        if not tasks:  # a resumed run that has nothing left for this device leaves it alone
            self.complete = True
            return
        with self.lane.device.session(self.settings, self._cpus(), self.lane.say):
            self.ready()
            try:
                self.complete = self._do(tasks)
            except _ONE_DEVICE as error:
                self.lost = error

    def _do(self, tasks: Sequence[Task]) -> bool:
        """Round after round until nothing is left; false when it was cut off."""
        index = 0
        while tasks:
            if not self.lane.run(tasks, index):
                return False
            index += len(tasks)
            tasks = self.rounds.next()
            if tasks:
                self.replanned()
        return True

    def _cpus(self) -> tuple[int, ...]:
        """The CPUs that the cases are pinned to."""
        backends = dict.fromkeys(case.backend for case in self.rounds.cases)
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
