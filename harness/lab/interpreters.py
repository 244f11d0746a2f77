"""What the interpreters offer that a pinned build stands on: they are written down, for they cannot be copied."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from harness.assets import folder
from harness.devices.host import HostDevice
from harness.domain import RuntimeRef
from harness.runtimes.litert import LiteRt
from harness.runtimes.script_runtime import HELLO_TIMEOUT_S

INTERPRETED = ("litert", "pycoral")  # the runtimes that are a library of an interpreter


def offers_of(runtime: RuntimeRef) -> str:
    """Path and versions of the interpreter of `runtime`, or the sentence that says why it is of no use."""
    if runtime.name == "pycoral":
        return _pycoral_offers(runtime)
    litert = LiteRt(HostDevice(), runtime)
    hello = litert.hello
    return hello if isinstance(hello, str) else f"{litert.python}: {hello.label}"


def _pycoral_offers(runtime: RuntimeRef) -> str:
    """The installed libraries by their metadata: the question needs no Edge TPU, and none that is there is opened."""
    python = sys.executable if runtime.python is None else shutil.which(Path(runtime.python).expanduser())
    if python is None:
        return f"{runtime.python} is not an executable Python interpreter; correct `runtime.pycoral.python`"
    script = folder("device_scripts") / "edgetpu_runner.py"
    answer = HostDevice().run(
        (python, "-E", "-B", str(script), "--versions"),
        stdin=b"",
        env={},
        timeout_s=HELLO_TIMEOUT_S,
        cancel=threading.Event(),
    )
    try:
        found = dict(json.loads(answer.stdout))
    except (ValueError, TypeError):
        return f"{python} does not say which libraries it has"
    told = ", ".join(f"{name} {version}" for name, version in sorted(found.items()) if version and name != "numpy")
    return f"{python}: {told or 'none of the libraries for an Edge TPU'}"


def asked_once(ask: Callable[[RuntimeRef], str]) -> Callable[[RuntimeRef], str]:
    """`ask` with a memory: an interpreter takes a second to answer."""
    known: dict[RuntimeRef, str] = {}

    def answer(runtime: RuntimeRef) -> str:
        if runtime not in known:
            known[runtime] = ask(runtime)
        return known[runtime]

    return answer
