"""A given ``.tflite`` file that was compiled for the Edge TPU already: ``edgetpu`` as it is, and nothing else."""

from __future__ import annotations

import mmap
import shutil
from typing import TYPE_CHECKING

from harness.content import content_id
from harness.domain import Status, VariantFile
from harness.operator_names import EDGE_TPU_OPERATOR
from harness.prepare.cache import Entry
from harness.prepare.rows import MODEL_FILE, Rows, StepError, described, file_facts
from harness.prepare.source import CODE_VERSION, Source

if TYPE_CHECKING:
    from harness.prepare.edgetpu import Compiled
    from harness.prepare.model_job import Context

VARIANT = "edgetpu"
_ONLY = f"the file is compiled for the Edge TPU; it can only be used as {VARIANT}"


def is_compiled(source: Source) -> bool:
    """Whether `source` is a file with an operator for the Edge TPU.

    Raises:
        ModelFileError: it is damaged.
    """
    if not source.from_tflite:
        return False
    with source.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(EDGE_TPU_OPERATOR.encode()) < 0:
            return False  # without a process to read its graph
    from harness.prepare.edgetpu import is_compiled as has_operator

    return has_operator(source.path)


def compiled_file_rows(source: Source, rows: Rows, context: Context) -> None:
    """Emit a row for every variant of a compiled file.

    Raises:
        StepError: the file was compiled for another runtime than the wanted one.
        ModelFileError: it is damaged.
        OSError: the cache cannot be written.
    """
    for variant in rows.wanted:
        if variant != VARIANT:
            rows.fail(variant, Status.UNSUPPORTED, _ONLY)
    if VARIANT not in rows.wanted:
        return
    with context.cache.staging() as stage:
        (result,) = context.compiler.compile([source.path], stage, context.cancel)
    if result.status is not Status.DONE:
        raise StepError(result.status, result.reason)
    if source.data_options:
        context.say(f"{source.name}: nothing but the Edge TPU computes it, so that it is not scored")
    rows.add(_row(source, result, context))


def _row(source: Source, result: Compiled, context: Context) -> VariantFile:
    from harness.prepare.edgetpu.proof import read_facts

    entry, cached = _kept(source, context)
    path = entry.path / MODEL_FILE
    facts = read_facts(path)
    return VariantFile(
        model=source.name,
        variant=VARIANT,
        status=Status.DONE,
        reason=result.reason,
        path=str(path),
        converter="given file",
        cached=cached,
        inputs=facts.inputs,
        outputs=facts.outputs,
        weights="given",
        edgetpu=result.mapping,
        **(described(VARIANT) | dict(entry.meta)),
    )


def _kept(source: Source, context: Context) -> tuple[Entry, bool]:
    """The cache's copy, which nobody changes while it is measured, and whether it was there."""
    facts = file_facts(source.path)
    key = content_id([CODE_VERSION, VARIANT, "given", facts["sha256"]], length=40)
    entry = context.cache.load("variants", key)
    if entry is not None:
        return entry, True
    with context.cache.staging() as stage:
        shutil.copyfile(source.path, stage / MODEL_FILE)
        return context.cache.commit("variants", key, stage, facts), False
