"""The decision tree of the model optimization guide, with measured answers where there are any."""

from __future__ import annotations

from collections.abc import Sequence

from harness.domain import ResultRow, Status, Verdict
from harness.errors import UsageError
from harness.report.advice.judge import ASKED, MEASURED, RULE, judged
from harness.report.advice.model import INTEGER_ONLY, Advice, Option, Standing, Step, Wish
from harness.report.wording import number
from harness.units import format_latency
from harness.variants import edgetpu_variant, parse_variant, source_variant

# Without a measurement the order is the tree's: first what costs nothing, then what needs data, then training.
_BY_RULE = ("int8", "full_integer", "dynamic_range", "float16", "qat", "int16x8", "float32")
# It says nothing about the variant, and must not hide an earlier run that does.
_NEVER_ENDED = (Status.SKIPPED, Status.INTERRUPTED, Status.OFFLINE)
_COMPRESSED = ("pruned_clustered+int8", "pruned+int8", "clustered+int8", "pruned_clustered_qat")


def advise(model: str, wish: Wish, rows: Sequence[ResultRow]) -> Advice:
    """Rank the variants of `model` by `wish`.

    Args:
        model: its name, for the reader.
        wish: what it has to do.
        rows: what was ever measured of it, newest first.
    """
    named = (*_BY_RULE, *(_COMPRESSED if wish.small_download else ()), *(row.variant for row in rows))
    variants = dict.fromkeys(_on_target(name, wish) for name in named)
    options = [judged(name, wish, [row for row in rows if row.variant == name]) for name in variants if _known(name)]
    ranked = tuple(sorted(options, key=lambda option: _place(option, wish)))
    unsettled = tuple(option.variant for option in ranked if option.standing is Standing.OPEN)
    return Advice(model, _walk(wish, ranked), ranked, unsettled)


def _on_target(name: str, wish: Wish) -> str:
    """The Edge TPU runs 8-bit variants compiled: its rows have that name."""
    return edgetpu_variant(name) or name if wish.target == "edgetpu" else name


def _known(name: str) -> bool:
    try:
        parse_variant(name)
    except UsageError:
        return False
    return True


def _place(option: Option, wish: Wish) -> tuple[int, float, float, int]:
    """By standing, then by what is wished most: compressed size or latency, then by the tree's order."""
    standing = list(Standing).index(option.standing)
    name = source_variant(option.variant)
    rule = _BY_RULE.index(name) if name in _BY_RULE else len(_BY_RULE)
    latency = option.latency_ms if option.latency_ms is not None else float("inf")
    first = 0.0 if not wish.small_download or name in _COMPRESSED else 1.0
    return standing, first, latency, rule


def _walk(wish: Wish, options: Sequence[Option]) -> tuple[Step, ...]:
    by_name = {option.variant: option for option in options}
    steps = [_float_enough(wish, by_name["float32"]), _accelerator(wish), _data(wish)]
    steps.append(_after_ptq([by_name[name] for name in _BY_RULE[:4] if name in by_name]))
    steps.append(_sensitive(by_name))
    if wish.small_download:
        steps.append(Step("Is the download size the issue?", "yes: pruning and clustering win when compressed", ASKED))
    return tuple(steps)


def _float_enough(wish: Wish, option: Option) -> Step:
    question = "Is the original model good enough?"
    if option.latency_ms is None:
        return Step(question, "not measured", RULE)
    figure = f"{format_latency(option.latency_ms)} ms on {option.backend}"
    if wish.latency_ms is None:
        return Step(question, f"{figure}; no latency is wished", MEASURED)
    answer = "yes" if option.latency_ms <= wish.latency_ms else "no"
    return Step(question, f"{answer}: {figure}, wished {number(wish.latency_ms)} ms", MEASURED)


def _accelerator(wish: Wish) -> Step:
    answer = "yes: int8 with integer input and output" if wish.target in INTEGER_ONLY else f"no ({wish.target})"
    return Step("Is the target an integer-only accelerator?", answer, ASKED)


def _data(wish: Wish) -> Step:
    answers = {
        "none": "no: float16 and dynamic range need none",
        "representative": "representative samples: full integer, int8 and int16x8 are possible",
        "labelled": "labelled data: quantization-aware training, pruning and clustering are possible",
    }
    return Step("What data is there?", answers[wish.data], ASKED)


def _after_ptq(options: Sequence[Option]) -> Step:
    question = "Are latency and accuracy reached after post-training quantization?"
    good = [option.variant for option in options if option.standing is Standing.MEETS]
    if good:
        return Step(question, f"yes, by {', '.join(good)}", MEASURED)
    if all(option.standing is Standing.FAILS for option in options):
        return Step(question, "no: train quantization-aware, or look which layers cost the accuracy", MEASURED)
    return Step(question, "open", RULE)


def _sensitive(by_name: dict[str, Option]) -> Step:
    """Activations with a wide range: int8 loses what int16x8 keeps."""
    question = "Is the range of the activations sensitive?"
    eight, sixteen = by_name.get("int8"), by_name.get("int16x8")
    if eight is None or sixteen is None or eight.loss is None or sixteen.loss is None:
        return Step(question, "not measured; int16x8 would be the answer if it is", RULE)
    if eight.loss > 0 and sixteen.loss < eight.loss / 2:
        return Step(question, f"yes: int8 loses {number(eight.loss)}, int16x8 {number(sixteen.loss)}", MEASURED)
    return Step(question, f"no: int8 loses {number(eight.loss)}, int16x8 {number(sixteen.loss)}", MEASURED)


def newest_rows(runs: Sequence[Sequence[ResultRow]], model: str) -> list[ResultRow]:
    """The rows of `model` out of several runs, newest run first; of equal setups the newest that came to an end."""
    found: dict[tuple[str, ...], ResultRow] = {}
    for rows in runs:
        for row in rows:
            if row.model == model and row.status not in _NEVER_ENDED:
                key = (row.variant, row.backend, str(row.threads), row.cores, row.device_id, row.runtime)
                found.setdefault(key, row)
    return sorted(found.values(), key=lambda row: row.verdict is not Verdict.TRUSTED)
