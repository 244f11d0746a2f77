"""A model file with all that can be said of it: costs, float islands, expectations of delegates, what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.inspect.cost import macs_of, parameters_of, total_parameters, weights_of
from harness.inspect.delegates import EXPECTED, NOT_EXPECTED, TABLE, UNKNOWN, Expectation, expectations, kind_of
from harness.inspect.islands import Island, float_islands
from harness.inspect.measured import Measured, Stored, operator_times
from harness.inspect.model import ModelFile, Operator
from harness.inspect.preprocess import InputFacts, input_facts


@dataclass(frozen=True)
class OperatorFacts:
    """One operator of the main graph.

    Attributes:
        layer: the name of its first output.
        kind: the arithmetic (`harness.inspect.delegates.kind_of`).
        macs: None where they are not counted.
        expected: what each delegate of `harness.inspect.delegates.TABLE` is expected to do with it.
    """

    operator: Operator
    layer: str
    kind: str
    macs: int | None
    parameters: int
    expected: tuple[Expectation, ...]


@dataclass(frozen=True)
class DelegateSummary:
    """How many operators one delegate is expected to take; `reasons` has (why not, operators and counts)."""

    delegate: str
    source: str
    note: str
    expected: int
    not_expected: int
    unknown: int
    reasons: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


@dataclass(frozen=True)
class Report:
    """Everything about one file.

    Attributes:
        macs: the sum over operators whose count is known.
        not_counted: names and counts of the operators whose multiply-accumulates are not known.
        versions: (operator, version, count) over all graphs.
        store_problem: why a results store could not be asked; empty when it was, or when there is none.
    """

    file: ModelFile
    operators: tuple[OperatorFacts, ...]
    macs: int
    not_counted: tuple[tuple[str, int], ...]
    parameters: int
    versions: tuple[tuple[str, int, int], ...]
    islands: tuple[Island, ...]
    delegates: tuple[DelegateSummary, ...]
    inputs: tuple[InputFacts, ...]
    measured: tuple[Measured, ...] = ()
    store_problem: str = ""

    @property
    def profiled(self) -> Measured | None:
        """The newest case with operator times."""
        return next((one for one in self.measured if one.operators), None)

    @cached_property
    def times_us(self) -> Mapping[int, float]:
        """The measured time of operators by their index, from `profiled`; those that it does not tell are absent."""
        return operator_times(self.file.main, self.profiled) if self.profiled else {}


def report_on(file: ModelFile, stored: Stored | None = None, store_problem: str = "") -> Report:
    """All that can be said of `file`, with what a store has of it."""
    stored = stored or Stored()
    graph = file.main
    judged = [expectations(graph, rules) for rules in TABLE]
    facts = tuple(
        OperatorFacts(
            operator,
            graph.layer_name(operator),
            kind_of(graph, operator),
            macs_of(graph, operator),
            parameters_of(weights_of(graph, operator)),
            tuple(answers[operator.index] for answers in judged),
        )
        for operator in graph.operators
    )
    return Report(
        file=file,
        operators=facts,
        macs=sum(one.macs or 0 for one in facts),
        not_counted=tuple(sorted(Counter(one.operator.name for one in facts if one.macs is None).items())),
        parameters=total_parameters(file.graphs),
        versions=_versions(file),
        islands=float_islands(graph),
        delegates=tuple(_summary(order, facts) for order in range(len(TABLE))),
        inputs=input_facts(file, stored),
        measured=stored.measured,
        store_problem=store_problem,
    )


def _versions(file: ModelFile) -> tuple[tuple[str, int, int], ...]:
    counts = Counter((one.name, one.version) for graph in file.graphs for one in graph.operators)
    return tuple((name, version, count) for (name, version), count in sorted(counts.items()))


def _summary(order: int, facts: tuple[OperatorFacts, ...]) -> DelegateSummary:
    rules = TABLE[order]
    answers = Counter(one.expected[order].answer for one in facts)
    by_reason: dict[str, Counter[str]] = {}
    for one in facts:
        found = one.expected[order]
        if found.answer != EXPECTED:
            reason = found.reason if found.answer == NOT_EXPECTED else f"unknown: {found.reason}"
            by_reason.setdefault(reason, Counter())[one.operator.name] += 1
    reasons = sorted(by_reason.items(), key=lambda item: -item[1].total())
    return DelegateSummary(
        rules.delegate,
        rules.source,
        rules.note,
        answers[EXPECTED],
        answers[NOT_EXPECTED],
        answers[UNKNOWN],
        tuple((reason, tuple(names.most_common())) for reason, names in reasons),
    )
