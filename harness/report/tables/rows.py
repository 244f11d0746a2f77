"""The rows of a run as the tables need them: by model and setup, with every figure as a cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.domain import Case, ResultRow, RunView, Status, VariantFile, Verdict
from harness.metric_names import is_fraction
from harness.report.tables.model import EMPTY, Cell
from harness.report.tables.published import Published, published
from harness.report.wording import WORDS, Labels, number, outcome, score
from harness.units import format_latency

Setup = tuple[str, str, int, str, str]


@dataclass(frozen=True)
class Arm:
    """One case with all that is known of it; `place` is its device, told apart from others of the same name."""

    row: ResultRow
    case: Case
    file: VariantFile | None
    metrics: Mapping[str, float]
    place: str

    @property
    def recipe(self) -> str:
        """What the model is called in published tables: its recipe, or its own name."""
        return self.case.model.recipe or self.case.model.name

    @property
    def setup(self) -> Setup:
        """Where and by what it was computed."""
        return (
            self.place,
            self.row.backend,
            self.row.threads,
            self.row.cores,
            self.row.runtime,
        )


def arms_of(view: RunView) -> list[Arm]:
    """The cases of a run in plan order."""
    cases = {case.case_id: case for case in view.cases}
    files = {(file.model, file.variant): file for file in view.files}
    labels = Labels.of(view.rows)
    return [
        Arm(row, cases[row.case_id], files.get((row.model, row.variant)), _metrics(view, row), labels.place(row))
        for row in view.rows
        if row.case_id in cases
    ]


def _metrics(view: RunView, row: ResultRow) -> Mapping[str, float]:
    check = view.checks.get(row.case_id)
    found = dict(check.accuracy.metrics) if check is not None and check.accuracy is not None else {}
    if row.accuracy is not None:
        found.setdefault(row.accuracy_metric, row.accuracy)
    return found


def by_model_and_setup(arms: Iterable[Arm]) -> dict[tuple[str, Setup], dict[str, Arm]]:
    """The arms by variant, for each model and setup."""
    groups: dict[tuple[str, Setup], dict[str, Arm]] = {}
    for arm in arms:
        groups.setdefault((arm.row.model, arm.setup), {}).setdefault(arm.row.variant, arm)
    return groups


def first_of(group: Mapping[str, Arm], variants: Sequence[str]) -> Arm | None:
    """The first of `variants` that was measured, else the first that is there at all."""
    there = [group[variant] for variant in variants if variant in group]
    return next((arm for arm in there if arm.row.status is Status.DONE), there[0] if there else None)


def setup_text(setup: Setup) -> str:
    """``EPYC 9B14, cpu xnnpack, 1 thread, big``."""
    device, backend, threads, cores, runtime = setup
    count = f"{threads} thread{'s' if threads != 1 else ''}"
    parts = [device, backend, *([count, f"cores {cores}"] if backend.startswith("cpu") else [])]
    return ", ".join([*parts, *([runtime] if runtime not in ("", "litert") else [])])


# ---- figures ---------------------------------------------------------------------------------------------------------


def latency_cell(arm: Arm | None) -> Cell:
    """The latency in ms, with the verdict where it cannot be quoted; the status of a case without one."""
    if arm is None:
        return EMPTY
    if arm.row.latency_p50_ms is None:
        return Cell(WORDS.get(outcome(arm.row), outcome(arm.row)))
    doubt = "" if arm.row.verdict is Verdict.TRUSTED else WORDS[outcome(arm.row)]
    return Cell(format_latency(arm.row.latency_p50_ms), arm.row.latency_p50_ms, doubt)


def metric_cell(arm: Arm | None, metric: str) -> Cell:
    """An accuracy figure; wrong outputs are named as such."""
    value = arm.metrics.get(metric) if arm is not None else None
    if arm is None or value is None:
        return EMPTY
    doubt = WORDS["WRONG_OUTPUT"] if arm.row.verdict is Verdict.WRONG_OUTPUT else ""
    return Cell(score(metric, value), value, doubt)


def size_cell(size_mb: float | None) -> Cell:
    """A size in MB."""
    return EMPTY if size_mb is None else Cell(number(size_mb), size_mb)


def share_cell(share: float | None) -> Cell:
    """A share in [0, 1] as a percentage."""
    return EMPTY if share is None else Cell(f"{100 * share:.1f} %", share)


def published_cell(table: str, arm: Arm, variant: str, figure: str) -> Cell:
    """What others published of the same model and variant."""
    found = published().get((table, arm.recipe, variant, figure))
    if found is None:
        return EMPTY
    if is_fraction(figure):
        return Cell(score(figure, found.value), found.value)
    return Cell(f"{found.value:g}", found.value)


def sources(table: str, arms: Iterable[Arm]) -> tuple[str, ...]:
    """Where the published figures of these models come from, each once."""
    models = {arm.recipe for arm in arms}
    found: list[Published] = [
        value for (name, model, _, _), value in published().items() if name == table and model in models
    ]
    return tuple(dict.fromkeys(one.where for one in found))
