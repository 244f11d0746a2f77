"""Accuracy in whole sweeps on this host, with the real runtime: figures, resuming, data that is wrong, gates."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.display.plain import heartbeat
from harness.display.state import DashboardState, reduce
from harness.domain import Purpose, Verdict
from harness.events import AccuracyProgress, InvocationFinished, InvocationStarted, RowUpdated, TasksPlanned
from harness.lab import SweepOutcome
from harness.lab.ledger import counts_as_failed
from harness.report.takeaways import takeaways
from tests.cli.command_line import CommandLine
from tests.lab.accuracy_bench import (
    CHUNK,
    MODELS,
    AccuracyBench,
    Labelled,
    accuracy_bench,
    answers,
    entry,
    hits,
    images,
    scored_columns,
    sha256,
    shared_cache,
    stand_in,
    take_given_variants,
    twice,
    with_nan,
)

pytest.importorskip("ai_edge_litert")
__all__ = ["accuracy_bench", "shared_cache"]
FLOAT32, INT8 = MODELS / "float32.tflite", MODELS / "int8.tflite"
COUNT = 2 * CHUNK + 152  # three chunks, the last one not full
NPZ = "{reader: npz, path: data.npz}"


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    return Labelled.hard(COUNT)


@pytest.fixture
def bench(accuracy_bench: AccuracyBench, labelled: Labelled) -> AccuracyBench:
    labelled.save(accuracy_bench.folder / "data.npz")
    return accuracy_bench


def both(bench: AccuracyBench, **settings: str) -> str:
    return bench.sweep_text(entry(FLOAT32, NPZ), **settings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Scored:
    bench: AccuracyBench
    outcome: SweepOutcome


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, labelled: Labelled) -> Scored:
    """Both variants, scored once for the tests that only look at it."""
    bench = AccuracyBench(tmp_path_factory.mktemp("scored"), shared_cache)
    labelled.save(bench.folder / "data.npz")
    with pytest.MonkeyPatch.context() as patch:
        take_given_variants(patch)
        return Scored(bench, bench.run(both(bench)))


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_every_variant_is_scored_on_the_same_samples_and_compared(scored: Scored, labelled: Labelled) -> None:
    outcome = scored.outcome
    float32, int8 = outcome.rows
    right = {path: hits(answers(path, labelled.inputs), labelled.labels) for path in (FLOAT32, INT8)}
    assert (float32.accuracy_metric, float32.accuracy_samples) == ("top1", COUNT)
    assert float32.accuracy == pytest.approx(right[FLOAT32].mean(), abs=1.5 / COUNT)
    assert int8.accuracy == pytest.approx(right[INT8].mean(), abs=1.5 / COUNT)
    lost = float32.accuracy - int8.accuracy
    assert lost > 0.01
    assert int8.accuracy_loss == pytest.approx(lost)
    assert int8.accuracy_loss_low < lost < int8.accuracy_loss_high
    assert (int8.samples_worse - int8.samples_better) / COUNT == pytest.approx(lost)
    ids = [[one for chunk in scored.bench.chunks(row) for one in chunk.sample_ids] for row in outcome.rows]
    assert ids[0] == ids[1]
    assert sorted(ids[0]) == sorted(labelled.ids)
    _reports_say_it(outcome, {labelled.ids[at] for at in np.flatnonzero(right[FLOAT32] != right[INT8])})


def _reports_say_it(outcome: SweepOutcome, changed: set[str]) -> None:
    int8 = outcome.rows[1]
    with (outcome.report_dir / "changed_samples.csv").open(newline="") as file:
        told = list(csv.DictReader(file))
    assert len({line["sample_id"] for line in told} ^ changed) <= 2  # a tie may fall either way by the last bit
    assert {line["case_id"] for line in told} == {int8.case_id}
    with (outcome.report_dir / "metrics.csv").open(newline="") as file:
        figures = {
            (line["metric"], line["stat"]): float(line["value"])
            for line in csv.DictReader(file)
            if line["case_id"] == int8.case_id
        }
    assert figures["accuracy_loss", "value"] == int8.accuracy_loss
    assert figures["accuracy_loss", "ci_low"] == int8.accuracy_loss_low
    assert figures["samples_changed", "worse"] == int8.samples_worse
    assert figures["accuracy", "value"] == figures["top1", "value"] == int8.accuracy


def test_events_and_the_plain_view_tell_how_far_it_is(scored: Scored) -> None:
    bench, outcome = scored.bench, scored.outcome
    (planned,) = [event for event in bench.events if isinstance(event, TasksPlanned)]
    assert planned.total_invocations == 2 * (1 + 1 + 1)
    steps = [event for event in bench.events if isinstance(event, AccuracyProgress)]
    for row in outcome.rows:
        mine = [(step.samples, step.total) for step in steps if step.case.case_id == row.case_id]
        assert mine == [(CHUNK, COUNT), (2 * CHUNK, COUNT), (COUNT, COUNT)]
    finished = [event.purpose for event in bench.events if isinstance(event, InvocationFinished)]
    assert finished[-2:] == [Purpose.ACCURACY] * 2, "last, because it heats the device"
    state = DashboardState()
    for event in bench.events[: bench.events.index(steps[1]) + 1]:
        state = reduce(state, event)
    assert f"accuracy 2,048/{COUNT:,}" in heartbeat(state, steps[1].at_s)


@pytest.mark.slow
def test_fewer_samples_are_the_same_ones_for_every_variant(bench: AccuracyBench) -> None:
    outcome = bench.run(both(bench, extra="accuracy: {samples: 700}\n"))
    assert [row.accuracy_samples for row in outcome.rows] == [700, 700]
    first, second = (bench.chunks(row)[0].sample_ids for row in outcome.rows)
    assert first == second
    assert len(set(first)) == 700
    assert first[:3] != ("image-0", "image-1", "image-2"), "in a random order"
    none = bench.run(both(bench, extra="accuracy: {samples: 0}\n"))
    assert [row.accuracy for row in none.rows] == [None, None]


@pytest.mark.slow
def test_backends_and_runs_on_one_data_set_agree(bench: AccuracyBench) -> None:
    text = both(bench, backends="[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]")
    rows = bench.run(text).rows
    accuracies = {(row.variant, row.backend): row.accuracy for row in rows}
    assert accuracies["float32", "cpu xnnpack"] == pytest.approx(accuracies["float32", "cpu builtin"], abs=2 / COUNT)
    assert [scored_columns(row) for row in bench.run(text).rows] == [scored_columns(row) for row in rows]


# ---- interrupted and resumed -----------------------------------------------------------------------------------------

LONG = 6 * CHUNK - 100  # longer than what is on its way when an interrupt comes


@pytest.fixture(scope="module")
def long_data(labelled: Labelled) -> Labelled:
    order = np.random.default_rng(5).integers(0, COUNT, LONG)
    ids = tuple(f"image-{number}" for number in range(LONG))
    return Labelled(labelled.inputs[order], labelled.labels[order], ids)


@pytest.fixture
def long_bench(accuracy_bench: AccuracyBench, long_data: Labelled) -> AccuracyBench:
    long_data.save(accuracy_bench.folder / "data.npz")
    return accuracy_bench


@pytest.mark.slow
def test_a_pass_that_ctrl_c_ended_goes_on_behind_its_last_chunk(long_bench: AccuracyBench) -> None:
    bench, text = long_bench, both(long_bench)
    whole = bench.run(text)
    bench.events.clear()
    first = bench.run(text, on_event=bench.stop_after(7))  # float32 as a whole, int8 in its first chunks
    assert first.state == "interrupted"
    done = bench.scored()
    assert 7 <= len(done) < 12, "the first Ctrl-C does not wait for a pass that may take hours"
    second = bench.go_on(text)
    assert (second.run_id, second.state) == (first.run_id, "finished")
    assert len(done) + len(bench.scored()) == 12
    assert [scored_columns(row) for row in second.rows] == [scored_columns(row) for row in whole.rows]


@pytest.mark.slow
def test_a_pass_that_is_stopped_before_its_first_chunk_is_not_done(long_bench: AccuracyBench) -> None:
    bench, text = long_bench, both(long_bench, variants="[float32]")

    def stop_as_it_begins(event: object) -> None:
        if isinstance(event, InvocationStarted) and event.purpose is Purpose.ACCURACY:
            bench.interrupt.press()

    assert bench.run(text, on_event=stop_as_it_begins).state == "interrupted"
    assert bench.scored() == []
    (row,) = bench.go_on(text).rows
    assert row.accuracy_samples == LONG


@pytest.mark.slow
def test_a_cache_that_was_emptied_in_between_makes_the_same_data_set(long_bench: AccuracyBench) -> None:
    bench, text = long_bench, both(long_bench)
    bench.run(text, on_event=bench.stop_after(1))
    bench.cache = bench.folder / "other"
    assert [row.accuracy_samples for row in bench.go_on(text).rows] == [LONG, LONG]


@pytest.mark.parametrize(
    "chunks",
    [pytest.param(1, id="within a case"), pytest.param(6, id="between two cases", marks=pytest.mark.slow)],
)
def test_data_that_changed_before_the_resume_are_refused(
    long_bench: AccuracyBench, long_data: Labelled, chunks: int
) -> None:
    bench, text = long_bench, both(long_bench)
    before = bench.run(text, on_event=bench.stop_after(chunks))
    assert before.state == "interrupted"
    Labelled(long_data.inputs[::-1], long_data.labels[::-1], long_data.ids).save(bench.folder / "data.npz")
    rows = bench.go_on(text).rows
    assert bench.scored() == []
    refused = rows[chunks // 6 :]
    for row in refused:
        assert "1 of 1 accuracy invocations failed (1 FAILED)" in row.reasons
        assert "the data set was changed since its first chunks were scored. Start the sweep anew" in row.reasons
        assert row.accuracy is None
    assert all(row.accuracy_loss is None for row in rows), "nothing is compared across data sets"


SLOW_CHUNKS = 6
SLOW_SCORE = """
import time

