"""The preparation of one model from its reference to one row a variant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.content import content_id
from harness.domain import ModelRef, Status, VariantFile
from harness.prepare.cache import Cache, Entry
from harness.prepare.compilation import compile_each
from harness.prepare.compiled_file import compiled_file_rows, is_compiled
from harness.prepare.converters import Toolbox
from harness.prepare.edgetpu_tool import EdgeTpuTool
from harness.prepare.faults import fault_of
from harness.prepare.group import grouped
from harness.prepare.preparation import Preparation
from harness.prepare.recipe import RANDOM, check_options, load_recipe
from harness.prepare.retraining import Retraining
from harness.prepare.rows import DATASET, DataSet, Rows, StepError
from harness.prepare.source import CODE_VERSION, Source, resolve
from harness.prepare.steps import INTERRUPTED, Step, StepRunner

# Chunks are verified when they are read, and there may be gigabytes of them.
_UNREAD_DATA = (f"{DATASET}/inputs-", f"{DATASET}/truths-")


@dataclass(frozen=True)
class Context:
    """What all models of one call share. `emit` and `say` may be called from any thread.

    `spare_jobs`: there are more worker places than models, so that one model may use several.
    """

    cache: Cache
    runner: StepRunner
    tools: Toolbox
    compiler: EdgeTpuTool
    cancel: threading.Event
    spare_jobs: bool
    emit: Callable[[VariantFile], None]
    say: Callable[[str], None]


def prepare_model(ref: ModelRef, variants: Sequence[str], context: Context) -> Rows:
    """Emit one row for each of `variants`; never raises for what is wrong with the model.

    Where models are compiled together, rows that wait for the other models are still open in what is returned.
    """
    rows = Rows(ref.name, variants, context.emit)
    try:
        _prepare_all(resolve(ref), rows, context)
    except Exception as error:  # also a defect of ours: it must not take the other models down
        rows.fail_rest(*fault_of(error))
    if not context.compiler.together:
        end_rows(rows, context)
    return rows


def _prepare_all(source: Source, rows: Rows, context: Context) -> None:
    source.require_tools(context.tools)
    key = source.key(_depends_on(source, context), context.tools)
    with context.cache.lock(key, context.cancel):
        if context.cancel.is_set():
            return
        if is_compiled(source):
            compiled_file_rows(source, rows, context)
        else:
            _prepare_groups(source, key, rows, context)
    if not context.compiler.together:
        compile_each(rows, context)


def end_rows(rows: Rows, context: Context) -> None:
    """Close `rows`: what has none yet was interrupted, or forgotten."""
    if context.cancel.is_set():
        rows.fail_rest(Status.INTERRUPTED, INTERRUPTED)
    rows.fail_rest(Status.FAILED, "the preparation ended without a result for this variant")


def _prepare_groups(source: Source, key: str, rows: Rows, context: Context) -> None:
    """The model as it is, then what each technique makes of it; a technique that fails costs its own rows only."""
    first, *others = grouped(rows.wanted)
    plain = Preparation(context, source, key, rows, first)
    if source.data_options.get("data"):
        plain.data = _data_set(plain, source, context)
    plain.run()
    for group in others:
        if context.cancel.is_set():
            return
        try:
            Retraining(context, source, group, plain).run()
        except Exception as error:
            status, reason = fault_of(error)
            for name in group.names:
                rows.fail(name, status, reason)


def _data_set(plain: Preparation, source: Source, context: Context) -> DataSet | None:
    """The public data set that the options name, from the cache or written by a worker; None for random weights.

    Raises:
        StepError: it cannot be read, or does not fit the model.
    """
    plain.load_source()
    if plain.entry is None:
        plain.build_source()
    if plain.require_entry().meta["weights"] == RANDOM:
        context.say(f"{source.name}: its weights are random, so its accuracy is not measured")
        return None
    arguments = {
        "kind": source.kind,
        "path": str(source.path),
        "data": dict(source.data_options),
        "source": str(plain.require_entry().path),
    }
    facts = _one_step(Step("data_facts", "data_facts", arguments), source, context)
    key = content_id([CODE_VERSION, facts], length=40)
    with context.cache.lock(key, context.cancel):
        entry = context.cache.load("datasets", key, unverified=_UNREAD_DATA)
        if entry is None:
            entry = _written(arguments, key, source, context)
    for note in entry.meta["notes"]:
        context.say(f"{source.name}: {note}")
    options, preprocessing = ([(name, text) for name, text in facts[key]] for key in ("task_options", "preprocessing"))
    return DataSet(entry.path / DATASET, facts["task"], tuple(options), tuple(preprocessing))


def _written(arguments: dict[str, Any], key: str, source: Source, context: Context) -> Entry:
    context.say(f"{source.name}: reading the data set {arguments['data']['data']}")
    with context.cache.staging() as stage:
        step = Step("dataset", "dataset", {**arguments, "folder": str(stage)})
        return context.cache.commit("datasets", key, stage, _one_step(step, source, context))


def _one_step(step: Step, source: Source, context: Context) -> dict[str, Any]:
    result = context.runner.run(source.name, [step], on_progress=lambda _, text: context.say(f"{source.name}: {text}"))[
        step.name
    ]
    if not result.ok:
        raise StepError(result.status, result.reason)
    return dict(result.value)


def _depends_on(source: Source, context: Context) -> tuple[Path, ...]:
    """The files a recipe depends on. A user's recipe runs in a worker, with a deadline, and nowhere else."""
    if source.kind != "recipe":
        return ()
    if source.builtin:
        recipe = load_recipe(source.path)
        check_options(recipe, source.options, source.name)
        return recipe.depends_on(source.options)
    step = Step("describe", "describe", {"path": str(source.path), "options": dict(source.options)})
    return tuple(Path(path) for path in _one_step(step, source, context)["depends_on"])
