"""`diagnose_model`: which layers of a model cost the accuracy of one quantized variant, and what to keep in float."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.domain import ModelRef, Status
from harness.domain.diagnosis import Diagnosis
from harness.errors import ConversionError, UsageError
from harness.prepare import converters
from harness.prepare.cache import Cache, default_cache_dir
from harness.prepare.converters import QUANTIZER, Toolbox, installed
from harness.prepare.engine import DEFAULT_TIMEOUT_S, prepare
from harness.prepare.steps import Step, StepRunner
from harness.variants import TECHNIQUES, Variant, parse_variant

DEFAULT_BUDGET_S = 120.0
METRIC_SAMPLES = 500
FLOAT_MODES = ("float32", "float16")


def _ignore_text(_: str) -> None:
    """Default of `on_progress`."""


def diagnose_model(
    model: ModelRef,
    variant: str = "int8",
    *,
    budget_s: float = DEFAULT_BUDGET_S,
    wanted_db: float | None = None,
    metric: bool = False,
    cache_dir: Path | None = None,
    on_progress: Callable[[str], None] = _ignore_text,
    cancel: threading.Event | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    worker: Sequence[str] = (),
    tools: Toolbox | None = None,
) -> Diagnosis:
    """Measure which layers cost the accuracy of `variant`, in about `budget_s` seconds after the float file is there.

    Args:
        model: a recipe or a file.
        variant: a quantized variant; of a technique, what it makes of the model is diagnosed.
        budget_s: the time for measuring; the layers that are most suspected come first.
        wanted_db: the output SQNR that the layers to keep in float have to reach; default half the error.
        metric: also score the task on up to `METRIC_SAMPLES` labelled samples.
        cache_dir, on_progress, cancel, timeout_s, worker, tools: as for `harness.prepare.prepare`.

    Raises:
        UsageError: the variant cannot be diagnosed, or the metric is wanted and the model has no labelled data.
        ConversionError: the float file, or the diagnosis, failed; says why.
        MissingDependencyError: ai-edge-quantizer is not installed.
    """
    wanted = parse_variant(variant)
    require_diagnosable(wanted)
    tools, cancel = tools or installed(), cancel or threading.Event()
    converters.require(QUANTIZER, tools)
    cache_dir = cache_dir or default_cache_dir()
    base = Variant(wanted.technique, "float32").name
    (row,) = prepare(
        [model],
        [base],
        cache_dir=cache_dir,
        on_progress=on_progress,
        cancel=cancel,
        timeout_s=timeout_s,
        worker=worker,
        tools=tools,
    )
    if row.status is not Status.DONE or row.path is None or row.check_path is None:
        raise ConversionError(f"{base}: {row.reason}", where=model.name)
    if metric and row.data_path is None:
        raise UsageError("the model has no labelled data to score", where=model.name, remedy="Leave --metric away.")
    cache = Cache(cache_dir.expanduser().absolute())
    runner = StepRunner(cache, jobs=1, timeout_s=timeout_s, cancel=cancel, command=worker)
    with cache.staging() as folder:
        arguments = {
            "base": row.path,
            "source": str(Path(row.check_path).parent),
            "folder": str(folder),
            "mode": wanted.mode,
            "budget_s": budget_s,
            "wanted_db": wanted_db,
            "metric_samples": METRIC_SAMPLES if metric else 0,
            "data": row.data_path,
        }
        result = runner.run(
            model.name,
            [Step("diagnose", "diagnose", arguments)],
            on_start=lambda _: on_progress(f"{model.name} {wanted.name}: measuring its layers"),
            on_progress=lambda _, text: on_progress(f"{model.name} {wanted.name}: {text}"),
        )["diagnose"]
    if not result.ok:
        raise ConversionError(f"{wanted.name}: {result.reason}", where=model.name)
    return Diagnosis.from_json(model.name, wanted.name, result.value)


def require_diagnosable(variant: Variant) -> None:
    """Refuse what has no float file to compare with, or nothing to quantize.

    Raises:
        UsageError: says which variants can be diagnosed.
    """
    if variant.mode in FLOAT_MODES:
        raise UsageError(f"{variant.name} has no quantized layers", remedy="Diagnose int8, for example.")
    if variant.technique and TECHNIQUES[variant.technique].quantized:
        raise UsageError(
            f"{variant.name} is trained for integers: there is no float file whose layers could stay float",
            remedy="Diagnose int8, for example.",
        )
