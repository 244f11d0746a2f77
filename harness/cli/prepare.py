"""`harness prepare`: model variants, checked."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import cache_option, jobs_option, json_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.domain import VARIANTS, ModelRef, Status, VariantFile
from harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


@click.command("prepare")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--variants",
    default=",".join(VARIANTS),
    metavar="NAME,...",
    help=f"Which variants, from: {', '.join(VARIANTS)}. [default: all]",
)
@click.option("--weights", default=None, metavar="imagenet|random|PATH", help="Weights for the recipes that take them.")
@click.option(
    "--timeout", "timeout_s", type=float, default=1800.0, show_default=True, help="Seconds for one conversion."
)
@cache_option
@jobs_option
@json_option
def prepare_command(
    models: tuple[str, ...],
    variants: str,
    weights: str | None,
    timeout_s: float,
    cache_dir: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Build the variants of MODEL: a recipe's name, a recipe .py, a .keras file, a SavedModel folder or a .tflite file.

    A second run takes everything from the cache. A conversion that fails is a row with its reason.
    """
    from harness.prepare import default_cache_dir, prepare

    references = tuple(model_reference(name, weights) for name in models)
    wanted = _variants(variants)
    cancel = threading.Event()
    with _Progress(len(references) * len(wanted), quiet=as_json) as progress:
        try:
            files = prepare(
                references,
                wanted,
                cache_dir=cache_dir or default_cache_dir(),
                jobs=jobs,
                on_file=progress.on_file,
                on_progress=progress.on_text,
                cancel=cancel,
                timeout_s=timeout_s,
            )
        except KeyboardInterrupt:
            cancel.set()
            raise
    _print(files, as_json)
    return EXIT_FAILED_ROW if any(file.status not in (Status.DONE, Status.UNSUPPORTED) for file in files) else EXIT_OK


def model_reference(name: str, weights: str | None = None) -> ModelRef:
    """A recipe by its name, or a path.

    Raises:
        UsageError: neither a recipe nor a path that exists.
    """
    from harness.prepare import recipe_names

    options = (("weights", weights),) if weights is not None else ()
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
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        if name not in VARIANTS:
            raise UsageError(f"{name!r} is not a variant", remedy=f"Variants: {', '.join(VARIANTS)}.")
    if not names:
        raise UsageError("no variant is named", remedy=f"Variants: {', '.join(VARIANTS)}.")
    return names


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