def score(outputs, truth):
    print(truth["label"], file=log)
    time.sleep(0.0001)
    return float(outputs[0][truth["label"] % 3])

log = open({log!r}, "a", buffering=1)
"""


@pytest.fixture
def slow_sweep(harness: CommandLine, tmp_path: Path) -> str:
    """A pass of a second or two, which logs every sample that it scores."""
    (tmp_path / "slow.py").write_text(SLOW_SCORE.format(log=str(tmp_path / "scored.txt")))
    count = SLOW_CHUNKS * CHUNK
    np.savez(tmp_path / "data.npz", inputs=np.resize(images(100), (count, 8, 8, 1)), labels=np.arange(count))
    model = entry(FLOAT32, NPZ, '{name: custom, options: {function: "slow.py:score"}}')
    (tmp_path / "slow.yaml").write_text(AccuracyBench(tmp_path).sweep_text(model, variants="[float32]"))
    return "slow.yaml"


def _end_after(harness: CommandLine, name: str, chunks: int, number: int) -> int:
    """Send a signal when so many chunks are scored; the exit code."""
    process = harness.start("run", name, "--display", "json")
    assert process.stdout is not None
    for line in process.stdout:
        chunks -= json.loads(line)["event"] == "accuracy_progress"
        if not chunks:
            break
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def _go_on(harness: CommandLine, name: str) -> tuple[list[int], dict[str, float]]:
    """Resume: the samples at each step, and the row."""
    resumed = harness("run", name, "--resume", "--display", "json")
    assert resumed.returncode == 0, resumed.stderr
    events = [json.loads(line) for line in resumed.stdout.splitlines()]
    steps = [event["samples"] for event in events if event["event"] == "accuracy_progress"]
    return steps, events[-1]["rows"][0]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -9), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
    ids=["kill -9", "Ctrl-C"],
)
def test_no_chunk_is_lost_or_scored_twice_when_the_controller_ends(
    harness: CommandLine, slow_sweep: str, tmp_path: Path, number: int, code: int
) -> None:
    assert _end_after(harness, slow_sweep, 2, number) == code
    before = (tmp_path / "scored.txt").read_text().split()
    steps, row = _go_on(harness, slow_sweep)
    durable = steps[0] - CHUNK
    assert 2 * CHUNK <= durable < SLOW_CHUNKS * CHUNK
    assert steps == list(range(steps[0], SLOW_CHUNKS * CHUNK + 1, CHUNK))
    after = (tmp_path / "scored.txt").read_text().split()[len(before) :]
    assert len(after) == SLOW_CHUNKS * CHUNK - durable
    assert not set(before[:durable]) & set(after), "what is durable is not scored again"
    assert {*before, *after} == set(map(str, range(SLOW_CHUNKS * CHUNK)))
    assert len(twice([*before, *after])) <= CHUNK, "at most the chunk that was not durable"
    outputs = np.resize(answers(FLOAT32, images(100)), (SLOW_CHUNKS * CHUNK, 3))
    expected = outputs[np.arange(len(outputs)), np.arange(len(outputs)) % 3].mean()
    assert row["accuracy"] == pytest.approx(expected, abs=1e-6)
    assert row["accuracy_samples"] == SLOW_CHUNKS * CHUNK


@pytest.mark.slow
def test_names_of_samples_stay_text(bench: AccuracyBench, labelled: Labelled) -> None:
    script = "<script>alert({number})</script>\"'&"
    labelled.save(bench.folder / "data.npz", [script.format(number=number) for number in range(COUNT)])
    outcome = bench.run(both(bench))
    page = (outcome.report_dir / "report.html").read_text()
    assert "<script>alert(" not in page
    assert "&lt;script&gt;alert(" in page
    with (outcome.report_dir / "changed_samples.csv").open(newline="") as file:
        named = [line["sample_id"] for line in csv.DictReader(file)]
    assert named
    assert all(re.fullmatch(r"<script>alert\(\d+\)</script>\"'&", name) for name in named)


# ---- gates -----------------------------------------------------------------------------------------------------------


def _timed(bench: AccuracyBench, fast_ms: dict[str, float], extra: str, **swapped: Path) -> str:
    python = stand_in(bench.folder, fast_ms, **swapped)
    return f"runtime: {{litert: {{python: {python}}}}}\n{extra}"


def _says_fastest(outcome: SweepOutcome) -> str:
    """The variant and backend that the page's first sentence and its Pareto front name."""
    return takeaways(outcome.rows)[0]


