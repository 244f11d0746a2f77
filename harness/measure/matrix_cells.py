"""Two rows of one run set against each other: the ratio of their latencies, or why there is none, and what differs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.domain import ComparisonVerdict, ResultRow, Status, Verdict
from harness.figures import LOWER
from harness.measure.arm import Arm
from harness.measure.comparability import PARTS, timing_reasons
from harness.measure.comparison import LOOKS, BlockMedian, compare_blocks
from harness.measure.latency_change import detectable_of_rows
from harness.measure.matrix_values import Costs, Noise, Ratio
from harness.measure.paired_test import INTERVAL_CONFIDENCE
from harness.variants import source_variant

# Each of the two intervals holds at 95 %, so that what lies between their ends holds at 90 % at least.
LEVEL_CONFIDENCE = 0.90
NOISELESS = Noise()
_MUST_AGREE = (  # column, its name, the axis along which it may differ
    ("model_sha256", "model file", "variant"),
    ("runtime_version", "runtime version", "runtime"),
)


_FILE = "model_sha256"
_NO_BLOCK = "the Edge TPU is a device of its own and shares no block with this host: levels are compared"


def _is_compiled(reference: Arm, arm: Arm) -> bool:
    """Whether the one's file was compiled from the variant of the other: the same network in two files."""
    ours, theirs = reference.row.variant, arm.row.variant
    return ours != theirs and source_variant(ours) == source_variant(theirs)


def unusable(row: ResultRow) -> str:
    """Why the latency of a row says nothing; empty for one that does."""
    if row.status is not Status.DONE:
        return f"{row.status.value}{_because(row)}"
    if row.verdict is Verdict.WRONG_OUTPUT:
        return f"wrong outputs, so that the speed means nothing{_because(row)}"
    if not row.latency_p50_ms or not math.isfinite(row.latency_p50_ms):
        return "it has no latency"
    return ""


