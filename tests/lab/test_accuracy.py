"""The accuracy pass: scored chunk by chunk, durable, resumable, and compared on the same samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from harness.accuracy.base import TaskSpec
from harness.accuracy.dataset import write_dataset
from harness.accuracy.readers import ArraySource
from harness.domain import (
    Backend,
    Case,
    InvocationRequest,
    InvocationResult,
    MeasureSettings,
    ModelRef,
    Purpose,
    RuntimeRef,
    Status,
    VariantFile,
    Verdict,
)
from harness.errors import DatasetError, TaskError
from harness.lab.accuracy import AccuracyPass, settle_differences
from harness.lab.interrupt import Interrupt
from harness.lab.ledger import Ledger, counts_as_failed
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.store import Store
from tests.report.factory import row
from tests.store import build

CLASSES, SAMPLES, CHUNK_SAMPLES = 4, 25, 10
CASE = Case(ModelRef("m"), "float32")
REQUEST = InvocationRequest(Purpose.ACCURACY, "m.tflite", Backend(), RuntimeRef(), MeasureSettings())


@dataclass
class Answering:
    """A device whose outputs are one-hot of what the inputs say; it stops after `stop_after` chunks."""

    stop_after: int = 99
    wrong: frozenset[int] = frozenset()
    nan: bool = False
    status: Status = Status.OFFLINE
    chunks: list[int] = field(default_factory=list)
    timeout_s: float = 0.0
    pressed: Interrupt | None = None  # by a person, when the first chunk is there

    def unsupported_reason(self, case: Case) -> str | None:
        return None

    def invoke(self, request: InvocationRequest, cancel: Event) -> InvocationResult:
        raise AssertionError("a whole pass is streamed")

    def stream(
        self, request: InvocationRequest, chunks: Iterable[InputChunk], take: TakeOutputs, cancel: Event
    ) -> InvocationResult:
        self.timeout_s = request.measure.timeout_s
        for done, chunk in enumerate(chunks):
            if done == self.stop_after:
                return InvocationResult(self.status, error="gone")
            self.chunks.append(chunk.index)
            if self.pressed is not None:
                self.pressed.press()
            said = chunk.inputs[:, 0].astype(int)
            answers = [(label + 1) % CLASSES if label in self.wrong else label for label in said]
            outputs = np.eye(CLASSES, dtype=np.float32)[answers]
            take(chunk.index, (outputs * (np.nan if self.nan else 1.0),))
        return InvocationResult(Status.DONE)


def dataset(folder: Path, seed: int = 0) -> Path:
    labels = np.random.default_rng(seed).integers(0, CLASSES, SAMPLES)
    inputs = np.repeat(labels[:, None], 8, 1).astype(np.float32)
    chunk_bytes = CHUNK_SAMPLES * 8 * 4
    source = ArraySource(inputs, labels)
    write_dataset(
        source, TaskSpec("classification"), folder, samples=None, chunk_bytes=chunk_bytes, say=lambda done, of: None
    )
    return folder


@dataclass
class Bench:
    store: Store
    ledger: Ledger
    file: VariantFile

    def score(self, runtime: Answering, case: Case = CASE, limit: int | None = None) -> InvocationResult:
        seen: list[tuple[int, int]] = []
        scoring = AccuracyPass(case, self.file, limit, self.ledger, token=1)
        interrupt = runtime.pressed or Interrupt()
        result = scoring.run(runtime, REQUEST, lambda done, of: seen.append((done, of)), interrupt)
        self.progress = seen
        return result


CASES = (CASE, replace(CASE, variant="int8"), replace(CASE, variant="int8", backend=Backend("gpu")))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    file = VariantFile(
        "m", "float32", Status.DONE, path="m.tflite", task="classification", data_path=str(dataset(tmp_path / "data"))
    )
    with Store.open(tmp_path / "results.sqlite") as store:
        store.create_run(build.run(), [(case, build.DEVICE) for case in CASES])
        ledger = Ledger(build.run().run_id, store, CASES, "any")
        for case in CASES:
            files = {(case.model.name, case.variant): replace(file, variant=case.variant)}
            ledger.attach(files, None, case)
        yield Bench(store, ledger, file)


def accuracy(bench: Bench, case: Case = CASE) -> float:
    check = bench.store.checks(bench.ledger.run_id)[case.case_id]
    assert check.accuracy is not None
    return check.accuracy.value


def test_all_chunks_are_scored_and_the_check_has_the_figures(bench: Bench) -> None:
    assert bench.score(Answering(wrong=frozenset({2}))).status is Status.DONE
    labels = [record for chunk in bench.ledger.scores(CASE) for record in chunk.records]
    assert len(labels) == SAMPLES
    assert bench.progress == [(10, 25), (20, 25), (25, 25)]
    assert 0.5 < accuracy(bench) < 1.0


def test_a_resumed_pass_begins_behind_the_last_chunk(bench: Bench) -> None:
    first = Answering(stop_after=2)
    assert bench.score(first).status is Status.OFFLINE
    assert bench.store.checks(bench.ledger.run_id) == {}
    second = Answering()
    assert bench.score(second).status is Status.DONE
    assert (first.chunks, second.chunks) == ([0, 1], [2])
    assert bench.progress == [(25, 25)]
    assert accuracy(bench) == 1.0


def test_a_pass_that_was_cut_off_before_its_check_needs_no_device(bench: Bench) -> None:
    bench.score(Answering())
    again = Answering()
    assert bench.score(again).status is Status.DONE
    assert again.chunks == []


def test_the_deadline_of_a_chunk_grows_with_the_latency(bench: Bench) -> None:
    quick, slow = Answering(), Answering()
    bench.score(quick)
    timed = build.record(CASES[1])
    bench.ledger[CASES[1].case_id].records.append(timed)
    bench.score(slow, CASES[1])
    assert quick.timeout_s == REQUEST.measure.timeout_s
    assert slow.timeout_s == pytest.approx(quick.timeout_s + 3 * 0.012 * CHUNK_SAMPLES, abs=0.01)


def test_fewer_samples_are_the_first_ones(bench: Bench) -> None:
    assert bench.score(Answering(), limit=12).status is Status.DONE
    assert bench.progress[-1] == (12, 12)
    assert len(bench.ledger.scores(CASE)[1].sample_ids) == 2


def test_a_data_set_that_changed_between_chunks_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.score(Answering(stop_after=1))
    dataset(tmp_path / "data", seed=1)
    with pytest.raises(DatasetError, match="changed since its first chunks"):
        bench.score(Answering())


def test_data_that_changed_between_two_cases_are_refused(bench: Bench, tmp_path: Path) -> None:
    """Ids are often numbers: they do not show that the samples are others."""
    bench.score(Answering())
    dataset(tmp_path / "data", seed=1)
    with pytest.raises(DatasetError, match="changed since its first chunks"):
        bench.score(Answering(), CASES[1])
    assert bench.ledger.scores(CASES[1]) == ()


def test_an_interrupt_ends_the_pass_behind_the_chunk_on_the_device(bench: Bench) -> None:
    runtime = Answering(pressed=Interrupt())
    assert bench.score(runtime).status is Status.INTERRUPTED
    assert runtime.chunks == [0]
    assert bench.store.checks(bench.ledger.run_id) == {}
    assert bench.score(Answering()).status is Status.DONE
    assert bench.progress == [(20, 25), (25, 25)]


def test_nan_outputs_are_not_finite(bench: Bench) -> None:
    bench.score(Answering(nan=True))
    assert bench.store.checks(bench.ledger.run_id)[CASE.case_id].finite is False


def test_a_model_without_its_task_is_named(bench: Bench) -> None:
    bench.file = replace(bench.file, task=None)
    with pytest.raises(TaskError, match="no task"):
        bench.score(Answering())


def test_outputs_that_do_not_fit_the_task_end_the_pass(bench: Bench) -> None:
    bench.file = replace(bench.file, task_options=(("classes", "10"),))
    with pytest.raises(TaskError):
        bench.score(Answering())
    assert bench.ledger.scores(CASE) == ()


def test_differences_are_on_the_same_samples_and_survive(bench: Bench) -> None:
    for case, wrong in zip(CASES, ((), (2,), (1, 2)), strict=True):
        bench.score(Answering(wrong=frozenset(wrong)), case)
    settle_differences(bench.ledger, CASES)
    checks = bench.store.checks(bench.ledger.run_id)
    assert checks[CASES[0].case_id].difference is None
    int8, gpu = (checks[case.case_id].difference for case in CASES[1:])
    assert int8 is not None
    assert gpu is not None
    assert int8.loss == pytest.approx(1.0 - accuracy(bench, CASES[1]))
    assert (int8.better, int8.worse) == (0, round(int8.loss * SAMPLES))
    assert gpu.worse > int8.worse
    assert {sample.value for sample in int8.changed} == {0.0}


def test_a_case_beside_float32_is_compared_with_it_else_with_another_backends(bench: Bench) -> None:
    assert bench.ledger.float_reference(CASES[2]) is None
    bench.score(Answering())
    assert bench.ledger.float_reference(CASES[2]) == CASE
    assert bench.ledger.float_reference(CASE) is None


def test_float32_on_a_delegate_is_held_against_the_cpus(bench: Bench) -> None:
    bench.score(Answering())
    assert bench.ledger.float_reference(replace(CASE, backend=Backend("gpu"))) == CASE


@pytest.mark.parametrize(
    ("reasons", "failed"),
    [
        ("1 of 1 accuracy invocations failed (1 FAILED): labels count 10", True),
        ("1 of 1 accuracy invocations failed (1 UNSUPPORTED): several outputs", False),
        ("", False),
    ],
)
def test_a_failed_accuracy_pass_makes_the_run_fail(reasons: str, failed: bool) -> None:
    made = row(verdict=Verdict.UNVERIFIED, reasons=reasons)
    assert counts_as_failed(made, "any") is failed


def test_other_samples_are_not_compared(bench: Bench) -> None:
    bench.score(Answering())
    bench.score(Answering(wrong=frozenset({1})), CASES[1], limit=20)
    settle_differences(bench.ledger, CASES)
    assert bench.store.checks(bench.ledger.run_id)[CASES[1].case_id].difference is None


def test_a_cancelled_run_compares_no_more(bench: Bench) -> None:
    for case in CASES[:2]:
        bench.score(Answering(), case)
    cancel = Event()
    cancel.set()
    settle_differences(bench.ledger, CASES, cancel)
    assert bench.store.checks(bench.ledger.run_id)[CASES[1].case_id].difference is None


def test_a_nearer_float32_case_replaces_the_one_that_was_compared_with(bench: Bench) -> None:
    beside = replace(CASES[2], variant="float32")
    bench.store.create_run(replace(build.run(), run_id="later"), [(case, build.DEVICE) for case in (*CASES, beside)])
    bench.ledger = Ledger("later", bench.store, (*CASES, beside), "any")
    for case in (*CASES, beside):
        bench.ledger.attach({(case.model.name, case.variant): replace(bench.file, variant=case.variant)}, None, case)
    losses = []
    for scored in ((CASE, CASES[2]), (beside,)):
        for case in scored:
            wrong = {CASE: (), CASES[2]: (1, 2), beside: (1,)}[case]
            bench.score(Answering(wrong=frozenset(wrong)), case)
        settle_differences(bench.ledger, (*CASES, beside))
        difference = bench.store.checks("later")[CASES[2].case_id].difference
        assert difference is not None
        losses.append(difference.loss)
    assert losses[0] > losses[1] == pytest.approx(accuracy(bench, beside) - accuracy(bench, CASES[2]))