def _on_the_front(outcome: SweepOutcome) -> set[str]:
    """The tooltips of the marks on the front: ``int8, cpu xnnpack …``."""
    page = (outcome.report_dir / "report.html").read_text()
    chart = page[page.index("latency against top-1") :]
    chart = chart[: chart.index("</svg>")]
    marks = re.findall(r'<(\w+)[^>]*class="(?:s\d+ )?m( dim| hollow)?"[^>]*>\s*<title>([^<]*)</title>', chart)
    assert marks, chart
    return {title.split(":")[0] for _, faint, title in marks if not faint}


@pytest.mark.parametrize(("allowed", "wrong"), [pytest.param("0.5", False, marks=pytest.mark.slow), ("0.005", True)])
def test_a_fast_variant_that_lost_too_much_is_no_winner(bench: AccuracyBench, allowed: str, wrong: bool) -> None:
    extra = _timed(bench, {sha256(INT8): 0.25}, f"accuracy: {{max_loss: {allowed}}}\n")
    outcome = bench.run(both(bench, extra=extra).replace("blocks: 1", "blocks: 3"))
    float32, int8 = outcome.rows
    assert int8.latency_p50_ms < 0.5 < float32.latency_p50_ms
    assert (float32.verdict, int8.verdict) == (Verdict.TRUSTED, Verdict.WRONG_OUTPUT if wrong else Verdict.TRUSTED)
    assert counts_as_failed(int8, "any") is wrong
    if wrong:
        assert re.search(r"top1 is 0\.\d+ on 2200 samples, 0\.\d+ worse than .*0\.005", int8.reasons), int8.reasons
    assert f"m is fastest as {'float32' if wrong else 'int8'}" in _says_fastest(outcome)
    assert any(mark.startswith("int8") for mark in _on_the_front(outcome)) is not wrong


