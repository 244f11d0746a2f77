"""Samples per second of a streamed accuracy pass over the same inferences without any way there and back, interleaved.

    python -m benchmarks.accuracy_throughput [--blocks 8] [--model FILE.tflite] [--samples 400] [--host] [--phone]
                                             [--adb-server HOST:PORT --serial SERIAL]

On the host: `LiteRt.stream` over the wheel's bare interpreter (set_tensor, invoke, get_tensor) with all inputs in its
memory, pinned to the same core. Target: at least 0.9. On a phone, the virtual one of the tests without a serial:
`DeviceRunner.stream` over the same runner with all its inputs there already. Target: at least 0.8.

A block is one process of each arm in random order. Rates are those of steady work: from the first finished chunk to
the last, so that starting a process and loading a model, which a pass does once, do not count; what they cost is said.
The share is the geometric mean over blocks with a 95 % interval. The small model is for information: what a sample
costs beside its inference shows there. The virtual phone's runner shares its cores with adb and the controller.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from benchmarks._phones import attached_phone
from benchmarks.latency_agreement import package_folder, prepared
from harness.devices.affinity import keep_controller_off
from harness.devices.android.open import attachment_at
from harness.devices.base import Device, Watch
from harness.devices.host import HostDevice
from harness.domain import Backend, InvocationRequest, MeasureSettings, Purpose, RuntimeRef, Status
from harness.measure.statistics import t_quantile
from harness.runtimes.base import InputChunk, Runtime
from harness.runtimes.device_runner import DeviceRunner
from harness.runtimes.device_runner_result import Files, runner_argv
from harness.runtimes.litert import LiteRt
from harness.runtimes.runner_build import runner_for, target_for
from harness.runtimes.tflite_graph import read_graph

HOST_TARGET, PHONE_TARGET = 0.9, 0.8
CHUNK_BYTES = 16 << 20
TIMEOUT_S = 600.0

Arm = Callable[[], float]
"""Runs one process; samples per second."""

_BARE = """
import json, os, sys, time
model, inputs, cpu, first = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.sched_setaffinity(0, {cpu})
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model, num_threads=1)
interpreter.allocate_tensors()
source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
samples = np.load(inputs)
results = []
for number in range(len(samples)):
    if number == first:
        begin = time.perf_counter()
    interpreter.set_tensor(source, samples[number : number + 1])
    interpreter.invoke()
    results.append(interpreter.get_tensor(target))
