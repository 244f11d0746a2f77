"""The preparation of one model from its reference to one row a variant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.domain import ModelRef, Status, VariantFile
from harness.prepare.cache import Cache
from harness.prepare.converters import Toolbox
from harness.prepare.faults import fault_of
from harness.prepare.preparation import Preparation
from harness.prepare.recipe import check_options, load_recipe
from harness.prepare.rows import Rows, StepError
from harness.prepare.source import Source, resolve
from harness.prepare.steps import INTERRUPTED, Step, StepRunner


@dataclass(frozen=True)
class Context:
    """What all models of one call share. `emit` and `say` may be called from any thread.

    `spare_jobs`: there are more worker places than models, so that one model may use several.
    """

    cache: Cache
    runner: StepRunner
    tools: Toolbox
    cancel: threading.Event
    spare_jobs: bool
    emit: Callable[[VariantFile], None]
    say: Callable[[str], None]


def prepare_model(ref: ModelRef, variants: Sequence[str], context: Context) -> None:
    """Emit one row for each of `variants`; never raises for what is wrong with the model."""
    rows = Rows(ref.name, variants, context.emit)
    try:
        source = resolve(ref)
        source.require_tools(context.tools)
        key = source.key(_depends_on(source, context), context.tools)
        with context.cache.lock(key, context.cancel):
            if not context.cancel.is_set():
                Preparation(context, source, key, rows).run()
    except Exception as error:  # also a defect of ours: it must not take the other models down
        rows.fail_rest(*fault_of(error))
    if context.cancel.is_set():
        rows.fail_rest(Status.INTERRUPTED, INTERRUPTED)
    rows.fail_rest(Status.FAILED, "the preparation ended without a result for this variant")


def _depends_on(source: Source, context: Context) -> tuple[Path, ...]:
    """The files a recipe depends on. A user's recipe runs in a worker, with a deadline, and nowhere else."""
    if source.kind != "recipe":
        return ()
    if source.builtin:
        recipe = load_recipe(source.path)
        check_options(recipe, source.options, source.name)
        return recipe.depends_on(source.options)
    step = Step("describe", "describe", {"path": str(source.path), "options": dict(source.options)})
    result = context.runner.run(source.name, [step])["describe"]
    if not result.ok:
        raise StepError(result.status, result.reason)
    return tuple(Path(path) for path in result.value["depends_on"])
