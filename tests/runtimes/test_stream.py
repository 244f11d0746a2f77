"""Chunk after chunk through real runners on this host, and through programs that misbehave."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.devices.base import TRANSFER_TIMEOUT_S
from harness.devices.host import HostDevice
from harness.domain import Backend, InvocationResult, Purpose, RuntimeRef, Status
from harness.errors import DatasetError, DeviceOfflineError
from harness.runtimes.base import InputChunk, Runtime, TakeOutputs
from harness.runtimes.device_runner import DeviceRunner
from harness.runtimes.litert import LiteRt
from tests.runtimes.runner_program import CPU, litert_library, runner
from tests.runtimes.test_device_runner_program import expected
from tests.runtimes.wire import MODELS, QUICK, program, request

pytest.importorskip("ai_edge_litert")

Floats = NDArray[np.float32]
MakeRuntime = Callable[[HostDevice], Runtime]


class WatchedHost(HostDevice):
    """This host, that looks into the folder of a stream whenever files come and go, and can be lost."""

    def __init__(self) -> None:
        super().__init__(vulkan=lambda: ())
        self.folder = Path()
        self.seen: list[tuple[str, ...]] = []
        self.lost_after: int | None = None

    @contextmanager
    def workspace(self) -> Iterator[str]:
        with super().workspace() as folder:
            self.folder = Path(folder)
            yield folder

    def place(
        self, local: Path, remote: str, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        self._look()
        super().place(local, remote, cancel=cancel)
        self._look()

    def fetch(
        self, remote: str, local: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        self._look()
        super().fetch(remote, local, cancel=cancel)

    def _look(self) -> None:
        self.seen.append(tuple(sorted(path.name for path in self.folder.iterdir())))
        if self.lost_after is not None and len(self.seen) > self.lost_after:
            raise DeviceOfflineError("the phone is not there", where=self.device_id)


def in_c(device: HostDevice) -> Runtime:
    options = (("library", str(litert_library())), ("runner", str(runner())))
    return DeviceRunner(device, RuntimeRef("device_runner", options=options))


RUNTIMES = [pytest.param(LiteRt, id="python"), pytest.param(in_c, id="c")]


class Taken:
    """Keeps what a stream gives."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.outputs: list[tuple[Floats, ...]] = []

    def __call__(self, index: int, outputs: tuple[Floats, ...]) -> None:
        self.indices.append(index)
        self.outputs.append(outputs)

    def all(self, position: int = 0) -> Floats:
        return np.concatenate([outputs[position] for outputs in self.outputs])


def images(count: int) -> Floats:
    return np.random.default_rng(3).random((count, 8, 8, 1), dtype=np.float32)


def chunks_of(inputs: Floats, size: int, first: int = 0) -> Iterator[InputChunk]:
    for number, begin in enumerate(range(0, len(inputs), size)):
        yield InputChunk(first + number, inputs[begin : begin + size])


def stream(
    runtime: Runtime,
    chunks: Iterator[InputChunk],
    take: TakeOutputs,
    model: str = "float32",
    cancel: Event | None = None,
    timeout_s: float = 30.0,
) -> InvocationResult:
    asked = request(
        MODELS / f"{model}.tflite",
        Purpose.ACCURACY,
        backend=Backend(cores=(CPU,)),
        measure=replace(QUICK, timeout_s=timeout_s),
    )
    return runtime.stream(asked, chunks, take, cancel or Event())


# ---- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", RUNTIMES)
@pytest.mark.parametrize("model", ["float32", "int8", "int16x8", "dynamic_batch"])
def test_outputs_are_those_of_the_interpreter_in_order(make: MakeRuntime, model: str) -> None:
    inputs, taken, device = images(10), Taken(), WatchedHost()
    result = stream(make(device), chunks_of(inputs, 3, first=17), taken, model)
    assert result.status is Status.DONE, result.error
    assert taken.indices == [17, 18, 19, 20]
    assert [len(outputs[0]) for outputs in taken.outputs] == [3, 3, 3, 1]
    np.testing.assert_allclose(taken.all(), expected(model, inputs, builtin=False), rtol=1e-5, atol=1e-6)
    assert result.coverage is not None
    assert (result.coverage.kind == "full") == (model not in ("dynamic_batch", "int16x8"))
    assert (result.evidence.cpus, result.evidence.cpus_verified) == ((CPU,), True)
    assert not device.folder.exists()


