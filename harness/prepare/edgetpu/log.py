"""What ``edgetpu_compiler`` prints, as values. Pure; survives any text.

Versions 2.0 to 16.0 print one block a model (or segment), from ``Input model:`` on. The counts of operators that were
mapped are absent when all of them were.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.domain import MappedOperator
from harness.units import parse_size_bytes

MAX_TEXT = 4 << 20
MAX_LINE = 4096
_pattern = partial(re.compile, flags=re.ASCII)
_VERSION = _pattern(r"^Edge TPU Compiler version (\d{1,6}(?:\.\d{1,12}){0,4})\b")
_SUCCESS = _pattern(r"^Models? compiled successfully in \d+ ms\b")
_TABLE = _pattern(r"^Operator\s+Count\s+Status$")
_ROW = _pattern(r"^(\S.{0,200}?)\s{2,}(\d{1,9})\s{2,}(\S.*)$")
_SIZE = r"(\d{1,9}(?:\.\d{1,6})?\s?(?:B|KiB|MiB|GiB))"
_FIELDS = {
    "output": _pattern(r"^Output(?: model)?: (.+)$"),
    "operation_log": _pattern(r"^Operation log: (.+)$"),
    "on_chip_used_bytes": _pattern(rf"^On-chip memory used for caching model parameters: {_SIZE}$"),
    "on_chip_remaining_bytes": re.compile(
        rf"^On-chip memory (?:remaining|available) for caching model parameters: {_SIZE}$"
    ),
    "off_chip_bytes": _pattern(rf"^Off-chip memory used for streaming uncached model parameters: {_SIZE}$"),
    "subgraphs": _pattern(r"^Number of Edge TPU subgraphs: (\d{1,9})$"),
    "operations": _pattern(r"^Total number of operations: (\d{1,9})$"),
    "counted_mapped": _pattern(r"^Number of operations that will run on Edge TPU: (\d{1,9})$"),
    "counted_on_cpu": _pattern(r"^Number of operations that will run on CPU: (\d{1,9})$"),
}
_BLOCK = _pattern(r"^Input(?: model)?: (.+)$")
_PARTIAL = "not all operations are supported by the Edge TPU"


@dataclass(frozen=True)
class ModelLog:
    """The block of one model; None where it does not say."""

    input: str = ""
    output: str = ""
    operation_log: str = ""
    on_chip_used_bytes: int | None = None
    on_chip_remaining_bytes: int | None = None
    off_chip_bytes: int | None = None
    subgraphs: int | None = None
    operations: int | None = None
    counted_mapped: int | None = None
    counted_on_cpu: int | None = None
    partial: bool = False
    operators: tuple[MappedOperator, ...] = ()

    @property
    def mapped(self) -> int | None:
        """How many operators of the source the Edge TPU takes; None where the block does not agree with itself."""
        return self._counts[0]

    @property
    def on_cpu(self) -> int | None:
        """How many stay on the CPU, likewise."""
        return self._counts[1]

    @property
    def _counts(self) -> tuple[int | None, int | None]:
        found = self._said()
        total = self.operations
        consistent = None in found or total is None or sum(one or 0 for one in found) == total
        return found if consistent else (None, None)

    def _said(self) -> tuple[int | None, int | None]:
        if self.counted_mapped is not None or self.counted_on_cpu is not None:
            return self.counted_mapped, self.counted_on_cpu
        if self.operators:
            on = sum(one.count for one in self.operators if one.mapped)
            return on, sum(one.count for one in self.operators) - on
        if self.partial or self.operations is None or self.subgraphs is None:
            return None, None
        return (self.operations, 0) if self.subgraphs else (0, self.operations)


@dataclass(frozen=True)
class CompilerLog:
    """Everything that one call printed.

    Attributes:
        succeeded: it said so after whatever failed before (a search for a cut tries and fails).
    """

    version: str = ""
    succeeded: bool = False
    models: tuple[ModelLog, ...] = ()

    def of(self, name: str) -> ModelLog | None:
        """The last block whose output file has this `name`."""
        return next((one for one in reversed(self.models) if _base(one.output) == name), None)


def parse_log(text: str) -> CompilerLog:
    """The values in what the compiler printed, or in its operation log; empty where nothing is known."""
    found = CompilerLog()
    blocks: list[ModelLog] = []
    in_table = False
    for line in _lines(text):
        found = _general(found, line)
        if match := _BLOCK.match(line):
            blocks.append(ModelLog(input=match[1].strip()))
        elif blocks or _TABLE.match(line):
            blocks = blocks or [ModelLog()]
            in_table = bool(_TABLE.match(line)) or (in_table and (not line or bool(_ROW.match(line))))
            blocks[-1] = _row(blocks[-1], line) if in_table else _field(blocks[-1], line)
    return replace(found, models=tuple(blocks))


def with_operation_log(block: ModelLog, text: str) -> ModelLog:
    """`block` with the table of operators of its operation log, where it has none of its own."""
    if block.operators:
        return block
    tables = [one.operators for one in parse_log(text).models if one.operators]
    return replace(block, operators=tables[-1]) if tables else block


def _lines(text: str) -> Iterator[str]:
    if len(text) > MAX_TEXT:
        half = MAX_TEXT // 2
        text = f"{text[:half]}\n{text[-half:]}"
    for line in text.splitlines():
        yield printable(line[:MAX_LINE]).strip()


def printable(text: str) -> str:
    """`text` without what could command a terminal: each such character is a space."""
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def _general(found: CompilerLog, line: str) -> CompilerLog:
    if match := _VERSION.match(line):
        return replace(found, version=match[1])
    if _SUCCESS.match(line) or line.startswith("Compilation succeeded!"):
        return replace(found, succeeded=True)
    if line.startswith(("Compilation failed", "Internal compiler error", "Invalid model")):
        return replace(found, succeeded=False)
    return found


def _field(block: ModelLog, line: str) -> ModelLog:
    if _PARTIAL in line:
        return replace(block, partial=True)
    for name, pattern in _FIELDS.items():
        if match := pattern.match(line):
            value: Any = _value(name, match[1])
            return replace(block, **{name: value})
    return block


def _value(name: str, text: str) -> str | int:
    if name.endswith("_bytes"):
        return parse_size_bytes(text)
    return text.strip() if name in ("output", "operation_log") else int(text)


def _row(block: ModelLog, line: str) -> ModelLog:
    match = _ROW.match(line)
    if match is None:
        return block
    operator = MappedOperator(match[1], int(match[2]), match[3])
    return replace(block, operators=(*block.operators, operator))


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]
