"""The Edge TPU's compiler of one preparation: where it is, which version it is, and what it is asked for."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.domain import EdgeTpuCompiler

if TYPE_CHECKING:
    from harness.prepare.edgetpu import Compiled

NAME = "edgetpu_compiler"
# What says where the compiler is and how long it may take, not what it makes.
_NOT_ASKED = ("command", "timeout_s", "together")


class EdgeTpuTool:
    """`settings` and the compiler that they name. Safe for several threads.

    `memory` is the file in which the last versions of compilers are written down.
    """

    def __init__(self, settings: EdgeTpuCompiler, memory: Path) -> None:
        self.settings, self._memory = settings, memory

    @cached_property
    def version(self) -> str:
        """``16.0.384591198``; empty when there is no compiler, or it does not say.

        One that cannot be asked now is taken for what it was the last time: what it has compiled is still there.
        """
        from harness.prepare.edgetpu import Missing, compiler_version, find_compiler

        found, known = find_compiler(self.settings), self._known()
        version = "" if isinstance(found, Missing) else compiler_version(found)
        if version and version != known.get(self.settings.command):
            self._keep({**known, self.settings.command: version})
        return version or known.get(self.settings.command, "")

    def _known(self) -> dict[str, str]:
        """The last version of each command; nothing where the file is missing or damaged."""
        try:
            found = json.loads(self._memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}

    def _keep(self, versions: dict[str, str]) -> None:
        partial = self._memory.with_name(f"{self._memory.name}.{os.getpid()}")
        with suppress(OSError):  # it is asked again the next time
            partial.write_text(json.dumps(versions), encoding="utf-8")
            partial.replace(self._memory)

    @property
    def together(self) -> bool:
        """Whether all models are compiled in one call. The segments of a pipeline share nothing with other models."""
        return self.settings.together and self.settings.num_segments == 1

    @property
    def label(self) -> str:
        """``edgetpu_compiler 16.0.384591198``."""
        return f"{NAME} {self.version}".strip()

    @property
    def asked(self) -> dict[str, Any]:
        """What decides what comes out: the settings, and the command of a compiler that does not say its version."""
        settings = {name: value for name, value in asdict(self.settings).items() if name not in _NOT_ASKED}
        return settings if self.version else {**settings, "command": self.settings.command}

    def compile(self, paths: Sequence[Path], folder: Path, cancel: threading.Event) -> tuple[Compiled, ...]:
        """Compile `paths` in one call, into `folder`; one result each, in their order."""
        from harness.prepare.edgetpu import CompileRequest, compile_models

        def pause(seconds: float) -> None:
            cancel.wait(seconds)

        request = CompileRequest(tuple(paths), folder, self.settings)
        return compile_models(request, cancel=cancel, sleep=pause)
