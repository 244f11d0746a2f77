from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from harness.assets import folder
from harness.devices.host import HostDevice
from harness.devices.vulkan import Vulkan
from harness.domain import Backend, Case, InvocationRequest, InvocationResult, ModelRef, Purpose, RuntimeRef, Status
from harness.runtimes.litert import LiteRt
from harness.runtimes.model_file import model_problem
from tests.runtimes.wire import MODELS, QUICK, host, interpreter_with, program, request

ai_edge_litert = pytest.importorskip("ai_edge_litert")

HERE = LiteRt(host())


def run(asked: InvocationRequest, runtime: LiteRt = HERE) -> InvocationResult:
    return runtime.invoke(asked, Event())


def with_python(python: str) -> LiteRt:
    return LiteRt(host(), RuntimeRef(python=python))


# ---- the real library ------------------------------------------------------------------------------------------------


def test_timing_a_real_model() -> None:
    result = run(request())
    assert result.status is Status.DONE, result.error
    assert result.samples_ns is not None
    assert result.samples_ns.size >= QUICK.min_iterations
    assert 50 < float(np.median(result.samples_ns)) < 1e6
    assert result.warmup_ns is not None
    assert result.warmup_ns.size >= QUICK.warmup_min_iterations
    assert result.init_us is not None
    assert result.init_us > 10
    assert result.first_inference_us is not None
    assert result.timed == "call+read"
    assert result.coverage is not None
    assert (result.coverage.delegate, result.coverage.kind, result.coverage.total_nodes) == ("XNNPACK", "full", 4)
    assert result.evidence.cpus == host().choose_cpus("big", 1)
    assert result.evidence.cpus_verified
    assert result.evidence.output_read_us is not None
    assert result.runtime_version.startswith("ai_edge_litert ")


@pytest.mark.parametrize(
    ("model", "backend", "delegate", "kind"),
    [
        ("full_integer", Backend(), "XNNPACK", "full"),
        ("float32", Backend(xnnpack=False), "", "none"),
        ("int8", Backend(kernels="reference"), "", "none"),
        ("int16x8", Backend(), "XNNPACK", "none"),
        ("dynamic_batch", Backend(), "XNNPACK", "partial"),
        ("two_inputs", Backend(threads=2), "XNNPACK", "full"),
    ],
)
def test_coverage_is_what_the_delegate_really_took(model: str, backend: Backend, delegate: str, kind: str) -> None:
    result = run(request(MODELS / f"{model}.tflite", backend=backend))
    assert result.status is Status.DONE, result.error
    assert result.coverage is not None
    assert (result.coverage.delegate, result.coverage.kind) == (delegate, kind)
    if model == "dynamic_batch":
        assert (result.coverage.delegated_nodes, result.coverage.total_nodes, result.coverage.partitions) == (3, 7, 2)
        assert any("batch dimension is dynamic" in note for note in result.evidence.notes)


@pytest.mark.parametrize("model", ["float32", "full_integer", "int8", "int16x8"])
def test_outputs_of_every_variant_agree(tmp_path: Path, model: str) -> None:
    inputs = np.random.default_rng(7).random((33, 8, 8, 1), dtype=np.float32)
    np.save(tmp_path / "in.npy", inputs)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    reference = run(request(purpose=Purpose.OUTPUTS, **paths))
    assert reference.status is Status.DONE, reference.error
    expected = np.load(tmp_path / "out.npy")
    assert (expected.shape, expected.dtype) == ((33, 3), np.float32)
    assert np.abs(expected).max() > 0.05
    result = run(request(MODELS / f"{model}.tflite", Purpose.OUTPUTS, **paths))
    assert result.status is Status.DONE, result.error
    got = np.load(tmp_path / "out.npy")
    assert np.abs(got - expected).max() < 0.02 * np.abs(expected).max() + 0.002


