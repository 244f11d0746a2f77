"""`harness compile-edgetpu`: int8 files through Coral's compiler, and what it made of them."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import rich_click as click

from harness.cli.options import json_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.domain import EdgeTpuCompiler, EdgeTpuMapping, Status
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.prepare.edgetpu import Compiled

_DEFAULTS = EdgeTpuCompiler()
_LABEL_WIDTH = 12


def _a_number(value: float) -> float:
    """The range of an option lets NaN through."""
    if math.isnan(value):
        raise click.BadParameter("it is not a number")
    return value


@click.command("compile-edgetpu")
@click.argument(
    "models", nargs=-1, required=True, metavar="MODEL.tflite...", type=click.Path(path_type=Path, dir_okay=False)
)
@click.option(
    "--out-dir",
    default=Path(),
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIRECTORY",
    help="Folder of <name>_edgetpu.tflite and its log. [default: here]",
)
@click.option(
    "--min-runtime-version",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="The Edge TPU runtime that the model must run on. [default: the compiler's own]",
)
@click.option(
    "--num-segments",
    type=click.IntRange(1, 64),
    default=1,
    metavar="N",
    help="Cut each model for a pipeline over as many Edge TPUs. [default: 1]",
)
@click.option("--search-delegate", is_flag=True, help="Search for a cut that compiles where the whole model does not.")
@click.option(
    "--delegate-search-step",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Operators that the search moves on at a time. [default: the compiler's own]",
)
@click.option("--several-subgraphs", is_flag=True, help="Allow more than one part on the Edge TPU.")
@click.option(
    "--intermediate-tensors",
    default="",
    metavar="NAME,...",
    help="Tensors at which the Edge TPU's part ends.",
)
@click.option("--together", is_flag=True, help="Compile all models in one call, for one cache of parameters.")
@click.option(
    "--compiler",
    default=_DEFAULTS.command,
    show_default=True,
    metavar="COMMAND",
    help="A name on PATH, a path, or a command with {arguments} that runs it elsewhere.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, max=86400, min_open=True),
    callback=lambda _, __, value: _a_number(value),
    default=_DEFAULTS.timeout_s,
    show_default=True,
    metavar="SECONDS",
    help="Deadline of one compilation.",
)
@json_option
def compile_edgetpu_command(
    models: tuple[Path, ...],
    out_dir: Path,
    min_runtime_version: int | None,
    num_segments: int,
    search_delegate: bool,
    delegate_search_step: int | None,
    several_subgraphs: bool,
    intermediate_tensors: str,
    together: bool,
    compiler: str,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Compile int8 models for the Edge TPU, and tell what was mapped and what was not.

    A model counts as compiled when the file that came out has the Edge TPU's operator. An operator that is not 8-bit is
    named before the compiler is called.
    """
    settings = EdgeTpuCompiler(
        command=compiler,
        min_runtime_version=min_runtime_version,
        intermediate_tensors=tuple(part.strip() for part in intermediate_tensors.split(",") if part.strip()),
        several_subgraphs=several_subgraphs,
        num_segments=num_segments,
        search_delegate=search_delegate,
        search_step=delegate_search_step,
        timeout_s=timeout_s,
        together=together,
    )
    _require_distinct(models)
    _make_folder(out_dir)
    verdicts = []
    for verdict in _verdicts(models, out_dir, settings):
        verdicts.append(verdict)
        if not as_json:
            click.echo("\n".join(_lines(verdict)))
    if as_json:
        click.echo(json.dumps([_json(verdict) for verdict in verdicts], indent=2))
    return EXIT_OK if all(verdict.status is Status.DONE for verdict in verdicts) else EXIT_FAILED_ROW


@dataclass(frozen=True)
class _Verdict:
    """What became of one model. `paths` are the compiled file, or its segments."""

    model: Path
    status: Status
    reason: str = ""
    paths: tuple[Path, ...] = ()
    log: Path | None = None
    seconds: float = 0.0
    mapping: EdgeTpuMapping | None = None


