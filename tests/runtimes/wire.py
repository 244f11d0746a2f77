"""Stand-ins at the wire: runner output as bytes, and interpreters that are programs."""

from __future__ import annotations

import base64
import json
import stat
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.devices.base import ProcessResult
from harness.devices.host import HostDevice
from harness.domain import Backend, InvocationRequest, MeasureSettings, Purpose, RuntimeRef

MODELS = Path(__file__).resolve().parents[1] / "data" / "models"
QUICK = MeasureSettings(
    min_s=0.1, max_s=1.0, min_iterations=20, warmup_min_s=0.05, warmup_max_s=0.5, timeout_s=60.0, seed=3
)

HELLO: dict[str, Any] = {
    "type": "hello",
    "protocol": 1,
    "python": "3.9.18",
    "library": "tflite_runtime",
    "version": "2.14.0",
    "features": ["resolver"],
}


def pack(samples: list[int]) -> str:
    return base64.b64encode(np.array(samples, dtype="<i8").tobytes()).decode()


RESULT: dict[str, Any] = {
    "type": "result",
    "init_ns": 2_000_000,
    "first_inference_ns": 40_000,
    "samples": pack([20_000, 21_000, 20_500]),
    "warmup": pack([40_000, 22_000]),
    "warmup_capped": False,
    "timed": "call+read",
    "accelerator": "",
    "coverage": {"delegated_nodes": 2, "total_nodes": 3, "partitions": 1, "operators": [["CONV_2D", True]]},
    "evidence": {
        "cpus": [1],
        "cpus_verified": True,
        "clock_source": "add_chain",
        "clock_start_ghz": 3.0,
        "clock_end_ghz": 2.9,
        "foreign_load": 0.01,
        "output_read_us": 0.4,
        "notes": ["a note"],
    },
}


def lines(*values: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def process(stdout: bytes = b"", stderr: bytes = b"", returncode: int = 0, **fields: Any) -> ProcessResult:
    return ProcessResult(returncode, stdout, stderr, wall_s=1.5, **fields)


def request(
    model: Path | str = MODELS / "float32.tflite",
    purpose: Purpose = Purpose.TIMING,
    backend: Backend | None = None,
    measure: MeasureSettings = QUICK,
    **fields: Any,
) -> InvocationRequest:
    return InvocationRequest(purpose, str(model), backend or Backend(), RuntimeRef(), measure, **fields)


def host() -> HostDevice:
    return HostDevice(vulkan=lambda: ())


def program(path: Path, body: str) -> str:
    """An executable Python program that is handed the interpreter's arguments."""
    path.write_text(f"#!{sys.executable}\n" + textwrap.dedent(body), encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def interpreter_with(folder: Path, library: str, source: str) -> str:
    """An interpreter that has `library` with our own ``interpreter`` module and otherwise runs the real runner."""
    package = folder / library
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "9.9"\n')
    (package / "interpreter.py").write_text(textwrap.dedent(source))
    return program(
        folder / "python",
        f"""
        import os, runpy, sys
        script = next(argument for argument in sys.argv[1:] if argument.endswith('.py'))
        sys.argv = [script]
        sys.path[:0] = [{str(folder)!r}, os.path.dirname(script)]
        runpy.run_path(script, run_name='__main__')
        """,
    )