print((len(samples) - first) / (time.perf_counter() - begin), flush=True)
os._exit(0)
"""


@dataclass(frozen=True)
class Work:
    """A model with one float32 input, and samples for it."""

    model: Path
    inputs: NDArray[np.float32]
    at_once: int

    @property
    def chunks(self) -> tuple[InputChunk, ...]:
        """The samples in chunks; the rate is taken from the end of the first."""
        starts = range(0, len(self.inputs), self.at_once)
        return tuple(InputChunk(at // self.at_once, self.inputs[at : at + self.at_once]) for at in starts)


def work_for(model: Path, samples: int) -> Work:
    """Random inputs for a model."""
    (tensor,) = read_graph(model).inputs
    shape = tuple(tensor.shape[1:])
    inputs = np.random.default_rng(1).random((samples, *shape), dtype=np.float32)
    return Work(model, inputs, max(min(CHUNK_BYTES // inputs[:1].nbytes, samples // 8), 1))


def request(work: Work, cpu: int) -> InvocationRequest:
    """The pass that is measured."""
    measure = MeasureSettings(timeout_s=TIMEOUT_S)
    return InvocationRequest(Purpose.ACCURACY, str(work.model), Backend(cores=(cpu,)), RuntimeRef(), measure)


def stream_arm(runtime: Runtime, work: Work, cpu: int, say: bool = False) -> Arm:
    """A pass of `runtime` with the inputs in this process."""

    def run() -> float:
        at: list[float] = []
        begin = time.monotonic()
        result = runtime.stream(request(work, cpu), work.chunks, lambda *_: at.append(time.monotonic()), Event())
        if result.status is not Status.DONE:
            raise SystemExit(f"the stream failed: {result.error}")
        if not result.evidence.cpus_verified:
            raise SystemExit(f"the stream was not pinned to CPU {cpu}: {result.evidence.notes}")
        if say:
            rest_s = time.monotonic() - begin - (at[-1] - at[0])
            print(f"    start, loading, first chunk and end: {rest_s:.2f} s", flush=True)
        return (len(work.inputs) - work.at_once) / (at[-1] - at[0])

    return run


def bare_arm(work: Work, cpu: int, folder: Path) -> Arm:
    """The interpreter alone."""
    path = folder / "inputs.npy"
    np.save(path, work.inputs)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    argv = [sys.executable, "-E", "-c", _BARE, str(work.model), str(path), str(cpu), str(work.at_once)]

    def run() -> float:
        return float(subprocess.run(argv, check=True, capture_output=True, text=True, env=env).stdout)

    return run


def loop_arm(device: Device, work: Work, cpu: int, files: Files, folder: Path) -> Arm:
    """The runner on the phone with all inputs there; how long its chunks take is seen from when it reports them."""

    def run() -> float:
        at: list[float] = []

        def on_stdout(piece: bytes) -> None:
            at.extend([time.monotonic()] * sum(_is_chunk(line) for line in piece.splitlines()))

        with device.workspace() as there:
            for chunk in work.chunks:
                chunk.inputs.tofile(folder / "chunk.raw")
                device.place(folder / "chunk.raw", f"{there}/inputs-{chunk.index:06d}.raw")
            (folder / "end").touch()
            device.place(folder / "end", f"{there}/end")
            argv = runner_argv(
                request(work, cpu), (cpu,), Files(files.runner, files.library, files.model, stream=there)
            )
            env = {"LD_LIBRARY_PATH": str(Path(files.library).parent)}
            done = device.run(
                argv, stdin=b"", env=env, timeout_s=TIMEOUT_S, cancel=Event(), watch=Watch((cpu,)), on_stdout=on_stdout
            )
        if done.returncode != 0 or len(at) != len(work.chunks):
            raise SystemExit(f"the runner's own loop failed: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
        return (len(work.inputs) - work.at_once) / (at[-1] - at[0])

    return run


def _is_chunk(line: bytes) -> bool:
    return bool(line.endswith(b"}") and json.loads(line).get("type") == "chunk")


def compare(title: str, ours: Arm, bare: Arm, blocks: int, target: float | None) -> bool:
    """Measure in turn and print; whether the target was met."""
    order, logs = random.Random(1), []
    for block in range(blocks):
        rates = {arm: arm() for arm in order.sample([ours, bare], 2)}
        logs.append(math.log(rates[ours] / rates[bare]))
        print(f"  block {block + 1}: streamed {rates[ours]:.1f}/s, bare {rates[bare]:.1f}/s", flush=True)
    mean = float(np.mean(logs))
    half = t_quantile(blocks - 1, 0.975) * float(np.std(logs, ddof=1)) / math.sqrt(blocks) if blocks > 1 else math.inf
    share, low, high = (math.exp(value) for value in (mean, mean - half, mean + half))
    met = target is None or share >= target
    verdict = "for information" if target is None else f"target: at least {target}: {'met' if met else 'MISSED'}"
    print(f"{title}: share {share:.3f}  95 % [{low:.3f}, {high:.3f}]  ({verdict})", flush=True)
    return met


def on_host(work: Work, blocks: int, target: float | None) -> bool:
    """The runner in Python against the bare interpreter."""
    device = HostDevice(vulkan=lambda: ())
    cpu = device.choose_cpus("big", 1)[0]
    print(f"host, {work.model.name}: core {cpu}, {len(work.inputs)} samples in chunks of {work.at_once}", flush=True)
    with tempfile.TemporaryDirectory() as name, keep_controller_off((cpu,)):
        ours, bare = stream_arm(LiteRt(device), work, cpu, say=True), bare_arm(work, cpu, Path(name))
        return compare(f"host, {work.model.name}", ours, bare, blocks, target)


def on_phone(works: list[tuple[Work, float | None]], blocks: int, adb_server: str, serial: str) -> Iterator[bool]:
    """The runner in C, fed over adb, against itself with its inputs there."""
    library = package_folder() / "libLiteRt.so"
    target_of_build = target_for(library)
    assert target_of_build is not None
    runner = runner_for(target_of_build)
    options = (("library", str(library)), ("runner", str(runner)))
    with attached_phone(adb_server, serial) as connection, tempfile.TemporaryDirectory() as name:
        server = connection.server
        (device,) = attachment_at(f"{server.host}:{server.port}").open({"serial": connection.serial})
        cpu = device.choose_cpus("big", 1)[0]
        folder = device.put_folder({library.name: library})
        for work, target in works:
            files = Files(device.put(runner, executable=True), f"{folder}/{library.name}", device.put(work.model))
            ours = stream_arm(DeviceRunner(device, RuntimeRef("device_runner", options=options)), work, cpu, say=True)
            bare = loop_arm(device, work, cpu, files, Path(name))
            print(f"phone, {work.model.name}: core {cpu}, {len(work.inputs)} samples in chunks of {work.at_once}")
            with keep_controller_off(() if serial else (cpu,)):  # the virtual phone has the cores of this machine
                met = compare(f"phone, {work.model.name}", ours, bare, blocks, target)
            yield met


def main() -> int:
    """Both places, unless one is named; the exit code says whether the targets were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a .tflite file with one float32 input; mobilenet_v2 by default")
    parser.add_argument("--small", type=Path, help="a small one for information; digits_cnn by default")
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--host", action="store_true", help="only on this host")
    parser.add_argument("--phone", action="store_true", help="only on the phone")
    parser.add_argument("--adb-server", default="")
    parser.add_argument("--serial", default="")
    asked = parser.parse_args()
    large = work_for(asked.model or prepared("mobilenet_v2"), asked.samples)
    small = work_for(asked.small or prepared("digits_cnn"), 50 * asked.samples)
    met = []
    if not asked.phone:
        met += [on_host(large, asked.blocks, HOST_TARGET), on_host(small, asked.blocks, None)]
    if not asked.host:
        works = [(large, PHONE_TARGET), (small, None)]
        met += on_phone(works, asked.blocks, asked.adb_server, asked.serial)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
