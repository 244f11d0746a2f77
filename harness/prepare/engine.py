"""`prepare`: several models at once, rows as they come, in the caller's thread."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from harness.domain import VARIANTS, EdgeTpuCompiler, ModelRef, VariantFile
from harness.errors import UsageError
from harness.prepare.cache import Cache, default_cache_dir
from harness.prepare.compilation import compile_together
from harness.prepare.converters import Toolbox, installed
from harness.prepare.edgetpu_tool import EdgeTpuTool
from harness.prepare.model_job import Context, end_rows, prepare_model
from harness.prepare.rows import Rows
from harness.prepare.steps import StepRunner
from harness.variants import parse_variant

DEFAULT_TIMEOUT_S = 900.0
_POLL_S = 0.1
_COMPILER = EdgeTpuCompiler()


def _ignore_file(_: VariantFile) -> None:
    """Default of `on_file`."""


def _ignore_text(_: str) -> None:
    """Default of `on_progress`."""


def prepare(
    models: Sequence[ModelRef],
    variants: Sequence[str] = VARIANTS,
    *,
    cache_dir: Path | None = None,
    jobs: int | None = None,
    on_file: Callable[[VariantFile], None] = _ignore_file,
    on_progress: Callable[[str], None] = _ignore_text,
    cancel: threading.Event | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    worker: Sequence[str] = (),
    tools: Toolbox | None = None,
    edgetpu: EdgeTpuCompiler = _COMPILER,
) -> tuple[VariantFile, ...]:
    """Make every variant of every model, from the cache where it is there.

    Args:
        models: recipes and files.
        variants: names of `harness.variants`; two names of one variant are one.
        cache_dir: default `default_cache_dir()`.
        jobs: worker processes at a time; default the cores this process may use.
        on_file: called with each row as it is ready, in the caller's thread.
        on_progress: called with a line on what begins, in the caller's thread.
        cancel: set it to stop; what is not done is then INTERRUPTED.
        timeout_s: the deadline of one step (building a source, one conversion, one check).
        worker: the command of the worker process, for tests.
        tools: what is installed; default what this Python has.
        edgetpu: how variants for the Edge TPU are compiled.

    Returns:
        One row a model and variant, models in order, then variants in order. A failure is a row with its reason.

    Raises:
        UsageError: a variant that does not exist, or the cache directory cannot be written.
    """
    variants = canonical(variants)
    cache = _cache(cache_dir)
    stop, messages = threading.Event(), queue.SimpleQueue[tuple[int, VariantFile | str]]()
    jobs = jobs or _cores()
    tools = tools or installed()
    runner = StepRunner(cache, jobs=jobs, timeout_s=timeout_s, cancel=stop, command=worker)
    compiler = EdgeTpuTool(edgetpu, cache.root / "edgetpu_compilers.json")
    done: dict[tuple[int, str], VariantFile] = {}

    def deliver(index: int, message: VariantFile | str) -> None:
        if isinstance(message, str):
            on_progress(message)
        else:
            done[index, message.variant] = message
            on_file(message)

    def context_of(index: int) -> Context:
        return Context(
            cache=cache,
            runner=runner,
            tools=tools,
            compiler=compiler,
            cancel=stop,
            spare_jobs=jobs > len(models),
            emit=lambda row: messages.put((index, row)),
            say=lambda text: messages.put((index, text)),
        )

    with ThreadPoolExecutor(max_workers=len(models) + 1, thread_name_prefix="prepare") as pool:
        try:
            open_rows = [pool.submit(prepare_model, ref, variants, context_of(n)) for n, ref in enumerate(models)]
            futures: list[Future[Rows] | Future[None]] = [*open_rows]
            if models and compiler.together:
                futures.append(pool.submit(_compile_all, open_rows, context_of(0)))
            _pump(futures, messages, deliver, stop, cancel)
        finally:
            stop.set()
    return tuple(done[index, variant] for index in range(len(models)) for variant in variants)


def _compile_all(models: Sequence[Future[Rows]], context: Context) -> None:
    """Compile for the Edge TPU what all models are there for, when all of them are done."""
    rows = [model.result() for model in models]
    compile_together(rows, context)
    for one in rows:
        end_rows(one, context)


def _pump(
    futures: Sequence[Future[Rows] | Future[None]],
    messages: queue.SimpleQueue[tuple[int, VariantFile | str]],
    deliver: Callable[[int, VariantFile | str], None],
    stop: threading.Event,
    cancel: threading.Event | None,
) -> None:
    """Deliver messages until all is done."""
    while True:
        finished = all(future.done() for future in futures)
        if cancel is not None and cancel.is_set():
            stop.set()
        try:
            deliver(*messages.get(timeout=0 if finished else _POLL_S))
        except queue.Empty:
            if finished:
                break
    for future in futures:
        future.result()


def canonical(variants: Sequence[str]) -> tuple[str, ...]:
    """The shortest name of each variant, each once, in order.

    Raises:
        UsageError: one does not exist; names the nearest.
    """
    try:
        return tuple(dict.fromkeys(parse_variant(variant).name for variant in variants))
    except UsageError as error:
        raise UsageError(error.what, remedy=f"Variants: {error.remedy}") from None


def _cache(cache_dir: Path | None) -> Cache:
    root = (cache_dir if cache_dir is not None else default_cache_dir()).expanduser().absolute()
    cache = Cache(root)
    try:
        with cache.staging():
            pass
    except OSError as error:
        raise UsageError(
            f"the cache directory cannot be written: {error.strerror or error}",
            where=str(root),
            remedy="Give another directory, or set XDG_CACHE_HOME.",
        ) from error
    cache.remove_stale()
    return cache


def _cores() -> int:
    """The cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
