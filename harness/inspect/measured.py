"""What a results store has measured of a model file: found by the file's hash, never by its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from harness.domain import InvocationRecord, OperatorTime, Purpose, ResultRow, RunRecord, RunView, Status
from harness.inspect.model import Graph, Operator
from harness.operator_names import operator_of

MAX_RUNS = 100
MAX_CASES = 24


class Source(Protocol):
    """What is needed of `harness.store.Store`."""

    def list_runs(self) -> tuple[RunRecord, ...]:
        """All runs, newest first."""

    def rows(self, run_id: str) -> tuple[ResultRow, ...]:
        """The rows of a run."""

    def invocations(self, run_id: str, case_id: str | None = None) -> tuple[InvocationRecord, ...]:
        """The invocations of a case."""

    def view(self, run_id: str) -> RunView:
        """All of a run."""


@dataclass(frozen=True)
class Measured:
    """One case of one run that measured this very file. None and empty are what was not measured.

    `operators` are those of the profile pass, slowest first, by the names of the runtime.
    """

    run_id: str
    device: str
    backend: str
    threads: int
    runtime: str
    verdict: str
    latency_ms: float | None = None
    coverage: str = ""
    delegated_nodes: int | None = None
    total_nodes: int | None = None
    partitions: int | None = None
    operators: tuple[OperatorTime, ...] = ()

    @property
    def setup(self) -> str:
        """``cpu xnnpack, 2 threads, litert 2.3.0 on host``."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.backend}, {threads}, {self.runtime} on {self.device}"


@dataclass(frozen=True)
class Stored:
    """What a store has of a file; `preprocessing` is that of the recipe it was prepared from, and of which run."""

    measured: tuple[Measured, ...] = ()
    preprocessing: tuple[tuple[str, str], ...] = ()
    preprocessing_run: str = ""


def stored_of(store: Source, sha256: str) -> Stored:
    """What `store` has of the file with this hash: its newest `MAX_CASES` cases of the last `MAX_RUNS` runs."""
    found: list[Measured] = []
    preprocessing: tuple[tuple[str, str], ...] = ()
    run_of_it = ""
    for run in store.list_runs()[:MAX_RUNS]:
        rows = [row for row in store.rows(run.run_id) if row.model_sha256 == sha256]
        if not rows:
            continue
        found += [_measured(row, store.invocations(run.run_id, row.case_id)) for row in rows]
        if not preprocessing:
            preprocessing, run_of_it = _preprocessing(store.view(run.run_id), sha256), run.run_id
        if len(found) >= MAX_CASES:
            break
    return Stored(tuple(found[:MAX_CASES]), preprocessing, run_of_it if preprocessing else "")


def _preprocessing(view: RunView, sha256: str) -> tuple[tuple[str, str], ...]:
    return next((file.preprocessing for file in view.files if file.sha256 == sha256 and file.preprocessing), ())


def _measured(row: ResultRow, invocations: Iterable[InvocationRecord]) -> Measured:
    profiles = [
        one.result.operators
        for one in invocations
        if one.purpose is Purpose.PROFILE and one.result.status is Status.DONE and one.result.operators
    ]
    return Measured(
        run_id=row.run_id,
        device=row.device or row.target,
        backend=row.backend,
        threads=row.threads,
        runtime=f"{row.runtime} {row.runtime_version}".strip(),
        verdict=row.verdict.value if row.verdict is not None else row.status.value,
        latency_ms=row.latency_p50_ms,
        coverage=row.coverage,
        delegated_nodes=row.delegated_nodes,
        total_nodes=row.total_nodes,
        partitions=row.partitions,
        operators=profiles[-1] if profiles else (),
    )


def operator_times(graph: Graph, measured: Measured) -> dict[int, float]:
    """Microseconds of each operator of `graph` by its index: the mean of those that the profile puts together.

    Profiles name kinds of kernels, not operators. A kind is laid over the graph only where the profile ran exactly as
    many as there are operators of it; others are left out. XNNPACK computes a 1x1 convolution as a dense layer.
    """
    kinds: dict[str, tuple[float, int]] = {}
    for one in measured.operators:
        name = operator_of(one.name)
        total_us, count = kinds.get(name, (0.0, 0))
        kinds[name] = (total_us + one.total_us, count + one.count)
    best: dict[int, float] = {}
    for dense in (False, True):
        groups: dict[str, list[int]] = {}
        for operator in graph.operators:
            groups.setdefault("FULLY_CONNECTED" if dense and _is_dense(graph, operator) else operator.name, []).append(
                operator.index
            )
        found = {
            index: total_us / count
            for name, (total_us, count) in kinds.items()
            if count == len(groups.get(name, ()))
            for index in groups.get(name, ())
        }
        best = found if len(found) > len(best) else best
    return best


def _is_dense(graph: Graph, operator: Operator) -> bool:
    """A convolution with a 1x1 filter and no stride."""
    weights = graph.tensors_at(operator.inputs[1:2])
    return (
        operator.name == "CONV_2D"
        and bool(weights)
        and weights[0].shape[1:3] == (1, 1)
        and (operator.whole("stride_h"), operator.whole("stride_w")) == (1, 1)
    )