def test_inputs_out_of_the_quantized_range_are_clipped(tmp_path: Path) -> None:
    inputs = np.stack([np.full((8, 8, 1), value, np.float32) for value in (1.0, 1.2, 40.0)])
    np.save(tmp_path / "in.npy", inputs)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    result = run(request(MODELS / "int8.tflite", Purpose.OUTPUTS, **paths))
    assert result.status is Status.DONE, result.error
    outputs = np.load(tmp_path / "out.npy")
    assert np.array_equal(outputs[0], outputs[1]), "1.2 is above the calibrated range and must not wrap"
    assert np.array_equal(outputs[0], outputs[2])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 4, 4, 1), np.float32), "the model wants float32 of shape (n, 8, 8, 1)"),
        (np.zeros((2, 8, 8, 1), np.float64), "float64"),
        (np.zeros((0, 8, 8, 1), np.float32), "(0, 8, 8, 1)"),
        (np.full((2, 8, 8, 1), np.nan, np.float32), "not all finite"),
        (np.array([{}], dtype=object), "cannot be read"),
    ],
)
def test_unusable_inputs_are_explained(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "in.npy", array, allow_pickle=True)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    result = run(request(purpose=Purpose.OUTPUTS, **paths))
    assert result.status is Status.FAILED
    assert words in result.error
    assert not (tmp_path / "out.npy").exists()


def test_memory_is_a_pass_of_its_own() -> None:
    result = run(request(purpose=Purpose.MEMORY))
    assert result.status is Status.DONE, result.error
    assert result.samples_ns is None
    assert result.peak_rss_mib is not None
    assert 10 < result.peak_rss_mib < 2000
    assert result.pss_mib is None or 5 < result.pss_mib <= result.peak_rss_mib
    assert any("the model added" in note for note in result.evidence.notes)


@pytest.mark.parametrize(
    ("model", "kernel", "name"), [("float32", "XNNPACK", "Convolution"), ("int16x8", "built-in", "CONV_2D")]
)
def test_profile_names_operators_and_what_computed_them(model: str, kernel: str, name: str) -> None:
    result = run(request(MODELS / f"{model}.tflite", Purpose.PROFILE))
    assert result.status is Status.DONE, result.error
    assert result.samples_ns is None
    assert any(name in item.name and item.kernel == kernel for item in result.operators)
    assert any("operator times" in note for note in result.evidence.notes)


def test_a_profile_without_times_still_lists_the_operators() -> None:
    result = run(request(purpose=Purpose.PROFILE, backend=Backend(kernels="reference")))
    assert result.status is Status.DONE, result.error
    assert {item.name for item in result.operators} >= {"CONV_2D", "FULLY_CONNECTED"}
    assert {item.kernel for item in result.operators} == {"reference"}
    assert any("no operator times" in note for note in result.evidence.notes)


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("string_input", Status.UNSUPPORTED, "holds strings"),
        ("custom_operator", Status.FAILED, "NoSuchOperator"),
    ],
)
def test_models_that_cannot_run_say_why(model: str, status: Status, words: str) -> None:
    result = run(request(MODELS / f"{model}.tflite"))
    assert result.status is status
    assert words in result.error


def test_inputs_of_one_tensor_are_no_sample_of_two(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.zeros((1, 4), np.float32))
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    result = run(request(MODELS / "two_inputs.tflite", Purpose.OUTPUTS, **paths))
    assert (result.status, "the model wants float32 of shape (n, 8)" in result.error) == (Status.FAILED, True)