@pytest.mark.parametrize("make", RUNTIMES)
def test_every_type_of_several_inputs_and_outputs_in_the_files_order(make: MakeRuntime) -> None:
    inputs = np.random.default_rng(1).integers(-3, 4, (7, 16)).astype(np.float32)
    inputs[0, 0] = 2**24 - 1
    taken = Taken()
    result = stream(make(WatchedHost()), chunks_of(inputs, 4), taken, "many_tensors")
    assert result.status is Status.DONE, result.error
    ids, mask, long, values = inputs[:, :4], inputs[:, 4:8] != 0, inputs[:, 8:10], inputs[:, 10:].reshape(-1, 2, 3)
    np.testing.assert_allclose(taken.all(0), values.sum(2) + long)
    np.testing.assert_array_equal(taken.all(1), np.where(mask, ids, -ids))


@pytest.mark.parametrize("make", RUNTIMES)
def test_a_batch_of_several_inputs_is_cut_and_filled_up(make: MakeRuntime) -> None:
    inputs, taken = images(1).reshape(-1)[:35].reshape(7, 5), Taken()
    result = stream(make(WatchedHost()), chunks_of(inputs, 3), taken, "batch_of_two")
    assert result.status is Status.DONE, result.error
    np.testing.assert_allclose(taken.all(0), inputs[:, 3:] + inputs[:, :3].sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(taken.all(1), 2 * inputs[:, :3], rtol=1e-6)


@pytest.mark.parametrize("make", RUNTIMES)
def test_the_outputs_pass_packs_them_in_the_same_way(make: MakeRuntime, tmp_path: Path) -> None:
    inputs = np.random.default_rng(1).integers(-3, 4, (5, 16)).astype(np.float32)
    np.save(tmp_path / "in.npy", inputs)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    asked = request(MODELS / "many_tensors.tflite", Purpose.OUTPUTS, backend=Backend(cores=(CPU,)), **paths)
    runtime, taken = make(WatchedHost()), Taken()
    found = runtime.invoke(asked, Event())
    assert found.status is Status.DONE, found.error
    assert stream(runtime, chunks_of(inputs, 2), taken, "many_tensors").status is Status.DONE
    packed = np.concatenate([taken.all(0).reshape(5, -1), taken.all(1).reshape(5, -1)], axis=1)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), packed)


@pytest.mark.parametrize("make", RUNTIMES)
def test_outputs_that_are_not_finite_come_as_they_are(make: MakeRuntime) -> None:
    inputs, taken = np.full((2, 8), 3e38, np.float32), Taken()
    assert stream(make(WatchedHost()), chunks_of(inputs, 2), taken, "two_inputs").status is Status.DONE
    assert np.isposinf(taken.all()).all()


@pytest.mark.parametrize("make", RUNTIMES)
def test_without_chunks_there_is_nothing_to_take(make: MakeRuntime) -> None:
    taken = Taken()
    assert stream(make(WatchedHost()), iter(()), taken).status is Status.DONE
    assert taken.indices == []


# ---- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", RUNTIMES)
def test_two_chunks_are_there_at_a_time_and_one_waits_here(make: MakeRuntime) -> None:
    device, taken, pulled = WatchedHost(), Taken(), []

    def chunks() -> Iterator[InputChunk]:
        for chunk in chunks_of(images(24), 2):
            pulled.append(chunk.index - len(taken.indices))
            yield chunk

    assert stream(make(device), chunks(), taken).status is Status.DONE
    assert len(taken.indices) == 12
    assert max(pulled) == 2  # two there, one here
    for kind in ("inputs", "outputs"):
        there = [sum(name.startswith(kind) for name in names) for names in device.seen]
        assert max(there) <= 2
    assert any({"inputs-000003.raw", "outputs-000002.raw"} & set(names) for names in device.seen)