def _require_distinct(models: Sequence[Path]) -> None:
    stems = [model.stem for model in models]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two models would both become {twice}_edgetpu.tflite",
            remedy="Rename one, or compile them into folders of their own (--out-dir).",
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"the folder cannot be written: {error.strerror or error}", where=str(folder), remedy="Give --out-dir."
        ) from error


# ---- compiling -------------------------------------------------------------------------------------------------------


def _verdicts(models: Sequence[Path], out_dir: Path, settings: EdgeTpuCompiler) -> Iterator[_Verdict]:
    """The verdicts in the order of the models, each as soon as it is known."""
    for group in [models] if settings.together else [(model,) for model in models]:
        yield from _compiled(group, out_dir, settings)


def _compiled(models: Sequence[Path], out_dir: Path, settings: EdgeTpuCompiler) -> list[_Verdict]:
    """Compile `models` in one call, into `out_dir`."""
    from harness.prepare.edgetpu import CompileRequest, compile_models

    cancel = Event()
    try:
        results = compile_models(CompileRequest(tuple(models), out_dir, settings), cancel=cancel)
    except KeyboardInterrupt:
        cancel.set()
        raise
    return [_verdict(result, out_dir) for result in results]


def _verdict(result: Compiled, out_dir: Path) -> _Verdict:
    """The verdict on one model; what the compiler printed of one that failed is kept for its reader."""
    paths = result.segments or ((result.path,) if result.path is not None else ())
    log = None
    if result.status is not Status.DONE and result.log:
        log = out_dir / f"{result.source.stem}_edgetpu.log"
        log.write_text(result.log, encoding="utf-8", errors="replace")
    return _Verdict(result.source, result.status, result.reason, paths, log, result.seconds, result.mapping)


# ---- telling ---------------------------------------------------------------------------------------------------------


def _lines(verdict: _Verdict) -> list[str]:
    from harness.display.text import clean

    reason = f": {verdict.reason}" if verdict.reason else ""
    facts = [("file", str(path)) for path in verdict.paths]
    facts += _told(verdict.mapping) if verdict.mapping is not None else ()
    facts += [("log", str(verdict.log))] if verdict.log is not None else []
    told = [f"  {label:<{_LABEL_WIDTH}}{clean(text)}" for label, text in facts]
    return [clean(f"{verdict.model}: {verdict.status}{reason}"), *told]


def _told(mapping: EdgeTpuMapping) -> Iterator[tuple[str, str]]:
    from harness.report.wording import plural

    if mapping.mapped is not None:
        total = "" if mapping.on_cpu is None else f" of {mapping.mapped + mapping.on_cpu}"
        yield "mapped", f"{mapping.mapped}{total} operators, in {plural(mapping.subgraphs, 'part')}"
    for operator in mapping.operators:
        if not operator.mapped:
            yield "on the CPU", f"{operator.count} {operator.name}: {operator.status}"
    if mapping.on_chip_used_bytes is not None:
        yield "on chip", f"{_size(mapping.on_chip_used_bytes)} of parameters{_remaining(mapping)}"
    if mapping.off_chip_bytes is not None:
        told = f"{_size(mapping.off_chip_bytes)} of parameters are streamed at each inference"
        yield "off chip", told if mapping.off_chip_bytes else "nothing"
    if mapping.compiler_version:
        runtime = f", for runtime {mapping.min_runtime_version}" if mapping.min_runtime_version else ""
        yield "compiler", f"edgetpu_compiler {mapping.compiler_version}{runtime}"
    if mapping.together:
        yield "together", ", ".join(mapping.together)


def _remaining(mapping: EdgeTpuMapping) -> str:
    left = mapping.on_chip_remaining_bytes
    return "" if left is None else f", {_size(left)} left"


def _size(size_bytes: int) -> str:
    from harness.units import bytes_to_mib

    return f"{bytes_to_mib(size_bytes):.2f} MiB"


def _json(verdict: _Verdict) -> dict[str, Any]:
    return {
        "model": str(verdict.model),
        "status": str(verdict.status),
        "reason": verdict.reason,
        "paths": [str(path) for path in verdict.paths],
        "log": None if verdict.log is None else str(verdict.log),
        "seconds": verdict.seconds,
        "mapping": None if verdict.mapping is None else asdict(verdict.mapping),
    }
