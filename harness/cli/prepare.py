"""`harness prepare`: model variants, checked."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.diagnose import budget_seconds, diagnose, print_diagnoses
from harness.cli.options import cache_option, jobs_option, json_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.domain import VARIANTS, EdgeTpuCompiler, ModelRef, Status, VariantFile
from harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


_DIAGNOSED = "int8"


@click.command("prepare")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--variants",
    default=None,
    metavar="NAME,...",
    help="Which variants: a mode (float32, int8, …), or a technique (qat, pruned, clustered, …), also with a mode "
    f"(pruned+int8). [default: {','.join(VARIANTS)}]",
)
@click.option("--weights", default=None, metavar="imagenet|random|PATH", help="Weights for the recipes that take them.")
@click.option(
    "--keep-float",
    default=None,
    metavar="NAME,...",
    help="Operators (SOFTMAX) or parts of layer names that quantized variants keep in float.",
)
@click.option(
    "--diagnose", "wants_diagnosis", is_flag=True, help="Measure which layers cost the accuracy of --variant instead."
)
@click.option("--variant", default=None, metavar="NAME", help=f"The variant to diagnose. [default: {_DIAGNOSED}]")
@click.option("--budget", default=None, metavar="TIME", help="Time for the diagnosis of a model. [default: 120s]")
@click.option(
    "--sqnr",
    "wanted_db",
    default=None,
    type=float,
    metavar="DB",
    help="The output SQNR that layers in float shall reach. [default: half the error]",
)
@click.option("--metric", is_flag=True, help="Score the task, too: with all quantized, and with layers in float.")
@click.option(
    "--timeout", "timeout_s", type=float, default=1800.0, show_default=True, help="Seconds for one conversion."
)
@click.option(
    "--edgetpu-compiler",
    "compiler",
    default=None,
    metavar="COMMAND",
    help="What compiles variants for the Edge TPU: a name on PATH, a path, or a command with {arguments}. "
    f"[default: {EdgeTpuCompiler().command}]",
)
@click.option(
    "--edgetpu-runtime-version",
    "runtime_version",
    default=None,
    type=click.IntRange(min=1),
    metavar="N",
    help="The Edge TPU runtime that compiled models must run on. [default: the compiler's own]",
)
@cache_option
@jobs_option
@json_option
def prepare_command(
    models: tuple[str, ...],
    variants: str | None,
    weights: str | None,
    keep_float: str | None,
    wants_diagnosis: bool,
    variant: str | None,
    budget: str | None,
    wanted_db: float | None,
    metric: bool,
    timeout_s: float,
    compiler: str | None,
    runtime_version: int | None,
    cache_dir: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Build the variants of MODEL: a recipe's name, a recipe .py, a .keras file, a SavedModel folder or a .tflite file.

    A second run takes everything from the cache. A conversion that fails is a row with its reason.

    With --diagnose: measure which layers cost the accuracy of one variant, and which to keep in float.
    """
    references = tuple(model_reference(name, weights, keep_float) for name in models)
    if wants_diagnosis:
        theirs = {"--edgetpu-compiler": compiler, "--edgetpu-runtime-version": runtime_version}
        _require_none("--diagnose", {"--variants": variants, "--keep-float": keep_float, **theirs})
        with _Progress(len(references), quiet=as_json) as progress:
            found = diagnose(
                references,
                variant=variant or _DIAGNOSED,
                budget_s=budget_seconds(budget or "120s"),
                wanted_db=wanted_db,
                metric=metric,
                cache_dir=cache_dir,
                timeout_s=timeout_s,
                on_progress=progress.on_text,
            )
        print_diagnoses(found, as_json)
        return EXIT_OK
    given = {"--variant": variant, "--budget": budget, "--sqnr": wanted_db, "--metric": metric or None}
    _require_none("a preparation", given, "It belongs to --diagnose.")
    edgetpu = EdgeTpuCompiler(min_runtime_version=runtime_version)
    if compiler is not None:
        edgetpu = replace(edgetpu, command=compiler)
    wanted = _variants(variants or ",".join(VARIANTS))
    files = _prepared(references, wanted, timeout_s, edgetpu, cache_dir, jobs, quiet=as_json)
    _print(files, as_json)
    return EXIT_FAILED_ROW if any(file.status not in (Status.DONE, Status.UNSUPPORTED) for file in files) else EXIT_OK


def _require_none(beside: str, options: Mapping[str, object], remedy: str = "") -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name} does not go with {beside}", remedy=remedy or "Leave one of them away.")


def _prepared(
    references: tuple[ModelRef, ...],
    wanted: tuple[str, ...],
    timeout_s: float,
    edgetpu: EdgeTpuCompiler,
    cache_dir: Path | None,
    jobs: int,
    *,
    quiet: bool,
) -> tuple[VariantFile, ...]:
    from harness.prepare import default_cache_dir, prepare

    cancel = threading.Event()
    with _Progress(len(references) * len(wanted), quiet=quiet) as progress:
        try:
            return prepare(
                references,
                wanted,
                cache_dir=cache_dir or default_cache_dir(),
                jobs=jobs,
                on_file=progress.on_file,
                on_progress=progress.on_text,
                cancel=cancel,
                timeout_s=timeout_s,
                edgetpu=edgetpu,
            )
        except KeyboardInterrupt:
            cancel.set()
            raise


def model_reference(name: str, weights: str | None = None, keep_float: str | None = None) -> ModelRef:
    """A recipe by its name, or a path.

    Raises:
        UsageError: neither a recipe nor a path that exists.
    """
    from harness.prepare import recipe_names

    given = (("weights", weights), ("keep_float", keep_float))
    options = tuple((key, text) for key, text in given if text is not None)
    if name in recipe_names():
        return ModelRef(name, options=options)
    path = Path(name)
    if path.exists():
        return ModelRef(path.stem, file=str(path), options=options)
    raise UsageError(f"there is no recipe and no file named {name!r}", remedy=_known(name))


def _known(name: str) -> str:
    from difflib import get_close_matches

    from harness.prepare import recipe_names

    close = get_close_matches(name, recipe_names(), n=1)
    suggestion = f"Did you mean {close[0]!r}? " if close else ""
    return f"{suggestion}Recipes: {', '.join(recipe_names())}."


def _variants(text: str) -> tuple[str, ...]:
    from harness.prepare.engine import canonical

    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise UsageError("no variant is named", remedy=f"Variants: {', '.join(VARIANTS)}.")
    return canonical(names)


class _Progress:
    """A bar on a terminal, lines when piped; on standard error, so that results can be piped."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console: Console = Console(stderr=True, quiet=quiet)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("Preparing", total=total)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.stop()

    def on_file(self, file: VariantFile) -> None:
        """A file is there."""
        self._bar.advance(self._task)
        if not self._console.is_terminal:
            self.on_text(f"{file.model} {file.variant}: {file.status}{f' ({file.reason})' if file.reason else ''}")

    def on_text(self, text: str) -> None:
        """A line of progress."""
        from rich.markup import escape

        if self._console.is_terminal:
            self._bar.update(self._task, description=escape(text[:60]))
        else:
            self._console.print(text, markup=False, highlight=False)


def _print(files: tuple[VariantFile, ...], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(file) for file in files], indent=2, default=str))
        return
    from rich.console import Console

    from harness.display.prepared import prepared_table

    console = Console()
    console.print(prepared_table(files, console.width))
    for file in files:
        if file.reason:
            console.print(f"{file.model} {file.variant}: {file.status}: {file.reason}", markup=False, highlight=False)
