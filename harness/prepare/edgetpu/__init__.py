"""Compiling models for the Edge TPU: ``edgetpu_compiler`` is found, run with a deadline, and its result is proven.

What the compiler prints is never enough: a row counts when the file that it wrote carries the Edge TPU's operator and
has the inputs and outputs of its source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.prepare.edgetpu.command import Missing, Program, compiler_version, find_compiler
    from harness.prepare.edgetpu.compile import Compiled, CompileRequest, compile_models
    from harness.prepare.edgetpu.log import CompilerLog, parse_log
    from harness.prepare.edgetpu.proof import is_compiled, mapping_of
    from harness.prepare.edgetpu.readiness import not_integer, refusal

__all__ = [
    "CompileRequest",
    "Compiled",
    "CompilerLog",
    "Missing",
    "Program",
    "compile_models",
    "compiler_version",
    "find_compiler",
    "is_compiled",
    "mapping_of",
    "not_integer",
    "parse_log",
    "refusal",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CompileRequest": "compile",
        "Compiled": "compile",
        "CompilerLog": "log",
        "Missing": "command",
        "Program": "command",
        "compile_models": "compile",
        "compiler_version": "command",
        "find_compiler": "command",
        "is_compiled": "proof",
        "mapping_of": "proof",
        "not_integer": "readiness",
        "parse_log": "log",
        "refusal": "readiness",
    },
)
