"""Inference runtimes on devices: a request becomes a process, its output a result; `open_runtime` opens one."""

from harness.runtimes.base import Runtime
from harness.runtimes.registry import open_runtime

__all__ = ["Runtime", "open_runtime"]
