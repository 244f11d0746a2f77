"""Turns itself into the child process: ``python -I -S _launch.py PARENT_PID argv…``. Runs between fork and exec.

A separate program, because code between fork and exec of a threaded controller may deadlock. Whatever fails here is
reported on standard error with exit code 127, as a shell would.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _prepare(parent_pid: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call above could count
        os._exit(128 + signal.SIGKILL)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="utf-8") as handle:  # noqa: PTH123 - pathlib is not worth its import time
            handle.write("1000")  # when memory runs out, the measured process goes first
    except OSError:
        pass


def _main() -> None:
    _prepare(int(sys.argv[1]))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.stderr.write(f"{sys.argv[2]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)


if __name__ == "__main__":
    _main()