def test_truncated_and_random_models_are_rows(tmp_path: Path) -> None:
    content = (MODELS / "float32.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(content[: len(content) // 2])
    noise = np.random.default_rng(1).bytes(4096)
    (tmp_path / "noise.tflite").write_bytes(noise[:4] + b"TFL3" + noise)
    for name in ("cut", "noise"):
        result = run(request(tmp_path / f"{name}.tflite"))
        assert result.status in (Status.FAILED, Status.CRASHED)
        assert result.error


def test_files_that_are_no_models_start_no_process(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").write_bytes(b"")
    (tmp_path / "text.tflite").write_bytes(b"not a model at all")
    assert "is empty" in (model_problem(str(tmp_path / "empty.tflite")) or "")
    assert "not b'TFL3'" in (model_problem(str(tmp_path / "text.tflite")) or "")
    assert "directory" in (model_problem(str(tmp_path)) or "")
    assert "No such file" in (model_problem(str(tmp_path / "none")) or "")
    assert "NUL" in (model_problem("a\0b") or "").upper()
    assert model_problem(str(MODELS / "int8.tflite")) is None
    assert run(request(tmp_path)).status is Status.FAILED


def test_hostile_file_names_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "a b; touch pwned $(x) ' \" \n.tflite"
    path.write_bytes((MODELS / "float32.tflite").read_bytes())
    assert run(request(path)).status is Status.DONE


# ---- a time ends when the outputs can be read ------------------------------------------------------------------------

ASYNCHRONOUS = """
    import threading, time
    import numpy as np

    COMPUTE_S = 0.02

    class Interpreter(object):
        '''invoke() only queues the work; reading an output waits for it.'''

        def __init__(self, model_path=None, num_threads=None):
            self._ready_at = 0.0

        def allocate_tensors(self):
            pass

        def _details(self):
            return [{"name": "t", "index": 0, "shape": np.array([1, 4]), "dtype": np.float32, "quantization": (0.0, 0)}]

        get_input_details = get_output_details = _details

        def set_tensor(self, index, value):
            pass

        def invoke(self):
            self._ready_at = max(time.perf_counter(), self._ready_at) + COMPUTE_S

        def get_tensor(self, index):
            time.sleep(max(self._ready_at - time.perf_counter(), 0.0))
            return np.zeros((1, 4), np.float32)
"""


def test_an_asynchronous_delegate_cannot_fool_the_clock(tmp_path: Path) -> None:
    runtime = with_python(interpreter_with(tmp_path, "ai_edge_litert", ASYNCHRONOUS))
    result = run(request(measure=replace(QUICK, min_iterations=5)), runtime)
    assert result.status is Status.DONE, result.error
    assert result.samples_ns is not None
    assert result.warmup_ns is not None
    for samples in (result.samples_ns, result.warmup_ns):
        assert float(np.min(samples)) >= 0.019e9
    assert result.first_inference_us is not None
    assert result.first_inference_us >= 19_000
    assert result.evidence.output_read_us is not None
    assert result.evidence.output_read_us > 15_000
    assert any("samples include the wait" in note for note in result.evidence.notes)
    assert result.runtime_version.startswith("ai_edge_litert 9.9")


def test_a_synchronous_library_spends_almost_nothing_on_reading() -> None:
    result = run(request())
    assert result.evidence.output_read_us is not None
    assert result.evidence.output_read_us < 50
    assert not any("include the wait" in note for note in result.evidence.notes)


def test_what_the_cpu_took_in_the_gpus_place_is_no_coverage(tmp_path: Path) -> None:
    """A LiteRT without its accelerator's library compiles for the CPU without a word, and calls that accelerated."""
    package = tmp_path / "ai_edge_litert"
    shutil.copytree(Path(ai_edge_litert.__file__).parent, package, copy_function=os.symlink)
    for accelerator in package.glob("libLiteRt*Accelerator.so"):
        accelerator.unlink()
    script = tmp_path / "ask.py"
    script.write_text(
        "import json, sys\n"
        f"sys.path[:0] = [{str(tmp_path)!r}, {str(folder('device_scripts'))!r}]\n"
        "import litert_models\n"
        f"request = {{'model': {str(MODELS / 'float32.tflite')!r}, 'delegate': 'gpu', 'threads': 1}}\n"
        "library = litert_models.Library('ai_edge_litert')\n"
        "engine = litert_models.make_engine(library, request)\n"
        "print(json.dumps([library.package.__file__, engine._model.is_fully_accelerated(), engine.coverage()]))\n"
    )
    done = subprocess.run([sys.executable, "-E", "-B", script], capture_output=True, text=True, timeout=60, check=True)
    used, accelerated, coverage = json.loads(done.stdout)
    assert (Path(used).parent, accelerated) == (package, True)
    assert coverage == {"delegated_nodes": None, "total_nodes": 4, "partitions": None, "operators": []}
    assert "GPU accelerator could not be loaded" in done.stderr


@pytest.mark.slow
def test_the_gpu_accelerator_on_software_vulkan() -> None:
    device = HostDevice()
    if not device.vulkan:
        pytest.skip("no Vulkan device")
    runtime = LiteRt(device)
    gpu = Backend(kind="gpu")
    assert runtime.unsupported_reason(Case(ModelRef("m"), "float32", backend=gpu)) is None
    result = run(request(backend=gpu), runtime)
    assert result.status is Status.DONE, result.error
    assert result.coverage is not None
    assert (result.coverage.delegate, result.coverage.kind) == ("GPU", "full")
    assert result.accelerator == device.vulkan[0].name
    assert result.samples_ns is not None
    assert result.evidence.output_read_us is not None
    # The work happens behind the call: samples must hold the wait for the outputs.
    assert float(np.median(result.samples_ns)) / 1e3 > 0.5 * result.evidence.output_read_us
    partial = run(request(MODELS / "int16x8.tflite", backend=gpu), runtime)
    assert partial.coverage is not None
    assert partial.coverage.kind == "partial"
    refused = run(request(MODELS / "dynamic_batch.tflite", backend=gpu), runtime)
    assert refused.status is Status.UNSUPPORTED
    assert "dynamic-sized" in refused.error


# ---- interpreters that are not what they should be -------------------------------------------------------------------


def test_an_old_library_without_a_choice_of_kernels_is_told(tmp_path: Path) -> None:
    runtime = with_python(interpreter_with(tmp_path, "ai_edge_litert", ASYNCHRONOUS))
    builtin = Backend(xnnpack=False)
    assert "no choice of kernels" in (runtime.unsupported_reason(Case(ModelRef("m"), "int8", backend=builtin)) or "")
    result = run(request(backend=builtin), runtime)
    assert result.status is Status.UNSUPPORTED
    assert "ai-edge-litert" in result.error


def test_an_interpreter_without_the_library_gets_the_install_command(tmp_path: Path) -> None:
    source = "raise ImportError('libexample.so.1: cannot open shared object file')\n"
    packages = ("ai_edge_litert", "tflite_runtime", "tensorflow")
    python = [interpreter_with(tmp_path, name, source) for name in packages][-1]
    (tmp_path / "tensorflow" / "lite.py").write_text(source)
    runtime = with_python(python)
    reason = runtime.unsupported_reason(Case(ModelRef("m"), "int8")) or ""
    assert "pip install ai-edge-litert" in reason
    assert "libexample.so.1" in reason
    result = run(request(), runtime)
    assert result.status is Status.UNSUPPORTED
    assert "pip install ai-edge-litert" in result.error


def test_something_else_than_an_interpreter() -> None:
    case = Case(ModelRef("m"), "int8")
    assert "not an executable" in (with_python("/no/such/python").unsupported_reason(case) or "")
    assert "did not answer" in (with_python("/bin/true").unsupported_reason(case) or "")
    assert run(request(), with_python("/no/such/python")).status is Status.UNSUPPORTED


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", Status.CRASHED, "SIGABRT"),
        ("import sys; sys.stderr.write('kernel check failed'); sys.exit(134)", Status.FAILED, "kernel check failed"),
        ("print('hello there')", Status.FAILED, "line 1 is not JSON"),
        ("import time; time.sleep(600)", Status.TIMEOUT, "after 1.5 s"),
        ("print('{' * 100000)", Status.FAILED, "not JSON"),
        (
            "import sys\nfor _ in range(200): sys.stdout.write('x' * 1048576)",
            Status.FAILED,
            "cut off",
        ),
    ],
)
def test_whatever_the_interpreter_does_is_a_row(tmp_path: Path, body: str, status: Status, words: str) -> None:
    runtime = with_python(program(tmp_path / "python", body))
    result = run(request(measure=replace(QUICK, timeout_s=1.5 if status is Status.TIMEOUT else 30.0)), runtime)
    assert result.status is status
    assert words in result.error
    assert result.samples_ns is None


