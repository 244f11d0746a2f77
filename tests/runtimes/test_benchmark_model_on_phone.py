"""benchmark_model on a phone behind a real adbd: a stand-in for its ends, a real build for its figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from harness.devices.android.open import attachment_at
from harness.devices.android.phone import AndroidDevice
from harness.domain import Backend, InvocationRequest, InvocationResult, MeasureSettings, Purpose, RuntimeRef, Status
from harness.runtimes.benchmark_model import BenchmarkModel
from tests.phone.benchmark_model_build import benchmark_model, install_libraries
from tests.phone.debian import UnavailableError
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.runtimes.local_device import fake_tool

pytestmark = pytest.mark.phone
MODELS = Path(__file__).resolve().parents[1] / "data" / "models"
MEASURE = MeasureSettings(min_s=0.2, max_s=3.0, warmup_min_s=0.1, timeout_s=30.0)
Run = Callable[..., InvocationResult]


@pytest.fixture
def device(
    phone: VirtualPhone, adb_server: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AndroidDevice:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return attachment_at(adb_server.address).open({})[0]


def runner(device: AndroidDevice, tool: Path) -> Run:
    reference = RuntimeRef("benchmark_model", options=(("binary", str(tool)),))
    runtime = BenchmarkModel(device, reference, tool.parent)

    def run(
        backend: Backend | None = None,
        purpose: Purpose = Purpose.TIMING,
        model: str = "float32",
        measure: MeasureSettings = MEASURE,
        **paths: str,
    ) -> InvocationResult:
        path = str(MODELS / f"{model}.tflite")
        request = InvocationRequest(purpose, path, backend or Backend(), reference, measure, **paths)
        return runtime.invoke(request, Event())

    return run


def test_a_stand_in_is_pinned_and_read_back(device: AndroidDevice, tmp_path: Path) -> None:
    result = runner(device, fake_tool(tmp_path / "tool"))(Backend("gpu"))
    assert result.status is Status.DONE, result.error
    assert result.evidence.cpus == device.choose_cpus("big", 1)
    assert result.evidence.cpus_verified
    assert (result.accelerator, result.tool is not None) == ("OpenCL", True)


@pytest.mark.parametrize(
    ("behaviour", "status"), [("crash", Status.CRASHED), ("killed", Status.OOM), ("too_new", Status.UNSUPPORTED)]
)
def test_each_end_of_a_stand_in_has_its_status(
    device: AndroidDevice, tmp_path: Path, behaviour: str, status: Status
) -> None:
    assert runner(device, fake_tool(tmp_path / "tool", behaviour=behaviour))().status is status


def test_a_stand_in_that_hangs_is_gone_after_its_deadline(
    device: AndroidDevice, phone: VirtualPhone, tmp_path: Path
) -> None:
    run = runner(device, fake_tool(tmp_path / "tool", behaviour="hang"))
    assert run(measure=replace(MEASURE, timeout_s=2.0)).status is Status.TIMEOUT
    deadline = time.monotonic() + 5.0
    while phone.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert phone.processes() == ()


def test_outputs_of_a_stand_in_come_back_and_nothing_is_left(
    device: AndroidDevice, phone: VirtualPhone, tmp_path: Path
) -> None:
    inputs = np.arange(3 * 64, dtype=np.float32).reshape(3, 8, 8, 1)
    np.save(tmp_path / "in.npy", inputs)
    run = runner(device, fake_tool(tmp_path / "tool", output_bytes="12"))
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    result = run(purpose=Purpose.OUTPUTS, **paths)
    assert result.status is Status.DONE, result.error
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), inputs.reshape(3, 64)[:, :3])
    assert [path.name for path in (phone.state_dir / "data/local/tmp").iterdir()] == ["harness"]


# ---- the real program ------------------------------------------------------------------------------------------------


@pytest.fixture
def real(device: AndroidDevice, phone: VirtualPhone) -> Run:
    try:
        folder = benchmark_model()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    install_libraries(folder, phone)
    return runner(device, folder / "benchmark_model")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_real_program_measures_profiles_and_computes(real: Run, tmp_path: Path) -> None:
    timing = real()
    assert timing.status is Status.DONE, timing.error
    assert timing.tool is not None
    assert timing.tool.count >= MEASURE.min_iterations
    assert timing.evidence.cpus_verified
    assert timing.coverage is not None
    assert (timing.coverage.delegate, timing.coverage.kind, timing.coverage.total_nodes) == ("XNNPACK", "full", 4)

    builtin = real(Backend(xnnpack=False))
    assert builtin.status is Status.DONE, builtin.error
    assert builtin.coverage is None or not builtin.coverage.delegated_nodes
    assert real(model="int8").coverage.kind == "partial"  # type: ignore[union-attr]

    memory = real(purpose=Purpose.MEMORY)
    assert memory.status is Status.DONE, memory.error
    assert memory.peak_rss_mib is not None
    assert 2 < memory.peak_rss_mib < 200

    profile = real(Backend(xnnpack=False), Purpose.PROFILE)
    assert {one.name for one in profile.operators} == {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "RESHAPE"}

    refused = real(Backend("gpu"))
    assert refused.status is Status.UNSUPPORTED
    assert "does not know --use_gpu" in refused.error


@pytest.mark.slow
@pytest.mark.prepare
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["float32", "int8"])
def test_the_real_programs_outputs_are_litert_s(real: Run, tmp_path: Path, model: str) -> None:
    from ai_edge_litert.interpreter import Interpreter

    inputs = np.random.default_rng(1).random((4, 8, 8, 1), np.float32)
    np.save(tmp_path / "in.npy", inputs)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    result = real(purpose=Purpose.OUTPUTS, model=model, **paths)
    assert result.status is Status.DONE, result.error

    interpreter = Interpreter(model_path=str(MODELS / f"{model}.tflite"))
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    expected, step = [], 1e-6
    for values in inputs:
        given = values[None]
        if source["dtype"] != np.float32:
            scale, zero = source["quantization"]
            given = np.clip(np.rint(given / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], given)
        interpreter.invoke()
        made = interpreter.get_tensor(target["index"])
        if target["dtype"] != np.float32:
            step, zero = target["quantization"]
            made = (made.astype(np.float32) - zero) * step
        expected.append(made[0])
    # Kernels of different versions may round differently by one step.
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, atol=2 * step, rtol=1e-5)