@pytest.mark.parametrize("make", RUNTIMES)
def test_the_device_computes_while_outputs_are_taken(make: MakeRuntime) -> None:
    device, waited = WatchedHost(), []

    def take(index: int, outputs: tuple[Floats, ...]) -> None:
        begin = time.monotonic()
        following = device.folder / f"outputs-{index + 1:06d}.raw"
        while index < 3 and not following.exists():
            assert time.monotonic() < begin + 20
            time.sleep(0.01)
        waited.append(index)

    assert stream(make(device), chunks_of(images(8), 2), take).status is Status.DONE
    assert waited == [0, 1, 2, 3]


# ---- what goes wrong on our side -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", RUNTIMES)
def test_what_the_chunks_raise_is_raised_again(make: MakeRuntime) -> None:
    def chunks() -> Iterator[InputChunk]:
        yield from chunks_of(images(4), 2)
        raise DatasetError("image 5 cannot be read")

    device = WatchedHost()
    with pytest.raises(DatasetError, match="image 5"):
        stream(make(device), chunks(), Taken())
    assert not device.folder.exists()


def test_what_take_raises_is_raised_again_with_its_cause() -> None:
    def take(index: int, outputs: tuple[Floats, ...]) -> None:
        try:
            raise KeyError("label")
        except KeyError as error:
            raise OSError("the disk is full") from error

    with pytest.raises(OSError, match="the disk is full") as found:
        stream(LiteRt(WatchedHost()), chunks_of(images(8), 2), take)
    assert isinstance(found.value.__cause__, KeyError)


@pytest.mark.parametrize("make", RUNTIMES)
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (np.zeros((2, 8, 8), np.float32), "the model wants float32 of shape (n, 8, 8, 1)"),
        (np.full((2, 8, 8, 1), np.nan, np.float32), "the inputs of chunk 0: sample 0 is not all finite"),
    ],
)
def test_inputs_that_do_not_fit_fail_with_a_sentence(make: MakeRuntime, inputs: Floats, words: str) -> None:
    result = stream(make(WatchedHost()), chunks_of(inputs, 2), Taken())
    assert (result.status, words in result.error) == (Status.FAILED, True), result.error


def test_a_model_that_is_none_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"no model")
    asked = request(tmp_path / "m.tflite", Purpose.ACCURACY)
    result = LiteRt(WatchedHost()).stream(asked, chunks_of(images(2), 2), Taken(), Event())
    assert (result.status, "not a .tflite model" in result.error) == (Status.FAILED, True)


@pytest.mark.parametrize("make", RUNTIMES)
def test_a_model_that_cannot_be_loaded_is_the_runners_error(make: MakeRuntime) -> None:
    result = stream(make(WatchedHost()), chunks_of(images(2), 2), Taken(), "custom_operator")
    assert (result.status, "NoSuchOperator" in result.error) == (Status.FAILED, True), result.error


# ---- what ends it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", RUNTIMES)
def test_a_cancel_ends_it_and_what_was_taken_stays(make: MakeRuntime) -> None:
    cancel, taken = Event(), Taken()

    def take(index: int, outputs: tuple[Floats, ...]) -> None:
        taken(index, outputs)
        if index == 1:
            cancel.set()

    result = stream(make(WatchedHost()), chunks_of(images(40), 2), take, cancel=cancel)
    assert (result.status, taken.indices) == (Status.INTERRUPTED, [0, 1])


def test_a_lost_device_is_offline(tmp_path: Path) -> None:
    device, taken = WatchedHost(), Taken()
    device.lost_after = 12
    result = stream(in_c(device), chunks_of(images(40), 2), taken)
    assert (result.status, result.error) == (Status.OFFLINE, "the phone is not there")
    assert 0 < len(taken.indices) < 20
    assert not device.folder.exists()


DONE = {"init_ns": 1, "evidence": {"cpus": [], "cpus_verified": 0}}

READY = """
    import json, os, signal, sys, time
    asked = json.loads(sys.stdin.read())
    folder = asked["stream"]
    def say(what, **fields):
        print(json.dumps(dict(fields, type=what)), flush=True)
    def tensors(*shape):
        return [{"name": "t", "shape": list(shape)}]
    def wait(number):
        while not os.path.exists(folder + "/inputs-%06d.raw" % number):
            time.sleep(0.01)
    def answer(number, samples=2, size=2 * 3 * 4, told=None):
        wait(number)
        open(folder + "/outputs-%06d.raw" % number, "wb").write(bytes(size))
        os.unlink(folder + "/inputs-%06d.raw" % number)
        say("chunk", number=number if told is None else told, samples=samples)
    say("hello", protocol=1, python="3", library="l", version="1", features=[])
    say("ready", inputs=tensors(1, 8, 8, 1), outputs=tensors(1, 3))
"""