def test_cancelling_is_interrupted(tmp_path: Path) -> None:
    cancel = Event()
    cancel.set()
    runtime = with_python(program(tmp_path / "python", "import time; time.sleep(600)"))
    assert runtime.invoke(request(), cancel).status is Status.INTERRUPTED


# ---- what cannot run at all ------------------------------------------------------------------------------------------


def reason(backend: Backend, runtime: LiteRt = HERE) -> str:
    return runtime.unsupported_reason(Case(ModelRef("m"), "int8", backend=backend)) or ""


def test_cases_that_cannot_run_are_known_beforehand() -> None:
    assert reason(Backend()) == ""
    assert "no hexagon backend" in reason(Backend(kind="hexagon"))
    assert "no Vulkan device" in reason(Backend(kind="gpu"))
    assert "core 4096" in reason(Backend(cores=(4096,)))
    assert "core class" in reason(Backend(cores="huge"))


def test_gpu_options_are_checked() -> None:
    runtime = LiteRt(HostDevice(vulkan=lambda: (Vulkan("Example GPU", software=False),)))
    assert reason(Backend(kind="gpu"), runtime) == ""
    assert reason(Backend(kind="gpu", options=(("precision", "float32"),)), runtime) == ""
    assert "precision: float32" in reason(Backend(kind="gpu", options=(("speed", "11"),)), runtime)


def test_the_signal_of_a_real_crash_is_named(tmp_path: Path) -> None:
    source = f"import os\nos.kill(os.getpid(), {int(signal.SIGSEGV)})\n"
    runtime = with_python(interpreter_with(tmp_path, "ai_edge_litert", source))
    result = run(request(), runtime)
    assert result.status is Status.CRASHED
    assert "SIGSEGV" in result.error
