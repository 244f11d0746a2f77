"""The variants that are another one's file, compiled: int8 through ``edgetpu_compiler``, with the cache before it.

The compiler runs on this host or where the user's command takes it. Models are compiled one by one as their int8 files
are there, or all of them in one call, so that they share the chip's cache for parameters (co-compilation).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.content import content_id
from harness.domain import EdgeTpuMapping, MappedOperator, Status, VariantFile
from harness.errors import is_disk_full
from harness.prepare.cache import Entry
from harness.prepare.edgetpu_tool import NAME, EdgeTpuTool
from harness.prepare.faults import fault_of
from harness.prepare.rows import MODEL_FILE, Rows, described, failed_row, file_facts
from harness.prepare.source import CODE_VERSION
from harness.prepare.steps import INTERRUPTED
from harness.variants import COMPILED_FROM, parse_variant, source_variant

if TYPE_CHECKING:
    from harness.prepare.edgetpu import Compiled
    from harness.prepare.model_job import Context

LOG_FILE = "compiler.log"
SEGMENT_FILE = "segment_{number}_of_{count}.tflite"


@dataclass(frozen=True)
class Job:
    """One `variant` to compile of the file of `source`; its row goes to `rows`."""

    rows: Rows
    variant: str
    source: VariantFile

    @property
    def path(self) -> Path:
        """The file to compile."""
        return Path(self.source.path or "")

    def say(self, context: Context, text: str) -> None:
        """A line of progress."""
        context.say(f"{self.rows.model} {self.variant}: {text}")

    def fail(self, status: Status, reason: str, converter: str = "", mapping: EdgeTpuMapping | None = None) -> None:
        """The row of a file that could not be made, or is of no use."""
        row = failed_row(self.rows.model, self.variant, status, reason, converter)
        self.rows.add(replace(row, edgetpu=mapping))


def compile_each(rows: Rows, context: Context) -> None:
    """The compiled variants of one model, each by itself. Its other variants have their rows."""
    if context.cancel.is_set():  # what is missing then was not waited for
        return
    for job in _jobs(rows):
        _carefully([job], context)


def compile_together(models: Sequence[Rows], context: Context) -> None:
    """The compiled variants of all models, those of one variant in one call of the compiler."""
    jobs = [job for rows in models for job in _jobs(rows) if _may_be_compiled(job)]
    for variant in dict.fromkeys(job.variant for job in jobs):
        _carefully([job for job in jobs if job.variant == variant], context)


def _may_be_compiled(job: Job) -> bool:
    """Whether the compiler may be asked; a refused file gets its row, and does not spoil the call for the others."""
    from harness.prepare.edgetpu import refusal

    try:
        reason = refusal(job.path)
    except Exception as error:
        job.fail(*fault_of(error))
        return False
    if reason:
        job.fail(Status.UNSUPPORTED, reason)
    return not reason


def _jobs(rows: Rows) -> list[Job]:
    """What can be compiled; the rest gets its rows."""
    jobs = []
    for variant in rows.wanted:
        if parse_variant(variant).mode not in COMPILED_FROM or rows.known(variant) is not None:
            continue
        source = rows.known(source_variant(variant))
        if source is None or source.status is not Status.DONE or source.path is None:
            rows.fail(variant, *_without_source(source, source_variant(variant)))
            continue
        jobs.append(Job(rows, variant, source))
    return jobs


def _without_source(source: VariantFile | None, name: str) -> tuple[Status, str]:
    if source is None:
        return Status.FAILED, f"the {name} file that it is compiled of was not made"
    return source.status, f"the {name} file that it is compiled of: {source.reason}"


# ---- one call of the compiler ----------------------------------------------------------------------------------------


def _carefully(jobs: Sequence[Job], context: Context, label: str = "") -> None:
    """Compile `jobs` in one call. Whatever goes wrong here costs their rows, and no others."""
    try:
        _compile(jobs, context, label or _label(jobs, context.compiler))
    except Exception as error:
        status, reason = fault_of(error)
        if is_disk_full(error):
            reason = "the disk of the cache directory is full. Free space there, or give another with --cache"
        for job in jobs:
            job.fail(status, reason)


def _compile(jobs: Sequence[Job], context: Context, label: str) -> None:
    """The rows of `jobs`, from the cache or by the compiler."""
    keys = [_key(jobs, position, context.compiler) for position in range(len(jobs))]
    with context.cache.lock(keys[0], context.cancel):
        found = [context.cache.load("variants", key) for key in keys]
        if all(found):
            for job, entry in zip(jobs, found, strict=True):
                if entry is not None:
                    _accept(job, entry, label, _together(jobs), cached=True)
            return
        with context.runner.slot() as free, context.cache.staging() as stage:
            if not free:
                _interrupted(jobs)
                return
            for job in jobs:
                job.say(context, f"compiling ({label})")
            results = context.compiler.compile(_staged(jobs, stage), stage / "compiled", context.cancel)
            failed = [
                (job, result)
                for job, key, result in zip(jobs, keys, results, strict=True)
                if not _keep(job, key, result, jobs, label, context)
            ]
    if len(jobs) == 1:
        for job, result in failed:
            job.fail(result.status, result.reason, label, result.mapping)
    else:
        _compile_alone(failed, context)


def _compile_alone(failed: Sequence[tuple[Job, Compiled]], context: Context) -> None:
    """What did not compile together is compiled by itself, so that one model does not take the others down."""
    for job, result in failed:
        if context.cancel.is_set() or result.status is Status.INTERRUPTED:
            _interrupted([job])
        else:
            job.say(context, f"co-compilation failed ({result.reason}); compiling it alone")
            _carefully([job], context, f"{context.compiler.label} (alone: its co-compilation failed)")


def _interrupted(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.fail(Status.INTERRUPTED, INTERRUPTED)


def _staged(jobs: Sequence[Job], stage: Path) -> list[Path]:
    """The files under the names of their models, which is how the compiler speaks of them."""
    (stage / "compiled").mkdir()
    paths: list[Path] = []
    for job in jobs:
        safe = "".join(one if one.isascii() and (one.isalnum() or one in "-_") else "_" for one in job.rows.model)[:80]
        name = safe if not any(path.stem == safe for path in paths) else f"{safe}_{len(paths) + 1}"
        paths.append(stage / f"{name}.tflite")
        shutil.copyfile(job.path, paths[-1])
    return paths


def _label(jobs: Sequence[Job], compiler: EdgeTpuTool) -> str:
    if len(jobs) == 1:
        return compiler.label
    return f"{compiler.label} (together: {', '.join(_together(jobs))})"


def _key(jobs: Sequence[Job], position: int, compiler: EdgeTpuTool) -> str:
    """The contents, in their order, since the first model is given the chip's cache first, version and settings."""
    contents = [job.source.sha256 for job in jobs]
    return content_id([CODE_VERSION, NAME, contents, position, compiler.version, compiler.asked], length=40)