@pytest.mark.slow
def test_a_fast_backend_that_computes_something_else_is_no_winner(bench: AccuracyBench) -> None:
    """Its outputs and its answers are those of another file, as by a broken delegate."""
    extra = _timed(
        bench, {"builtin": 0.25}, "accuracy: {tolerance: 0.005}\n", builtin__outputs=INT8, builtin__accuracy=INT8
    )
    backends = "[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]"
    text = both(bench, variants="[float32]", backends=backends, extra=extra).replace("blocks: 1", "blocks: 3")
    outcome = bench.run(text)
    sound, broken = outcome.rows
    assert (sound.verdict, broken.verdict) == (Verdict.TRUSTED, Verdict.WRONG_OUTPUT), outcome.rows
    assert broken.latency_p50_ms < sound.latency_p50_ms
    assert "the sweep allows 0.5 %" in broken.reasons
    assert counts_as_failed(broken, "any")
    assert "m is fastest as float32 on cpu xnnpack" in _says_fastest(outcome)
    assert not any("builtin" in mark for mark in _on_the_front(outcome))
    (lenient,) = [row for row in bench.run(text.replace("0.005", "10")).rows if "builtin" in row.backend]
    assert lenient.verdict is not Verdict.WRONG_OUTPUT


def test_nan_that_only_the_scored_samples_show_makes_the_row_wrong(bench: AccuracyBench) -> None:
    """The outputs pass saw nothing: the delegate gives NaN in the accuracy pass alone."""
    nan = bench.folder / "nan.tflite"
    nan.write_bytes(with_nan(FLOAT32))
    extra = _timed(bench, {}, "", xnnpack__accuracy=nan)
    (row,) = bench.run(both(bench, variants="[float32]", extra=extra)).rows
    assert row.verdict is Verdict.WRONG_OUTPUT
    assert "the outputs hold NaN or infinite values" in row.reasons
    assert row.accuracy == 0.0
    assert counts_as_failed(row, "any")