def differences(
    reference: Arm, arm: Arm, by: str, *, as_guest: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What differs beside the axis `by`: what forbids a ratio, and what is only to be known.

    Args:
        reference: the one row.
        arm: the other.
        by: one of AXES.
        as_guest: one of the two is of an Edge TPU and the other is not: device, file and runtime differ by necessity.
    """
    meant = ("device",) if as_guest else (by,) if by in PARTS else ()
    forbids = [*timing_reasons(reference, arm, apart_from=meant)]
    known: list[str] = []
    for column, name, axis in _MUST_AGREE:
        ours, theirs = getattr(reference.row, column), getattr(arm.row, column)
        if axis != by and ours and theirs and ours != theirs and not (column == _FILE and _is_compiled(reference, arm)):
            told = f"the {name} differs: {_short(ours)} and {_short(theirs)}"
            (known if as_guest and column != _FILE else forbids).append(told)
    if as_guest and by != "device":
        known.append(_NO_BLOCK)
    if reference.row.verdict is Verdict.FELL_BACK:
        known.append(f"the reference fell back{_because(reference.row)}")
    return tuple(forbids), tuple(known)


def ratio_by_block(
    reference: Sequence[BlockMedian], row: Sequence[BlockMedian], noise: Noise = NOISELESS
) -> tuple[Ratio | None, str]:
    """The ratio of two rows that ran interleaved, or why there is none.

    All blocks count: their number was fixed before the first one ran. With fewer than 8 there is no verdict.
    """
    planned = max(len(reference), len(row))
    try:
        found = compare_blocks(reference, row, noise_floor=noise.floor, planned=planned)
    except ValueError as error:
        return None, str(error)
    verdict = found.verdict if found.available >= LOOKS[0] else None
    notes = tuple(map(_with_rows_named, found.notes))
    if noise.quarantine:
        verdict = None if verdict is None else ComparisonVerdict.INCONCLUSIVE
        notes = (noise.quarantine, *notes)
    return (
        Ratio(
            found.ratio,
            found.ci_low,
            found.ci_high,
            INTERVAL_CONFIDENCE,
            found.blocks,
            verdict,
            found.p,
            found.mde,
            notes=notes,
        ),
        "",
    )


def _with_rows_named(note: str) -> str:
    """`note` with what a matrix calls the arms A and B of the test."""
    return note.replace("arm A ", "the reference ").replace("arm B ", "the row ")


def ratio_of_levels(reference: ResultRow, row: ResultRow) -> Ratio | None:
    """The ratio of two latencies that no block holds both of, from the ends of their intervals."""
    if not reference.latency_p50_ms or not row.latency_p50_ms:
        return None
    low = _over(row.latency_ci_low_ms, reference.latency_ci_high_ms)
    high = _over(row.latency_ci_high_ms, reference.latency_ci_low_ms)
    whole = low is not None and high is not None
    ratio = row.latency_p50_ms / reference.latency_p50_ms
    mde = detectable_of_rows(reference, row)
    return Ratio(ratio, low if whole else None, high if whole else None, LEVEL_CONFIDENCE, mde=mde, paired=False)


def costs(reference: ResultRow, row: ResultRow, ratio: Ratio | None) -> Costs:
    """What `row` costs less what `reference` costs."""
    start_ms = _less(_start_ms(row), _start_ms(reference))
    found = Costs(
        start_ms=start_ms,
        break_even=_break_even(reference, start_ms, ratio),
        memory_mib=_less(row.peak_rss_mib, reference.peak_rss_mib),
        gpu_memory_mib=_less(row.gpu_memory_mib, reference.gpu_memory_mib),
        size_mb=_less(row.model_size_mb, reference.model_size_mb),
    )
    return _with_accuracy(found, reference, row)


def _with_accuracy(found: Costs, reference: ResultRow, row: ResultRow) -> Costs:
    """The loss of accuracy, where both rows were scored by one metric on as many samples."""
    alike = row.accuracy_metric == reference.accuracy_metric and row.accuracy_samples == reference.accuracy_samples
    difference = _less(row.accuracy, reference.accuracy)
    if difference is None or not alike or row.weights != reference.weights:
        return found
    loss = difference if row.accuracy_direction == LOWER else -difference
    found = replace(found, metric=row.accuracy_metric, accuracy_loss=loss)
    # What the row says of its own loss is against float32, on the same samples.
    paired = reference.variant == "float32" and row.accuracy_loss is not None
    if not paired or not math.isclose(row.accuracy_loss or 0.0, loss, rel_tol=1e-6, abs_tol=1e-9):
        return found
    return replace(found, accuracy_loss_low=row.accuracy_loss_low, accuracy_loss_high=row.accuracy_loss_high)


def _break_even(reference: ResultRow, start_ms: float | None, ratio: Ratio | None) -> int | None:
    """How many inferences the row that starts slower needs until it is ahead, if it is the faster one."""
    if start_ms is None or ratio is None or not ratio.told_apart or not reference.latency_p50_ms:
        return None
    gain_ms = reference.latency_p50_ms * (1.0 - ratio.value)
    if start_ms * gain_ms <= 0:
        return None
    return 1 + math.ceil(start_ms / gain_ms)  # the first inference is part of the start


def _start_ms(row: ResultRow) -> float | None:
    if row.init_ms is None or row.first_inference_ms is None:
        return None
    return row.init_ms + row.first_inference_ms


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _over(value: float | None, other: float | None) -> float | None:
    return None if value is None or not other else value / other


def _because(row: ResultRow) -> str:
    """The worst of the row's reasons, in brackets."""
    return f" ({row.reasons.split('; ')[0].rstrip('.')})" if row.reasons else ""


def _short(text: str) -> str:
    """A hash as people quote it, any other text as it is."""
    return text[:12] if len(text) == 64 and all(digit in "0123456789abcdef" for digit in text) else text
