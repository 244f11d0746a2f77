"""The sentences of a night's events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.domain import ComparisonVerdict, MetricChange, PairOutcome

_WORSE_BETTER = {
    "latency": ("slower", "faster"),
    "init": ("slower to initialise", "faster to initialise"),
    "first_inference": ("slower at the first inference", "faster at the first inference"),
    "peak_rss": ("larger in peak memory", "smaller in peak memory"),
    "pss": ("larger in proportional memory", "smaller in proportional memory"),
    "model_size": ("larger as a file", "smaller as a file"),
    "accuracy": ("less accurate", "more accurate"),
}
Change = tuple[PairOutcome, MetricChange]


def plural(count: int, word: str) -> str:
    """``1 device``, ``2 devices``, ``3 series``."""
    return f"{count} {word}" if count == 1 or word.endswith("s") else f"{count} {word}s"


def listed(names: Iterable[str], most: int = 4) -> str:
    """``a, b and 3 more``, each once."""
    every = list(dict.fromkeys(names))
    shown = every if len(every) <= most else every[: most - 1]
    rest = f" and {len(every) - len(shown)} more" if len(every) > len(shown) else ""
    return ", ".join(shown) + rest


def metric_name(metric: str) -> str:
    """``peak rss``: the metric as it stands in a sentence."""
    return metric.replace("_", " ")


def amount_of(changes: Sequence[MetricChange]) -> str:
    """``8.0 %``, ``5.1 to 9.3 %``; ``by 0.012`` for what has no ratio; empty where nothing is known."""
    percents = [100 * abs(change.ratio - 1.0) for change in changes if change.ratio is not None]
    if percents:
        low, high = f"{min(percents):.1f}", f"{max(percents):.1f}"
        return f"{low} %" if low == high else f"{low} to {high} %"
    steps = [abs(c.candidate - c.base) for c in changes if c.base is not None and c.candidate is not None]
    return f"by {max(steps):.3g}" if steps else ""


def how_it_changed(changes: Sequence[Change]) -> str:
    """``8.0 % slower``, or several metrics in a row: ``8.0 % slower, 2.0 % larger as a file``."""
    by_metric: dict[str, list[MetricChange]] = {}
    for _, change in changes:
        by_metric.setdefault(change.metric, []).append(change)
    return ", ".join(_one_metric(metric, found) for metric, found in by_metric.items())


def _one_metric(metric: str, changes: Sequence[MetricChange]) -> str:
    better = all(change.verdict is ComparisonVerdict.IMPROVEMENT for change in changes)
    word = _WORSE_BETTER.get(metric, (f"worse in {metric_name(metric)}", f"better in {metric_name(metric)}"))[better]
    amount = amount_of(changes)
    return f"{word} {amount}" if amount.startswith("by ") else f"{amount} {word}".strip()


def where(outcomes: Sequence[PairOutcome]) -> str:
    """``on pixel-1``, ``on 3 devices``."""
    devices = list(dict.fromkeys(outcome.device_id for outcome in outcomes))
    return f"on {devices[0]}" if len(devices) == 1 else f"on {plural(len(devices), 'device')}"


def place_word(outcome: PairOutcome) -> str:
    """What a second device would be: one of the same model."""
    return outcome.device_model or "device"


def subject(outcomes: Sequence[PairOutcome]) -> str:
    """The model, with the variant and the backend where there is but one."""
    models = listed(outcome.model for outcome in outcomes)
    variants = {outcome.variant for outcome in outcomes}
    backends = {outcome.backend for outcome in outcomes}
    words = [models, *(variants if len(variants) == 1 else ()), *(backends if len(backends) == 1 else ())]
    return " ".join(word for word in words if word)


def evidence(change: MetricChange) -> str:
    """``ratio 1.052 (1.041 to 1.063), p 0.0001, 12 blocks``; what the rule has of it."""
    parts = []
    if change.ratio is not None:
        interval = (
            f" ({change.ci_low:.3f} to {change.ci_high:.3f})" if None not in (change.ci_low, change.ci_high) else ""
        )
        parts.append(f"ratio {change.ratio:.3f}{interval}")
    if change.p is not None:
        parts.append(f"p {change.p:.2g}")
    if change.blocks:
        parts.append(plural(change.blocks, "sample" if change.metric == "accuracy" else "block"))
    return ", ".join(parts)


def likeliest_cause(outcomes: Sequence[PairOutcome]) -> str:
    """What differs between the builds and explains most of `outcomes` best, as a sentence; empty when nothing does."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for outcome in outcomes:
        for one in outcome.differs:
            if one.likelihood > 0:
                found[one.name, one.base, one.candidate, one.explains] += 1
    if not found:
        return ""
    likelihood = {
        (one.name, one.base, one.candidate, one.explains): one.likelihood for o in outcomes for one in o.differs
    }
    best = max(found, key=lambda key: (found[key] * likelihood[key], key))
    name, base, candidate, explains = best
    return f"likeliest cause: {name} ({base or 'none'}, now {candidate or 'none'})" + (
        f": {explains}" if explains else ""
    )


def shared_difference(outcomes: Sequence[PairOutcome]) -> bool:
    """Whether the builds differ, in all of `outcomes`, in one and the same thing that can explain a change."""
    sets = [
        {(one.name, one.base, one.candidate) for one in outcome.differs if one.likelihood > 0} for outcome in outcomes
    ]
    return bool(sets) and bool(set.intersection(*sets))