def misbehaving(tmp_path: Path, body: str, timeout_s: float = 30.0) -> tuple[InvocationResult, Taken]:
    """A stream through a program that does `body` after it has said that it is ready."""
    python = program(tmp_path / "python", READY + "".join(f"    {line}\n" for line in body.splitlines()))
    taken = Taken()
    runtime = LiteRt(WatchedHost(), RuntimeRef(python=python))
    return stream(runtime, chunks_of(images(10), 2), taken, timeout_s=timeout_s), taken


def test_no_finished_chunk_for_too_long_is_a_timeout(tmp_path: Path) -> None:
    result, taken = misbehaving(tmp_path, "answer(0)\ntime.sleep(600)", timeout_s=1.0)
    assert (result.status, taken.indices) == (Status.TIMEOUT, [0])
    assert result.error.startswith("no finished chunk for 1 s; the process was killed")


def test_the_deadline_is_not_one_of_the_whole_pass(tmp_path: Path) -> None:
    result, taken = misbehaving(
        tmp_path, "for number in range(5):\n    wait(number)\n    time.sleep(0.45)\n    answer(number)", timeout_s=1.6
    )
    assert taken.indices == [0, 1, 2, 3, 4]
    assert "no result" in result.error


def test_a_crash_in_the_middle_keeps_its_signal(tmp_path: Path) -> None:
    result, taken = misbehaving(tmp_path, "answer(0)\nanswer(1)\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert (result.status, taken.indices) == (Status.CRASHED, [0, 1])
    assert "SIGSEGV" in result.error


def test_an_error_line_in_the_middle_is_the_reason(tmp_path: Path) -> None:
    result, taken = misbehaving(tmp_path, "answer(0)\nsay('error', kind='memory', message='too little')\nsys.exit(1)")
    assert (result.status, result.error, taken.indices) == (Status.OOM, "too little", [0])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("answer(0, size=20)", "20 bytes of outputs are not 2 of 3 numbers"),
        ("answer(0, samples=3)", "the runner computed 3 samples as chunk 0, not 2 as 0"),
        ("answer(0, told=1)", "the runner computed 2 samples as chunk 1, not 2 as 0"),
        ("wait(0)\nsay('chunk', number=0, samples=2)", "outputs-000000.raw cannot be fetched"),
    ],
)
def test_what_a_runner_says_is_not_believed(tmp_path: Path, body: str, words: str) -> None:
    result, taken = misbehaving(tmp_path, f"{body}\ntime.sleep(600)")
    assert (result.status, words in result.error, taken.indices) == (Status.FAILED, True, []), result.error


def test_a_runner_that_is_done_too_early_is_a_failure(tmp_path: Path) -> None:
    result, taken = misbehaving(tmp_path, f"answer(0)\nsay('result', **{json.dumps(DONE)})")
    assert (result.status, taken.indices) == (Status.FAILED, [0])
    assert "the runner says that it is done, but chunk 1 was not computed" in result.error


@pytest.mark.parametrize("line", ["not json", '{"type": "chunk"', "[1, 2]", '"chunk"'])
def test_garbage_on_standard_output_is_a_failure_in_the_end(tmp_path: Path, line: str) -> None:
    result, taken = misbehaving(tmp_path, f"print({line!r}, flush=True)\nfor number in range(5): answer(number)")
    assert (result.status, len(taken.indices)) == (Status.FAILED, 5)
    assert "line 3" in result.error


def test_the_process_is_ended_with_the_stream(tmp_path: Path) -> None:
    cancel = Event()
    timer = Timer(1.0, cancel.set)
    timer.start()
    python = program(
        tmp_path / "python", READY + f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n    wait(9)\n"
    )
    runtime = LiteRt(WatchedHost(), RuntimeRef(python=python))
    result = stream(runtime, chunks_of(images(10), 2), Taken(), cancel=cancel)
    timer.join()
    assert result.status is Status.INTERRUPTED
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
