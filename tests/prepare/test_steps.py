from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.domain import Status
from harness.prepare.cache import Cache
from harness.prepare.children import DISK_FULL_EXIT, WORKER_COMMAND, last_meaningful_line, worker_environment
from harness.prepare.steps import Step, StepResult, StepRunner
from tests.prepare.conftest import FakeWorker

Make = Callable[[dict[str, str]], FakeWorker]
STEPS = [Step(name, "describe") for name in ("a", "b", "c")]


def _run(
    tmp_path: Path,
    worker: FakeWorker,
    steps: list[Step],
    *,
    timeout_s: float = 30.0,
    cancel: threading.Event | None = None,
) -> dict[str, StepResult]:
    runner = StepRunner(
        Cache(tmp_path / "cache"),
        jobs=1,
        timeout_s=timeout_s,
        cancel=cancel or threading.Event(),
        command=worker.command,
    )
    return runner.run("test", steps)


def _gone(pid: int, within_s: float = 10.0) -> bool:
    """The process ends or is a zombie within that time."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)


def test_all_steps_in_one_worker(tmp_path: Path, fake_worker: Make) -> None:
    worker = fake_worker({})
    results = _run(tmp_path, worker, STEPS)
    assert [result.status for result in results.values()] == [Status.DONE] * 3
    assert worker.calls == [["a", "b", "c"]]
    assert list((tmp_path / "cache" / "logs").iterdir()) == []


def test_a_crash_costs_its_own_step_only(tmp_path: Path, fake_worker: Make) -> None:
    worker = fake_worker({"b": "crash"})
    results = _run(tmp_path, worker, STEPS)
    assert [results[name].status for name in "abc"] == [Status.DONE, Status.CRASHED, Status.DONE]
    assert worker.calls == [["a", "b", "c"], ["b"], ["c"]]
    reason = results["b"].reason
    assert reason.startswith("the process was ended by SIGSEGV: tensor.cc:42 Check failed: scale > 0 (log: ")
    assert Path(reason.rsplit("log: ", 1)[1].rstrip(")")).exists()


def test_a_step_that_only_crashes_after_others_succeeds_alone(tmp_path: Path, fake_worker: Make) -> None:
    worker = fake_worker({"b": "crash_if_not_first"})
    assert all(result.ok for result in _run(tmp_path, worker, STEPS).values())
    assert worker.calls == [["a", "b", "c"], ["b"], ["c"]]


def test_a_crash_of_the_first_step_is_not_tried_again(tmp_path: Path, fake_worker: Make) -> None:
    worker = fake_worker({"a": "crash"})
    results = _run(tmp_path, worker, STEPS)
    assert results["a"].status is Status.CRASHED
    assert worker.calls == [["a", "b", "c"], ["b", "c"]]


def test_a_hang_ends_at_the_deadline_with_all_its_processes(tmp_path: Path, fake_worker: Make) -> None:
    worker = fake_worker({"b": "hang"})
    results = _run(tmp_path, worker, STEPS, timeout_s=1.5)
    assert [results[name].status for name in "abc"] == [Status.DONE, Status.TIMEOUT, Status.DONE]
    assert results["b"].reason.startswith("no result within 2 s")
    assert len(worker.pids) == 2
    assert all(_gone(pid) for pid in worker.pids)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("garbage", "the worker wrote"),
        ("exit", "the process left with exit code 3 and no result"),
        ("full", "the disk of the cache directory is full"),
    ],
)
def test_a_broken_worker_is_a_failed_step(tmp_path: Path, fake_worker: Make, plan: str, expected: str) -> None:
    results = _run(tmp_path, fake_worker({"a": plan}), STEPS)
    assert results["a"].status is Status.FAILED
    assert results["a"].reason.startswith(expected)
    assert results["c"].ok


def test_a_worker_that_does_not_start_ends_every_step(tmp_path: Path, fake_worker: Make) -> None:
    worker = fake_worker({})
    worker.command = ("/bin/false",)
    results = _run(tmp_path, worker, STEPS)
    assert {result.status for result in results.values()} == {Status.FAILED}


def test_what_needs_a_failed_step_fails_with_its_reason(tmp_path: Path, fake_worker: Make) -> None:
    steps = [STEPS[0], Step("b", "describe", needs=("a",)), Step("c", "describe", needs=("b",)), Step("d", "describe")]
    results = _run(tmp_path, fake_worker({"a": "unsupported"}), steps)
    assert [results[name].status for name in "abc"] == [Status.UNSUPPORTED] * 3
    assert results["c"].reason == "planned unsupported"
    assert results["d"].ok


def test_cancel_ends_the_worker_at_once(tmp_path: Path, fake_worker: Make) -> None:
    worker, cancel = fake_worker({"b": "hang"}), threading.Event()

    def cancel_when_hanging() -> None:
        while not worker.pids:
            time.sleep(0.02)
        cancel.set()

    thread = threading.Thread(target=cancel_when_hanging)
    thread.start()
    begin = time.monotonic()
    results = _run(tmp_path, worker, STEPS, cancel=cancel)
    thread.join()
    assert time.monotonic() - begin < 10
    assert [results[name].status for name in "abc"] == [Status.DONE, Status.INTERRUPTED, Status.INTERRUPTED]
    assert all(_gone(pid) for pid in worker.pids)


def test_at_most_the_given_number_of_workers(tmp_path: Path, fake_worker: Make) -> None:
    worker = fake_worker({"a": "hang"})
    cancel = threading.Event()
    runner = StepRunner(Cache(tmp_path / "cache"), jobs=1, timeout_s=60, cancel=cancel, command=worker.command)
    threads = [threading.Thread(target=runner.run, args=("t", STEPS[:1])) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not worker.pids:
        time.sleep(0.02)
    time.sleep(0.3)
    assert len(worker.calls) == 1
    cancel.set()
    for thread in threads:
        thread.join(10)
    assert len(worker.calls) == 1


def test_the_last_meaningful_line_is_no_chatter(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "loc: error: failed to legalize operation 'tf.Odd'\n"
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795294180.388937    8136 port.cc:153] oneDNN custom operations are on.\n"
        "2026-01-01 10:00:00.1: I tensorflow/core/platform\n"
        'Fatal Python error: Segmentation fault\n  File "x.py", line 3 in f\n\n'
    )
    assert last_meaningful_line(log) == "loc: error: failed to legalize operation 'tf.Odd'"
    log.write_bytes(b"\xff\xfe" * 100_000)
    assert len(last_meaningful_line(log)) <= 300


def test_the_worker_environment_asks_for_keras_3_and_no_gpu() -> None:
    environ = worker_environment({"TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "jax", "PATH": "/bin"})
    assert "TF_USE_LEGACY_KERAS" not in environ
    assert environ["KERAS_BACKEND"] == "tensorflow"
    assert environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert environ["PATH"] == "/bin"


def test_the_real_worker_reports_a_recipe_that_raises(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.py"
    recipe.write_text("raise RuntimeError('no luck')\n")
    runner = StepRunner(Cache(tmp_path / "cache"), jobs=1, timeout_s=30, cancel=threading.Event())
    step = Step("describe", "describe", {"path": str(recipe), "options": {}})
    result = runner.run("mine", [step])["describe"]
    assert result.status is Status.FAILED
    assert result.reason == f"{recipe}:1: the recipe raises RuntimeError: no luck"


def test_the_real_worker_survives_none_of_os_abort(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.py"
    recipe.write_text("import os\nos.abort()\n")
    runner = StepRunner(Cache(tmp_path / "cache"), jobs=1, timeout_s=30, cancel=threading.Event())
    step = Step("describe", "describe", {"path": str(recipe), "options": {}})
    assert runner.run("mine", [step])["describe"].status is Status.CRASHED


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_worker_dies_with_its_parent(tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    recipe, pid_path = tmp_path / "mine.py", tmp_path / "pid"
    recipe.write_text(
        f"import os, pathlib, time\npathlib.Path({str(pid_path)!r}).write_text(str(os.getpid()))\ntime.sleep(600)\n"
    )
    code = (
        "import sys, threading; from pathlib import Path\n"
        "from harness.prepare.cache import Cache\nfrom harness.prepare.steps import Step, StepRunner\n"
        "runner = StepRunner(Cache(Path(sys.argv[1])), jobs=1, timeout_s=600, cancel=threading.Event())\n"
        "runner.run('m', [Step('d', 'describe', {'path': sys.argv[2], 'options': {}})])"
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "cache"), str(recipe)], cwd=root)
    try:
        deadline = time.monotonic() + 30
        while not (pid_path.exists() and pid_path.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = int(pid_path.read_text())
        assert not _gone(pid, within_s=0)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert _gone(pid)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_real_worker_says_by_its_exit_code_that_the_disk_is_full(tmp_path: Path) -> None:
    request = {"steps": [{"name": "a", "action": "inspect", "arguments": {}, "needs": []}]}
    (tmp_path / "request.json").write_text(json.dumps(request))
    command = [*WORKER_COMMAND, str(tmp_path / "request.json"), "/dev/full", str(os.getpid())]
    assert subprocess.run(command, check=False, timeout=60).returncode == DISK_FULL_EXIT