def test_the_row_is_final_only_with_its_accuracy(scored: Scored) -> None:
    last = {event.row.case_id: event.row for event in scored.bench.events if isinstance(event, RowUpdated)}
    assert all(last[row.case_id].accuracy == row.accuracy for row in scored.outcome.rows)


@pytest.mark.slow
@pytest.mark.parametrize(("allowed", "code"), [("0.5", 0), ("0.005", 1)])
def test_the_gate_is_the_exit_code(bench: AccuracyBench, harness: CommandLine, allowed: str, code: int) -> None:
    text = both(bench, extra=f"accuracy: {{max_loss: {allowed}}}\nrequire: {{coverage: any}}\n")
    (bench.folder / "gate.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.accuracy_bench", "run", "gate.yaml", "--display", "plain"],
        cwd=bench.folder,
        env=harness.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("WRONG_OUTPUT" in done.stdout) is bool(code)
    assert ("worse than" in done.stdout) is bool(code)


# ---- memory ----------------------------------------------------------------------------------------------------------

SIDE, LARGE_COUNT = 256, 768
LARGE = """
import numpy as np

class Samples:
    def __len__(self):
        return {count}

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        return np.full(({side}, {side}, 3), index % 7, np.float32), [float(index % 7)] * 3

def samples():
    return Samples()
"""
PEAKS = """
import atexit, json, resource, sys
from harness.cli import main

@atexit.register
def tell():
    # Not RUSAGE_SELF: over exec it keeps the size of the process that started this one.
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps([peak / 1024, child / 1024]), file=sys.stderr)

main()
"""


def _averaging_model() -> bytes:
    """The mean of each channel of an image of SIDE x SIDE: one operator."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(FLOAT32))
    graph = model.subgraphs[0]
    taken, given = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    taken.shape, given.shape = [1, SIDE, SIDE, 3], [1, 1, 1, 3]
    taken.shapeSignature = given.shapeSignature = None
    pool = schema.Pool2DOptionsT()
    pool.padding, pool.strideW, pool.strideH, pool.filterWidth, pool.filterHeight = 1, 1, 1, SIDE, SIDE
    operator = graph.operators[0]
    operator.inputs, operator.outputs = [graph.inputs[0]], [graph.outputs[0]]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.Pool2DOptions, pool
    operator.opcodeIndex, graph.operators = 0, [operator]
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.AVERAGE_POOL_2D
    code.version = 1
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


@pytest.mark.slow
def test_memory_is_bounded_by_chunks_and_not_by_the_data(harness: CommandLine, tmp_path: Path) -> None:
    """600 MB of inputs pass through the worker, the controller and the runner."""
    (tmp_path / "large.py").write_text(LARGE.format(count=LARGE_COUNT, side=SIDE))
    (tmp_path / "mean.tflite").write_bytes(_averaging_model())
    model = entry(tmp_path / "mean.tflite", '{reader: function, path: "large.py:samples"}', "{name: regression}")
    (tmp_path / "large.yaml").write_text(AccuracyBench(tmp_path).sweep_text(model, variants="[float32]"))
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, "run", "large.yaml", "--display", "json"],
        cwd=tmp_path,
        env=harness.environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (row,) = events[-1]["rows"]
    assert row["accuracy_samples"] == LARGE_COUNT
    assert row["accuracy"] == pytest.approx(0.0, abs=1e-3), "the root mean square error of the means"
    assert sum(event["event"] == "accuracy_progress" for event in events) >= 15
    controller_mib, largest_child_mib = json.loads(done.stderr.splitlines()[-1])
    print(f"peak: controller {controller_mib:.0f} MiB, largest child {largest_child_mib:.0f} MiB")
    assert controller_mib < 400
    assert largest_child_mib < 400
