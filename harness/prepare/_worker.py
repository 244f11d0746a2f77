"""The worker process: carries out the steps of a request, one after the other, and reports each as a line of JSON.

Called by `harness.prepare.children` with the request file, the events file and the process id of its parent.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from harness.domain import Status
from harness.errors import is_disk_full
from harness.prepare.children import DISK_FULL_EXIT
from harness.prepare.faults import fault_of
from harness.prepare.progress import sending_to

_PR_SET_PDEATHSIG = 1
# What a step may do: the module and the function that does it, from its arguments to a JSON-able value.
ACTIONS = {
    "describe": ("harness.prepare.build", "describe"),
    "source": ("harness.prepare.build", "build_source"),
    "technique": ("harness.prepare.techniques.apply", "apply_technique"),
    "data_facts": ("harness.prepare.public_data", "data_facts"),
    "dataset": ("harness.prepare.public_data", "build_dataset"),
    "convert": ("harness.prepare.convert", "convert"),
    "check": ("harness.prepare.check", "check"),
    "inspect": ("harness.prepare.litert_file", "inspect"),
    "diagnose": ("harness.prepare.diagnose", "diagnose"),
}


def main() -> int:
    """Read the request, do its steps; the exit code is 0 when every step was reported, however it ended."""
    request_path, events_path, parent = sys.argv[1:4]
    die_with_parent(int(parent))
    faulthandler.enable()
    steps = json.loads(Path(request_path).read_text(encoding="utf-8"))["steps"]
    failed: set[str] = set()
    with Path(events_path).open("a", encoding="utf-8", buffering=1) as events:
        for step in steps:
            if not failed.intersection(step["needs"]) and not _run(step, events):
                failed.add(step["name"])
    # Threads and destructors of native libraries must not turn a finished job into a crash.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _run(step: Mapping[str, Any], events: TextIO) -> bool:
    """Do one step and report it; whether it succeeded."""
    _emit(events, step, state="started")
    begin_s = time.monotonic()
    try:
        module, function = ACTIONS[step["action"]]
        action: Callable[[Mapping[str, Any]], Mapping[str, Any]] = getattr(import_module(module), function)
        with sending_to(lambda text: _emit(events, step, state="progress", text=text)):
            outcome: dict[str, Any] = {"status": Status.DONE.value, "value": dict(action(step["arguments"]))}
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        status, reason = fault_of(error)
        outcome = {"status": status.value, "reason": reason}
    _emit(events, step, state="finished", seconds=time.monotonic() - begin_s, **outcome)
    return bool(outcome["status"] == Status.DONE.value)


def _emit(events: TextIO, step: Mapping[str, Any], **fields: Any) -> None:
    try:
        events.write(json.dumps({"step": step["name"], **fields}) + "\n")
        events.flush()
    except OSError as error:
        if is_disk_full(error):
            os._exit(DISK_FULL_EXIT)
        raise


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent's thread ends; elsewhere watch the parent's process id."""
    try:
        asked = sys.platform == "linux" and ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) == 0
    except (OSError, AttributeError):
        asked = False
    if os.getppid() != parent:
        os._exit(1)
    if not asked:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
