"""One option against the wishes: what was measured of it decides, rules fill the gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.domain import ResultRow, Status, Verdict
from harness.metric_names import metric_label
from harness.report.advice.model import DATA, INTEGER_ONLY, Option, Reason, Standing, Wish
from harness.report.wording import clip, number
from harness.units import format_latency
from harness.variants import Variant, parse_variant

MEASURED, RULE, ASKED = "measured", "rule", "asked"
_HARDWARE = {
    "cpu": "CPU",
    "gpu": "GPU",
    "edgetpu": "Edge TPU",
    "hexagon": "Hexagon DSP",
    "qnn": "Hexagon DSP",
    "nnapi": "GPU",
}
# The guide's words on techniques (its table of data, size, accuracy and hardware).
_EXPECTED = {
    "float32": "the original: no loss, no gain",
    "float16": "about half the size, slight loss; faster where the GPU computes in half precision",
    "dynamic_range": "about a quarter of the size, smallest loss after training; faster on CPUs",
    "full_integer": "about a quarter of the size, small loss; needs representative samples",
    "int8": "about a quarter of the size, small loss; also for integer-only accelerators",
    "int16x8": "keeps accuracy where activations have a wide range; reference kernels only on most runtimes",
    "edgetpu": "int8 compiled for the Edge TPU: what the compiler maps to it is known when it is prepared",
    "qat": "about a quarter of the size, smallest loss; needs labelled data and training",
    "weight_only_int8": "about a quarter of the size, computed in float",
    "weight_only_int4": "about an eighth of the size, computed in float, with more loss",
    "dynamic_range_int4": "about an eighth of the size, with more loss",
}


def judged(variant: str, wish: Wish, rows: Sequence[ResultRow]) -> Option:
    """Where `variant` stands; `rows` are what was measured of it, newest first."""
    parsed = parse_variant(variant)
    ruled_out = list(_cannot_be(parsed, wish))
    if ruled_out:
        return Option(variant, "", Standing.FAILS, tuple(ruled_out))
    on_target = [row for row in rows if wish.target in ("any", _kind(row))]
    best = _best(on_target)
    if best is None:
        return _unmeasured(variant, on_target)
    reasons = [*_latency(best, wish), *_accuracy(best, wish), *_coverage(best)]
    undecided = any(reason.open for reason in reasons)
    standing = Standing.OPEN if undecided else Standing.MEETS
    if any(reason.against for reason in reasons):
        standing = Standing.FAILS
    return Option(
        variant,
        f"{best.backend} on {best.device or best.target}",
        standing,
        tuple(reasons),
        best.latency_p50_ms,
        best.model_size_mb,
        best.accuracy_loss,
    )


_TOO = "more than is wished"
_REFUSED = (Status.FAILED, Status.UNSUPPORTED, Status.CRASHED, Status.OOM, Status.TIMEOUT)


def _cannot_be(parsed: Variant, wish: Wish) -> Iterator[Reason]:
    """What rules a variant out before anything is measured."""
    if wish.target in INTEGER_ONLY and not parsed.integer:
        yield Reason(f"{wish.target} computes in integers only", RULE)
    elif wish.target in INTEGER_ONLY and parsed.mode == "int16x8":
        yield Reason(f"{wish.target} takes 8-bit integers only", RULE)
    elif wish.target != "any" and not any(_HARDWARE[wish.target] in name for name in parsed.hardware):
        yield Reason(f"the guide does not expect it on {wish.target}: {', '.join(parsed.hardware)}", RULE)
    if DATA.index(parsed.data_needed) > DATA.index(wish.data):
        yield Reason(f"it needs {parsed.data_needed} data, and there is {wish.data}", ASKED)


def _kind(row: ResultRow) -> str:
    return "edgetpu" if row.target.startswith("edgetpu") else row.backend.split(" ")[0]


def _best(rows: Sequence[ResultRow]) -> ResultRow | None:
    """The fastest row that can be quoted, else the first that was measured at all and is not wrong."""
    timed = [row for row in rows if row.status is Status.DONE and row.latency_p50_ms is not None]
    trusted = [row for row in timed if row.verdict is Verdict.TRUSTED]
    right = [row for row in timed if row.verdict is not Verdict.WRONG_OUTPUT]
    chosen = trusted or right
    return min(chosen, key=lambda row: row.latency_p50_ms or 0.0) if chosen else None


def _unmeasured(variant: str, rows: Sequence[ResultRow]) -> Option:
    """No row to go by: it failed wherever it was tried, or was never tried."""
    parsed = parse_variant(variant)
    wrong = [row for row in rows if row.verdict is Verdict.WRONG_OUTPUT]
    failed = [row for row in rows if row.status in _REFUSED]
    if wrong or failed:
        row = (wrong or failed)[0]
        what = "its outputs are wrong" if wrong else str(row.status)
        reason = Reason(f"{what} on {row.backend}: {clip(row.reasons, 160)}", MEASURED)
        return Option(variant, row.backend, Standing.FAILS, (reason,))
    expected = _EXPECTED.get(parsed.technique if parsed.technique in _EXPECTED else parsed.mode, "")
    if parsed.technique and parsed.technique not in _EXPECTED:
        expected = "the same size on disk and the same speed, smaller when compressed"
    return Option(variant, "", Standing.OPEN, (Reason(expected, RULE),))


def _latency(row: ResultRow, wish: Wish) -> Iterator[Reason]:
    figure = f"{format_latency(row.latency_p50_ms)} ms on {row.backend}"
    if row.verdict is not Verdict.TRUSTED:
        yield Reason(f"{figure}, but {row.verdict}: {clip(row.reasons, 160)}", MEASURED, open=True)
    elif wish.latency_ms is not None and (row.latency_p50_ms or 0.0) > wish.latency_ms:
        yield Reason(f"{figure}: {_TOO}", MEASURED, against=True)
    else:
        yield Reason(figure, MEASURED)


def _accuracy(row: ResultRow, wish: Wish) -> Iterator[Reason]:
    if row.variant == "float32":
        return
    if row.accuracy_loss is None:
        told = "no accuracy was measured" + (", its weights are random" if row.weights == "random" else "")
        yield Reason(told, MEASURED, open=True)
        return
    interval = ""
    if row.accuracy_loss_low is not None and row.accuracy_loss_high is not None:
        interval = f" (95 % interval {number(row.accuracy_loss_low)} to {number(row.accuracy_loss_high)})"
    way = "worse" if row.accuracy_loss > 0 else "better"
    text = f"{metric_label(row.accuracy_metric)} {number(abs(row.accuracy_loss))} {way} than float32's"
    if row.accuracy_loss == 0:
        text = f"the same {metric_label(row.accuracy_metric)} as float32"
    too = wish.max_loss is not None and row.accuracy_loss > wish.max_loss
    yield Reason(f"{text}{interval}{f': {_TOO}' if too else ''}", MEASURED, against=too)


def _coverage(row: ResultRow) -> Iterator[Reason]:
    if row.delegated_nodes is not None and row.total_nodes:
        yield Reason(f"{row.delegated_nodes} of {row.total_nodes} operators on the delegate", MEASURED)
