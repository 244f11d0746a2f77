"""The tables: quantization, int16, ptq-modes, compression, accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from harness.domain import RunView, Status
from harness.errors import UsageError
from harness.metric_names import metric_label
from harness.report.tables.model import EMPTY, Cell, Table, words
from harness.report.tables.rows import (
    Arm,
    Setup,
    arms_of,
    by_model_and_setup,
    first_of,
    latency_cell,
    metric_cell,
    published_cell,
    setup_text,
    share_cell,
    size_cell,
    sources,
)
from harness.report.wording import WORDS, clip, outcome
from harness.units import bytes_to_mb
from harness.variants import MODES, technique_of

Groups = Mapping[tuple[str, Setup], Mapping[str, Arm]]
PTQ_MODES = ("float32", "dynamic_range", "full_integer", "int8", "float16", "int16x8")
_INT8 = ("int8", "full_integer")
_QAT = ("qat", "qat+full_integer")
_REASON_LENGTH = 90


def build_table(name: str, view: RunView) -> Table:
    """The table called `name` of a run.

    Raises:
        UsageError: there is no such table, or the run has nothing for it.
    """
    if name not in TABLES:
        raise UsageError(f"there is no table {name!r}", remedy=f"Tables: {', '.join(TABLES)}.")
    arms = arms_of(view)
    table = TABLES[name](arms)
    if not table.rows:
        raise UsageError(f"the run has no rows for the table {name!r}", remedy=_NEEDS[name])
    return table


# ---- quantization ----------------------------------------------------------------------------------------------------


def quantization(arms: list[Arm]) -> Table:
    """Original, post-training and quantization-aware: the leading metric, latency on one big core, size."""
    groups = _one_big_core(by_model_and_setup(arms))
    rows = [row for group in groups.values() if _has(group, (*_INT8, *_QAT)) for row in _quantization_rows(group)]
    heads = ("Model", "Where", "Figure", "Original", "PTQ", "QAT", *_published("original", "PTQ", "QAT"))
    return Table(
        "quantization",
        "Post-training quantization and quantization-aware training",
        heads,
        tuple(rows),
        _notes("quantization", arms, "PTQ and QAT are int8 with integer input and output, or full_integer."),
        names=3,
    )


def _quantization_rows(group: Mapping[str, Arm]) -> Iterable[tuple[Cell, ...]]:
    chosen = [first_of(group, names) for names in (("float32",), _INT8, _QAT)]
    some = next(arm for arm in chosen if arm is not None)
    metric = _metric(group)
    figures: list[tuple[str, str, Callable[[Arm | None], Cell]]] = [
        ("latency, ms", "latency_ms", latency_cell),
        ("size, MB", "size_mb", lambda arm: size_cell(arm.row.model_size_mb if arm else None)),
    ]
    if metric:
        figures.insert(0, (metric_label(metric), metric, lambda arm: metric_cell(arm, metric)))
    for label, figure, cell in figures:
        theirs = (published_cell("quantization", some, variant, figure) for variant in ("float32", "int8", "qat"))
        yield (words(some.row.model), words(setup_text(some.setup)), words(label), *map(cell, chosen), *theirs)


def _one_big_core(groups: Groups) -> Groups:
    """The setups with one CPU thread, as the guide has them; all where there are none."""
    single = {key: group for key, group in groups.items() if key[1][1].startswith("cpu") and key[1][2] == 1}
    return single or groups


# ---- int16 -----------------------------------------------------------------------------------------------------------


def int16(arms: list[Arm]) -> Table:
    """Float, 8-bit and 16-bit activations with 8-bit weights: every figure of the task."""
    rows = []
    for group in by_model_and_setup(arms).values():
        if "int16x8" in group:
            rows += list(_int16_rows(group))
    heads = ("Model", "Where", "Figure", "float32", "int8", "int16x8", *_published("float32", "int8", "int16x8"))
    note = "int16x8 has reference kernels only on most runtimes: see the verdicts of the latencies."
    return Table(
        "int16", "16-bit activations with 8-bit weights", heads, tuple(rows), _notes("int16", arms, note), names=3
    )


def _int16_rows(group: Mapping[str, Arm]) -> Iterable[tuple[Cell, ...]]:
    chosen = [first_of(group, names) for names in (("float32",), _INT8, ("int16x8",))]
    some = next(arm for arm in chosen if arm is not None)
    metrics = [name for arm in chosen if arm is not None for name in arm.metrics if name not in _SIDE_FIGURES]
    for metric in dict.fromkeys(metrics):
        ours = (metric_cell(arm, metric) for arm in chosen)
        theirs = (published_cell("int16", some, variant, metric) for variant in ("float32", "int8", "int16x8"))
        yield (words(some.row.model), words(setup_text(some.setup)), words(metric_label(metric)), *ours, *theirs)
    yield (
        words(some.row.model),
        words(setup_text(some.setup)),
        words("latency, ms"),
        *map(latency_cell, chosen),
        *(EMPTY,) * 3,
    )


# ---- ptq-modes -------------------------------------------------------------------------------------------------------


def ptq_modes(arms: list[Arm]) -> Table:
    """Every post-training mode: size, reduction, the leading metric and what it lost; failures with their reasons."""
    rows = []
    for group in by_model_and_setup(arms).values():
        modes = [mode for mode in (*PTQ_MODES, *MODES) if mode in group]
        if len(modes) > 1:
            rows += [_mode_row(group[mode], _metric(group)) for mode in dict.fromkeys(modes)]
    heads = (
        *("Model", "Where", "Mode", "Size, MB", "Reduction", "Metric", "Value", "Loss", "95 % interval", "Latency, ms"),
        *("Published size, MB", "Published value", "State"),
    )
    return Table("ptq-modes", "Post-training modes", heads, tuple(rows), _notes("ptq-modes", arms), names=3)


def _mode_row(arm: Arm, metric: str) -> tuple[Cell, ...]:
    reduction = arm.file.reduction_pct if arm.file is not None else None
    variant = arm.row.variant
    return (
        words(arm.row.model),
        words(setup_text(arm.setup)),
        words(variant),
        size_cell(arm.row.model_size_mb),
        share_cell(None if reduction is None or variant == "float32" else reduction / 100),
        words(metric_label(metric)) if metric else EMPTY,
        metric_cell(arm, metric),
        _plain(arm.row.accuracy_loss, 4),
        _interval(arm),
        replace(latency_cell(arm), doubt=""),
        published_cell("ptq-modes", arm, variant, "size_mb"),
        published_cell("ptq-modes", arm, variant, metric),
        words(_state(arm)),
    )


def _state(arm: Arm) -> str:
    word = WORDS.get(outcome(arm.row), outcome(arm.row))
    return word if arm.row.status is Status.DONE else f"{word}: {clip(arm.row.reasons, _REASON_LENGTH)}"


def _interval(arm: Arm) -> Cell:
    low, high = arm.row.accuracy_loss_low, arm.row.accuracy_loss_high
    return EMPTY if low is None or high is None else words(f"{low:.4g} to {high:.4g}")


def _plain(value: float | None, digits: int) -> Cell:
    return EMPTY if value is None else Cell(f"{value:.{digits}g}", value)


# ---- compression -----------------------------------------------------------------------------------------------------


def compression(arms: list[Arm]) -> Table:
    """What gzip makes of each variant: pruned and clustered files win there, and only there."""
    rows, seen = [], set()
    for (model, _), group in by_model_and_setup(arms).items():
        base = _gzip_mb(group.get("float32"))
        for variant, arm in group.items():
            if arm.file is not None and arm.file.size_bytes and (model, variant) not in seen:
                seen.add((model, variant))
                rows.append(_compression_row(arm, base, _metric(group)))
    heads = (
        *("Model", "Variant", "Size, MB", "gzip, MB", "gzip against float32's", "Zeros", "Clusters", "Value"),
        *("Loss", "Latency, ms"),
    )
    note = "Pruned and clustered files have the size and the speed of others: they win when they are compressed."
    return Table("compression", "Compressed sizes", heads, tuple(rows), _notes("compression", arms, note), names=2)


def _gzip_mb(arm: Arm | None) -> float | None:
    return (
        bytes_to_mb(arm.file.gzip_bytes) if arm is not None and arm.file is not None and arm.file.gzip_bytes else None
    )


def _compression_row(arm: Arm, base_mb: float | None, metric: str) -> tuple[Cell, ...]:
    gzip_mb = _gzip_mb(arm)
    clusters = arm.row.clusters if "clustered" in technique_of(arm.row.variant) else None
    return (
        words(arm.row.model),
        words(arm.row.variant),
        size_cell(arm.row.model_size_mb),
        size_cell(gzip_mb),
        share_cell(gzip_mb / base_mb if gzip_mb is not None and base_mb else None),
        share_cell(arm.row.sparsity),
        EMPTY if clusters is None else Cell(f"{clusters:,}", clusters),
        metric_cell(arm, metric),
        _plain(arm.row.accuracy_loss, 3),
        latency_cell(arm),
    )


# ---- accuracy --------------------------------------------------------------------------------------------------------


def accuracy(arms: list[Arm]) -> Table:
    """The leading metric of every variant, and what it lost against float32 on the same samples."""
    rows = [
        (
            words(arm.row.model),
            words(setup_text(arm.setup)),
            words(arm.row.variant),
            words(metric_label(arm.row.accuracy_metric)) if arm.row.accuracy_metric else EMPTY,
            metric_cell(arm, arm.row.accuracy_metric),
            _plain(arm.row.accuracy_loss, 3),
            _interval(arm),
            _plain(arm.row.accuracy_p_value, 2),
            _plain(arm.row.samples_better, 6),
            _plain(arm.row.samples_worse, 6),
            _plain(arm.row.accuracy_samples, 9),
            words(_state(arm)),
        )
        for group in by_model_and_setup(arms).values()
        if _metric(group)
        for arm in group.values()
    ]
    heads = (
        *("Model", "Where", "Variant", "Metric", "Value", "Loss", "95 % interval", "p", "Better", "Worse", "Samples"),
        "State",
    )
    note = "A loss is against float32 on the same samples, in the metric's own unit (0.01 of a share is one point)."
    return Table("accuracy", "Accuracy of every variant", heads, tuple(rows), _notes("accuracy", arms, note), names=3)


# ---- shared ----------------------------------------------------------------------------------------------------------

_SIDE_FIGURES = frozenset({"ties_share", "nan_samples", "map75", "mar100", "sentence_error_rate"})


def _published(*names: str) -> tuple[str, ...]:
    return tuple(f"Published {name}" for name in names)


def _has(group: Mapping[str, Arm], variants: Iterable[str]) -> bool:
    return any(variant in group for variant in variants)


def _metric(group: Mapping[str, Arm]) -> str:
    """The leading metric of a model."""
    return next((arm.row.accuracy_metric for arm in group.values() if arm.row.accuracy_metric), "")


def _notes(name: str, arms: list[Arm], *more: str) -> tuple[str, ...]:
    theirs = sources(name, arms)
    where = (f"Published: {'; '.join(theirs)}. Another device, other data and tools than ours: compare shapes.",)
    random = {arm.row.model for arm in arms if arm.row.weights == "random"}
    weights = (f"Random weights, so no accuracy is claimed: {', '.join(sorted(random))}.",) if random else ()
    return (*(where if theirs else ()), *more, *weights)


TABLES: Mapping[str, Callable[[list[Arm]], Table]] = {
    "quantization": quantization,
    "int16": int16,
    "ptq-modes": ptq_modes,
    "compression": compression,
    "accuracy": accuracy,
}
_NEEDS = {
    "quantization": "It needs float32 and int8 or qat: add them to `variants`.",
    "int16": "It needs int16x8: add it to `variants`.",
    "ptq-modes": "It needs several post-training modes: add them to `variants`.",
    "accuracy": "It needs models with a data set (docs/accuracy.md) and an accuracy pass.",
    "compression": "It needs prepared model files: none was made in this run.",
}