# ---- results ---------------------------------------------------------------------------------------------------------


def _keep(job: Job, key: str, result: Compiled, jobs: Sequence[Job], label: str, context: Context) -> bool:
    """Put what was compiled into the cache; whether there is something to keep."""
    if result.status is not Status.DONE or not (result.path or result.segments):
        return False
    with context.cache.staging() as stage:
        meta = {
            "conversion_s": result.seconds,
            "reason": result.reason,
            "segments": len(result.segments),
            "mapping": None if result.mapping is None else asdict(result.mapping),
        }
        if result.path is not None:
            shutil.copyfile(result.path, stage / MODEL_FILE)
            meta["file"] = file_facts(stage / MODEL_FILE)
        for number, segment in enumerate(result.segments):
            shutil.copyfile(segment, stage / SEGMENT_FILE.format(number=number, count=len(result.segments)))
        (stage / LOG_FILE).write_text(result.log, encoding="utf-8", errors="replace")
        _accept(job, context.cache.commit("variants", key, stage, meta), label, _together(jobs), cached=False)
    return True


def _together(jobs: Sequence[Job]) -> tuple[str, ...]:
    return tuple(job.rows.model for job in jobs) if len(jobs) > 1 else ()


def _accept(job: Job, entry: Entry, label: str, together: tuple[str, ...], *, cached: bool) -> None:
    mapping = mapping_from_json(entry.meta["mapping"])
    if mapping is not None:  # files are kept by their contents, whatever their models were called then
        mapping = replace(mapping, together=together)
    segments = int(entry.meta["segments"])
    if segments > 1:
        reason = f"a pipeline over {segments} Edge TPUs is not driven; its segments, and the log, are in {entry.path}"
        job.fail(Status.UNSUPPORTED, reason, label, mapping)
        return
    source = job.source
    smaller = None
    if source.reduction_pct is not None and source.size_bytes:
        float_bytes = source.size_bytes / (1.0 - source.reduction_pct / 100.0)
        smaller = 100.0 * (1.0 - entry.meta["file"]["size_bytes"] / float_bytes)
    row = replace(
        source,
        variant=job.variant,
        reason=entry.meta["reason"],
        path=str(entry.path / MODEL_FILE),
        **entry.meta["file"],
        reduction_pct=smaller,
        conversion_s=entry.meta["conversion_s"],
        converter=label,
        cached=cached,
        source_error=None,  # nothing on this host computes the compiled file
        edgetpu=mapping,
        hardware=described(job.variant)["hardware"],
    )
    job.rows.add(row)


def mapping_from_json(value: Mapping[str, Any] | None) -> EdgeTpuMapping | None:
    """What `dataclasses.asdict` and JSON made of a mapping."""
    if value is None:
        return None
    operators = tuple(MappedOperator(**operator) for operator in value["operators"])
    return EdgeTpuMapping(**{**value, "operators": operators, "together": tuple(value["together"])})
