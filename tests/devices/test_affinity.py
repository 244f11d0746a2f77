import os
import threading

import pytest

from harness.devices.affinity import keep_controller_off

needs_two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")


@needs_two_cores
def test_every_thread_leaves_the_measured_core_and_comes_back() -> None:
    before = os.sched_getaffinity(0)
    measured = max(before)
    ready, leave = threading.Event(), threading.Event()
    native_id: list[int] = []

    def work() -> None:
        native_id.append(threading.get_native_id())
        ready.set()
        leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(10)
    try:
        with keep_controller_off((measured,)) as moved:
            assert moved
            assert os.sched_getaffinity(0) == before - {measured}
            assert os.sched_getaffinity(native_id[0]) == before - {measured}
        assert os.sched_getaffinity(0) == before
        assert os.sched_getaffinity(native_id[0]) == before
    finally:
        leave.set()
        thread.join()


def test_nothing_moves_when_all_cores_are_measured() -> None:
    before = os.sched_getaffinity(0)
    with keep_controller_off(before) as moved:
        assert not moved
        assert os.sched_getaffinity(0) == before
