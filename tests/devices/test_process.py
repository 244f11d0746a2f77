from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from harness.devices.base import ProcessResult
from harness.devices.process import STDERR_HEAD_BYTES, STDERR_TAIL_BYTES, STDOUT_LIMIT_BYTES, run_process

REPOSITORY = Path(__file__).resolve().parents[2]


def run(
    code: str,
    *arguments: str,
    stdin: bytes = b"",
    timeout_s: float = 30.0,
    cancel: threading.Event | None = None,
    root: Path = Path("/"),
    env: dict[str, str] | None = None,
) -> ProcessResult:
    argv = (sys.executable, "-c", textwrap.dedent(code), *arguments)
    cancel = cancel or threading.Event()
    return run_process(argv, stdin=stdin, env=env or {}, timeout_s=timeout_s, cancel=cancel, root=root)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False


def wait_until(condition: object, limit_s: float = 10.0) -> bool:
    assert callable(condition)
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_output_exit_code_and_time() -> None:
    result = run("import sys; print('out'); sys.stderr.write('err'); sys.exit(3)")
    assert (result.returncode, result.stdout, result.stderr) == (3, b"out\n", b"err")
    assert (result.timed_out, result.cancelled, result.oom) == (False, False, False)
    assert result.wall_s < 10


def test_large_input_and_output_at_once_do_not_block_each_other() -> None:
    content = os.urandom(1 << 20) * 8
    assert (
        run("import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)", stdin=content).stdout
        == content
    )


def test_a_child_that_does_not_read_its_input_is_no_error() -> None:
    assert run("print('done')", stdin=b"x" * (1 << 22)).stdout == b"done\n"


def test_a_babbling_child_is_kept_within_bounds_and_to_its_deadline() -> None:
    code = """
        import os, sys
        line = b'x' * 65535 + b'\\n'
        while True:
            os.write(2, line)
    """
    result = run(code, timeout_s=1.5)
    assert result.timed_out
    assert result.returncode == -signal.SIGKILL
    assert len(result.stderr) < STDERR_HEAD_BYTES + STDERR_TAIL_BYTES + 200
    assert b"bytes left out" in result.stderr


def test_standard_output_is_cut_at_its_limit() -> None:
    code = "import sys\nfor _ in range(int(sys.argv[1])): sys.stdout.buffer.write(b'y' * 1048576)"
    result = run(code, str((STDOUT_LIMIT_BYTES >> 20) + 4))
    assert result.returncode == 0
    assert len(result.stdout) < STDOUT_LIMIT_BYTES + 200


def test_the_deadline_kills_grandchildren_too(tmp_path: Path) -> None:
    code = """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        open(sys.argv[1], 'w').write(str(child.pid))
        time.sleep(600)
    """
    begin = time.monotonic()
    result = run(code, str(tmp_path / "pid"), timeout_s=1.5)
    assert result.timed_out
    assert time.monotonic() - begin < 6
    grandchild = int((tmp_path / "pid").read_text())
    assert wait_until(lambda: not alive(grandchild))


def test_what_a_child_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    code = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        open(sys.argv[1], 'w').write(str(child.pid))
    """
    result = run(code, str(tmp_path / "pid"))
    assert result.returncode == 0
    assert result.wall_s < 10, "a grandchild that holds the pipes open must not delay the result"
    assert wait_until(lambda: not alive(int((tmp_path / "pid").read_text())))


def test_a_process_that_left_the_group_cannot_hold_the_pipes_for_ever(tmp_path: Path) -> None:
    code = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
        open(sys.argv[1], 'w').write(str(child.pid))
        print('result')
    """
    result = run(code, str(tmp_path / "pid"))
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert result.stdout == b"result\n"
    assert result.wall_s < 10


def test_cancel_ends_it_soon() -> None:
    cancel = threading.Event()
    timer = threading.Timer(0.3, cancel.set)
    timer.start()
    result = run("import time; time.sleep(600)", cancel=cancel)
    timer.join()
    assert result.cancelled
    assert not result.timed_out
    assert result.wall_s < 5


def test_what_is_printed_is_given_away_as_it_comes() -> None:
    pieces: list[bytes] = []
    told = threading.Event()

    def on_stdout(piece: bytes) -> None:
        pieces.append(piece)
        told.set()

    log = "import sys, time; print('log', file=sys.stderr, flush=True)"
    argv = (sys.executable, "-c", f"{log}; time.sleep(0.2); print('first', flush=True); time.sleep(600)")
    result = run_process(argv, stdin=b"", env={}, timeout_s=20, cancel=told, on_stdout=on_stdout)
    assert (result.cancelled, result.stdout, b"".join(pieces)) == (True, b"first\n", b"first\n")


def test_a_crash_keeps_its_signal() -> None:
    result = run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert result.returncode == -signal.SIGSEGV
    assert not result.oom


def test_a_missing_program_is_a_result() -> None:
    result = run_process(("/no/such/program",), stdin=b"", env={}, timeout_s=10, cancel=threading.Event())
    assert result.returncode == 127
    assert b"/no/such/program: No such file" in result.stderr


@pytest.mark.parametrize(("raised", "oom"), [("7", True), ("6", False)])
def test_a_kill_counts_as_out_of_memory_when_the_kernel_counted_one(tmp_path: Path, raised: str, oom: bool) -> None:
    vmstat = tmp_path / "proc/vmstat"
    vmstat.parent.mkdir()
    vmstat.write_text("nr_free_pages 1\noom_kill 6\n")
    code = """
        import os, signal, sys
        open(sys.argv[1], 'w').write('nr_free_pages 1\\noom_kill ' + sys.argv[2] + '\\n')
        os.kill(os.getpid(), signal.SIGKILL)
    """
    result = run(code, str(vmstat), raised, root=tmp_path)
    assert result.returncode == -signal.SIGKILL
    assert result.oom is oom


def test_the_kernel_would_take_the_child_first() -> None:
    assert run("print(open('/proc/self/oom_score_adj').read())").stdout.strip() == b"1000"


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONSTARTUP", "OMP_NUM_THREADS", "LD_PRELOAD_TEST", "SECRET_TOKEN"):
        monkeypatch.setenv(name, "leaked")
    result = run("import os; print(sorted(os.environ))", env={"OMP_NUM_THREADS": "2"})
    names = result.stdout.decode()
    assert "OMP_NUM_THREADS" in names
    assert "PATH" in names
    for name in ("PYTHONPATH", "PYTHONSTARTUP", "SECRET_TOKEN", "LD_PRELOAD_TEST"):
        assert name not in names


def test_it_dies_with_a_killed_controller(tmp_path: Path) -> None:
    controller = """
        import sys, threading
        from harness.devices.process import run_process
        code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
        argv = (sys.executable, "-c", code, sys.argv[1])
        run_process(argv, stdin=b"", env={}, timeout_s=600, cancel=threading.Event())
    """
    pid_file = tmp_path / "pid"
    argv = [sys.executable, "-c", textwrap.dedent(controller), str(pid_file)]
    with subprocess.Popen(argv, cwd=REPOSITORY) as process:
        assert wait_until(lambda: pid_file.exists() and pid_file.read_text())
        child = int(pid_file.read_text())
        assert alive(child)
        process.kill()
    assert wait_until(lambda: not alive(child))
