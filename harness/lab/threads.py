"""Lanes side by side: a thread each, errors kept for the main thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import HarnessError, StableError
from harness.lab.lane import Lane
from harness.lab.tasks import Task

_STEP_S = 0.2  # how long a signal to the main thread may wait


@dataclass
class LaneThread:
    """A lane with its tasks; `complete` and `error` say how it ended."""

    lane: Lane
    tasks: Sequence[Task]
    complete: bool = False
    error: HarnessError | None = None

    def work(self, stop: threading.Event) -> None:
        """Do the tasks; an error is kept, and stops the other lanes after what they have in flight."""
        try:
            self.complete = self.lane.run(self.tasks)
        except HarnessError as error:
            self.error = error
        except Exception as error:  # the lane's boundary: nothing may vanish with a thread
            what = f"internal error in the lane: {type(error).__name__}: {error}"
            self.error = StableError(what, where=self.lane.device.device_id)
            self.error.__cause__ = error
        if self.error is not None:
            stop.set()


def run_lanes(lanes: Sequence[LaneThread], stop: threading.Event) -> bool:
    """Run all lanes to their ends; true when each did all its tasks.

    Raises:
        HarnessError: the first error of a lane, after all have ended.
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
    return all(lane.complete for lane in lanes)
