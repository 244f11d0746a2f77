"""The way from a request to a result, with a stand-in for the tool and local processes for the phone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer

import numpy as np
import pytest

from harness.devices.base import Observed
from harness.devices.host import HostDevice
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
    Target,
)
from harness.errors import DeviceError
from harness.runtimes import benchmark_model_outputs_pass
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.runtimes.benchmark_model import BenchmarkModel
from tests.runtimes.local_device import PHONE, LocalDevice, fake_tool

MODELS = Path(__file__).resolve().parents[1] / "data" / "models"
MEASURE = MeasureSettings(timeout_s=20.0)
GPU = Backend("gpu")


class Bench:
    """A runtime on a device, with one tool."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.device = LocalDevice(folder / "phone")
        self.tool = fake_tool(folder / "tool" / "benchmark_model", **settings)
        self.reference = RuntimeRef("benchmark_model", options=(("binary", str(self.tool)),))
        self.runtime = BenchmarkModel(self.device, self.reference, folder / "binaries")

    def reason(self, backend: Backend) -> str | None:
        case = Case(ModelRef("m"), "int8", Target("adb"), backend, self.reference)
        return self.runtime.unsupported_reason(case)

    def request(self, backend: Backend, purpose: Purpose, model: str, measure: MeasureSettings) -> InvocationRequest:
        return InvocationRequest(purpose, str(MODELS / f"{model}.tflite"), backend, self.reference, measure)

    def run(
        self,
        backend: Backend | None = None,
        purpose: Purpose = Purpose.TIMING,
        model: str = "int8",
        measure: MeasureSettings = MEASURE,
        cancel: Event | None = None,
    ) -> InvocationResult:
        request = self.request(backend or Backend(), purpose, model, measure)
        return self.runtime.invoke(request, cancel or Event())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_timing_pass_has_the_tools_own_figures(bench: Bench) -> None:
    result = bench.run()
    assert result.status is Status.DONE, result.error
    assert result.tool is not None
    assert (result.tool.count, result.tool.median_us, result.tool.p95_us) == (50, 20, 31)
    assert (result.init_us, result.first_inference_us) == (1500, 402)
    assert result.samples_ns is None
    assert result.timed == "call"
    assert result.runtime_version.startswith("benchmark_model sha256:")
    assert result.coverage is not None
    assert (result.coverage.delegate, result.coverage.kind) == ("XNNPACK", "full")
    assert (result.coverage.delegated_nodes, result.coverage.total_nodes) == (4, 4)


def test_the_log_is_kept_whole_with_its_command(bench: Bench) -> None:
    log = bench.run().log
    assert log.startswith("$ ")
    assert "--use_xnnpack=true" in log
    assert "# exit status 0" in log
    assert "count=50" in log
    assert "Created TensorFlow Lite XNNPACK" in log


def test_the_process_is_pinned_and_files_are_sent_once(bench: Bench) -> None:
    bench.run()
    bench.run()
    assert sorted(bench.device.sent) == ["benchmark_model", "model.tflite"]
    assert bench.device.watched[-1] is not None
    assert bench.device.watched[-1].cpus == (7,)
    assert not bench.device.watched[-1].memory


def test_the_flags_are_asked_for_once(bench: Bench) -> None:
    assert bench.reason(Backend()) is None
    bench.run()
    bench.run()
    assert sum("--help" in argv for argv in bench.device.ran) == 1


def test_the_window_is_the_one_of_the_sweep(bench: Bench) -> None:
    bench.run(
        measure=replace(MEASURE, min_iterations=77, min_s=1.5, max_s=9.0, warmup_min_iterations=3, warmup_min_s=0.25)
    )
    argv = bench.device.ran[-1]
    for flag in ("--num_runs=77", "--min_secs=1.5", "--max_secs=9", "--warmup_runs=3", "--warmup_min_secs=0.25"):
        assert flag in argv
    assert "--num_threads=1" in argv


def test_built_in_kernels_are_asked_for_explicitly(bench: Bench) -> None:
    result = bench.run(Backend(xnnpack=False))
    assert "--use_xnnpack=false" in bench.device.ran[-1]
    assert result.coverage is None or not result.coverage.delegated_nodes


def test_the_gpu_has_its_api_and_defaults_that_are_set(bench: Bench) -> None:
    result = bench.run(Backend("gpu", options=(("precision", "float32"),)))
    assert (result.status, result.accelerator) == (Status.DONE, "OpenCL")
    assert result.coverage is not None
    assert (result.coverage.delegate, result.coverage.kind) == ("GPU", "full")
    argv = bench.device.ran[-1]
    assert "--gpu_precision_loss_allowed=false" in argv
    assert "--gpu_experimental_enable_quant=true" in argv
    assert argv.index("--use_gpu=true") < argv.index("--use_xnnpack=true")


def test_partial_coverage_has_its_counts(tmp_path: Path) -> None:
    coverage = Bench(tmp_path, behaviour="partial").run(GPU).coverage
    assert coverage is not None
    assert (coverage.kind, coverage.delegated_nodes, coverage.total_nodes) == ("partial", 3, 4)


def test_a_delegate_that_took_nothing_is_done_with_no_coverage(tmp_path: Path) -> None:
    result = Bench(tmp_path, behaviour="none").run(GPU)
    assert result.status is Status.DONE
    assert result.coverage is not None
    assert result.coverage.kind == "none"
    assert any("took no node" in note for note in result.evidence.notes)


def test_no_line_about_the_delegate_is_no_coverage(tmp_path: Path) -> None:
    library = tmp_path / "libother.so"
    library.write_bytes(b"not really a library")
    external = Backend("external", options=(("path", str(library)),))
    result = Bench(tmp_path, behaviour="silent").run(external)
    assert result.status is Status.DONE
    assert result.coverage is None or result.coverage.kind in ("unknown", "none")


# ---- flags -----------------------------------------------------------------------------------------------------------


def test_a_flag_that_the_binary_lacks_is_known_before_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, without="use_gpu")
    reason = bench.reason(GPU)
    assert reason is not None
    assert "does not know --use_gpu" in reason
    assert "--use_xnnpack" in reason
    result = bench.run(GPU)
    assert (result.status, result.error) == (Status.UNSUPPORTED, reason)
    assert all("--help" in argv for argv in bench.device.ran)


def test_a_default_that_the_binary_lacks_is_left_out_and_a_wish_is_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path, without="gpu_inference_for_sustained_speed")
    assert bench.run(GPU).status is Status.DONE
    assert not any("sustained" in word for word in bench.device.ran[-1])
    wish = Backend("gpu", options=(("sustained", "false"),))
    assert "gpu_inference_for_sustained_speed" in (bench.reason(wish) or "")


def test_a_program_that_is_another_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.tool.write_text("#!/bin/sh\necho 'usage: something else'\nexit 2\n")
    reason = bench.reason(Backend())
    assert reason is not None
    assert "did not answer --help" in reason
    assert "exit code 2" in reason


def test_no_tool_at_all_says_what_to_do(tmp_path: Path) -> None:
    runtime = BenchmarkModel(LocalDevice(tmp_path), RuntimeRef("benchmark_model"), tmp_path / "binaries")
    case = Case(ModelRef("m"), "int8", Target("adb"))
    assert "harness fetch-binaries" in (runtime.unsupported_reason(case) or "")


def test_the_fetched_tool_is_used_when_none_is_named(tmp_path: Path) -> None:
    fake_tool(tmp_path / "binaries" / "tflite-nightly" / "android_arm64" / "benchmark_model")
    runtime = BenchmarkModel(LocalDevice(tmp_path / "phone"), RuntimeRef("benchmark_model"), tmp_path / "binaries")
    request = InvocationRequest(Purpose.TIMING, str(MODELS / "int8.tflite"), Backend(), RuntimeRef(), MEASURE)
    assert runtime.invoke(request, Event()).status is Status.DONE


def test_a_binary_for_another_processor_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.tool.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + bytes(40))
    assert "is a program for x86-64; this device runs arm64-v8a" in (bench.reason(Backend()) or "")


def test_wrong_cores_are_a_reason(bench: Bench) -> None:
    assert "core 9 does not exist" in (bench.reason(Backend(cores=(9,))) or "")


# ---- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        ("missing_model", Status.FAILED, "Could not open"),
        ("too_new", Status.UNSUPPORTED, "FULLY_CONNECTED"),
        ("crash", Status.CRASHED, "SIGSEGV"),
        ("killed", Status.OOM, "low-memory killer"),
        ("refused", Status.FAILED, "Failed to apply GPU delegate"),
        ("no_timings", Status.FAILED, "no timings"),
    ],
)
def test_each_end_has_its_status(tmp_path: Path, behaviour: str, status: Status, words: str) -> None:
    result = Bench(tmp_path, behaviour=behaviour).run(GPU)
    assert result.status is status
    assert words in result.error
    assert result.log.startswith("$ ")
    assert result.tool is None


@pytest.mark.parametrize("behaviour", ["hang", "flood"])
def test_a_deadline_ends_it(tmp_path: Path, behaviour: str) -> None:
    begin = time.monotonic()
    result = Bench(tmp_path, behaviour=behaviour).run(measure=replace(MEASURE, timeout_s=1.0))
    assert result.status is Status.TIMEOUT
    assert time.monotonic() - begin < 10
    assert len(result.log) < 3 << 20


def test_cancelling_ends_it(tmp_path: Path) -> None:
    cancel = Event()
    Timer(0.5, cancel.set).start()
    assert Bench(tmp_path, behaviour="hang").run(cancel=cancel).status is Status.INTERRUPTED


def test_cancelling_the_question_for_flags_is_an_interruption(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.tool.write_text("#!/bin/sh\nexec sleep 1000\n")
    cancel = Event()
    runtime = BenchmarkModel(bench.device, bench.reference, tmp_path / "binaries", cancel)
    Timer(0.5, cancel.set).start()
    begin = time.monotonic()
    request = bench.request(Backend(), Purpose.TIMING, "int8", MEASURE)
    assert runtime.invoke(request, cancel).status is Status.INTERRUPTED
    assert time.monotonic() - begin < 10


def test_wrong_bytes_in_the_output_are_no_trouble(tmp_path: Path) -> None:
    result = Bench(tmp_path, behaviour="bad_text").run()
    assert result.status is Status.DONE
    assert "\ufffd" in result.log


def test_a_lost_phone_is_offline_and_no_property_of_the_case(bench: Bench) -> None:
    bench.device.lost = True
    assert bench.run().status is Status.OFFLINE
    assert bench.reason(Backend()) is None
    bench.device.lost = False
    assert bench.run().status is Status.DONE


def test_a_file_that_is_no_model_is_said_before_anything_is_sent(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"0123456789")
    request = InvocationRequest(Purpose.TIMING, str(tmp_path / "bad.tflite"), Backend(), bench.reference, MEASURE)
    result = bench.runtime.invoke(request, Event())
    assert result.status is Status.FAILED
    assert "not a .tflite model" in result.error
    assert not bench.device.sent


# ---- passes ----------------------------------------------------------------------------------------------------------


def test_the_memory_pass_has_what_the_device_saw(bench: Bench) -> None:
    bench.device.observed = Observed(cpus=(7,), peak_rss_kib=20480, pss_kib=10240, gpu_memory_kib=5120)
    result = bench.run(purpose=Purpose.MEMORY)
    assert (result.peak_rss_mib, result.pss_mib, result.tool) == (20.0, 10.0, None)
    assert bench.device.watched[-1] is not None
    assert bench.device.watched[-1].memory
    assert result.gpu_memory_mib == 5.0
    assert (result.evidence.cpus, result.evidence.cpus_verified) == ((7,), True)


def test_a_mask_that_is_another_is_not_verified(bench: Bench) -> None:
    bench.device.observed = Observed(cpus=(0, 1, 2, 3))
    evidence = bench.run().evidence
    assert (evidence.cpus, evidence.cpus_verified) == ((0, 1, 2, 3), False)


def test_without_an_observer_the_tools_own_peak_is_taken(bench: Bench) -> None:
    assert bench.run(purpose=Purpose.MEMORY).peak_rss_mib == 37.5


def test_the_profile_pass_has_operators_and_no_times(bench: Bench) -> None:
    result = bench.run(Backend(xnnpack=False), Purpose.PROFILE)
    assert result.status is Status.DONE, result.error
    assert [(one.name, one.total_us) for one in result.operators] == [("CONV_2D", 15.0), ("FULLY_CONNECTED", 5.0)]
    assert result.tool is None


def outputs(
    bench: Bench, tmp_path: Path, inputs: np.ndarray[tuple[int, ...], np.dtype[np.float32]], model: str
) -> InvocationResult:
    np.save(tmp_path / "in.npy", inputs)
    request = bench.request(Backend(), Purpose.OUTPUTS, model, MEASURE)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    return bench.runtime.invoke(replace(request, **paths), Event())


def test_outputs_of_a_float_model_are_what_the_tool_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    inputs = np.arange(5 * 64, dtype=np.float32).reshape(5, 8, 8, 1)
    result = outputs(Bench(tmp_path, output_bytes="12"), tmp_path, inputs, "float32")
    assert result.status is Status.DONE, result.error
    made = np.load(tmp_path / "out.npy")
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, inputs.reshape(5, 64)[:, :3])
    assert result.coverage is not None
    assert result.coverage.kind == "full"
    assert not list((tmp_path / "tmp").iterdir()), "nothing is left on the device"


def test_a_tool_that_is_killed_leaves_nothing_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    bench = Bench(tmp_path, behaviour="hang")
    monkeypatch.setattr("tests.runtimes.test_benchmark_model.MEASURE", replace(MEASURE, timeout_s=1.0))
    assert outputs(bench, tmp_path, np.zeros((1, 8, 8, 1), np.float32), "float32").status is Status.TIMEOUT
    chunk = InputChunk(0, np.zeros((1, 8, 8, 1), np.float32))
    assert streamed(bench, [chunk], lambda index, made: None).status is Status.TIMEOUT
    assert not list((tmp_path / "tmp").iterdir())
    assert not (bench.device.root / "work").exists()


def test_outputs_of_an_integer_model_are_quantized_and_dequantized(tmp_path: Path) -> None:
    inputs = np.linspace(0, 1, 2 * 64, dtype=np.float32).reshape(2, 8, 8, 1)
    result = outputs(Bench(tmp_path), tmp_path, inputs, "int8")
    assert result.status is Status.DONE, result.error
    scale, zero, out_scale, out_zero = 0.003920297604054213, -128, 0.0015745917335152626, 47
    stored = np.clip(np.rint(inputs.reshape(2, 64)[:, :3] / scale + zero), -128, 127)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), (stored - out_zero) * out_scale, rtol=1e-6)


def test_more_outputs_than_fit_in_memory_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_model_outputs_pass, "MAX_OUTPUT_BYTES", 3 * 3 * 4 - 1)
    result = outputs(Bench(tmp_path), tmp_path, np.zeros((3, 8, 8, 1), np.float32), "int8")
    assert (result.status, result.error) == (Status.FAILED, "the outputs take more than 4 GiB; use fewer samples")


def test_a_failing_input_is_named(tmp_path: Path) -> None:
    inputs = np.zeros((3, 8, 8, 1), np.float32)
    inputs[2, 0] = 1.0  # stored as 127
    result = outputs(Bench(tmp_path, fails_at="127"), tmp_path, inputs, "int8")
    assert result.status is Status.FAILED
    assert result.error.startswith("input 2: ")
    assert "failed to invoke" in result.error
    assert not (tmp_path / "out.npy").exists()


def test_too_few_bytes_of_output_are_an_error_not_a_number(tmp_path: Path) -> None:
    result = outputs(Bench(tmp_path, output_bytes="2"), tmp_path, np.zeros((3, 8, 8, 1), np.float32), "int8")
    assert result.status is Status.FAILED
    assert "9 bytes, the tool wrote 6" in result.error


def test_a_tool_without_input_files_has_no_outputs_pass(tmp_path: Path) -> None:
    bench = Bench(tmp_path, without="input_layer_value_files")
    result = outputs(bench, tmp_path, np.zeros((1, 8, 8, 1), np.float32), "int8")
    assert result.status is Status.UNSUPPORTED
    assert "--input_layer_value_files" in result.error
    assert outputs(bench, tmp_path, np.zeros((1, 8, 8, 1), np.float32), "two_inputs").status is Status.UNSUPPORTED


def streamed(
    bench: Bench, chunks: Iterable[InputChunk], take: TakeOutputs, model: str = "float32", cancel: Event | None = None
) -> InvocationResult:
    request = bench.request(Backend(), Purpose.ACCURACY, model, MEASURE)
    return bench.runtime.stream(request, chunks, take, cancel or Event())


def test_a_stream_goes_chunk_by_chunk_and_its_inputs_are_not_kept_there(tmp_path: Path) -> None:
    inputs = np.arange(5 * 64, dtype=np.float32).reshape(5, 8, 8, 1)
    bench, taken = Bench(tmp_path, output_bytes="12"), []
    chunks = [InputChunk(4, inputs[:3]), InputChunk(5, inputs[3:])]
    result = streamed(bench, chunks, lambda index, outputs: taken.append((index, outputs)))
    assert result.status is Status.DONE, result.error
    assert [index for index, _ in taken] == [4, 5]
    made = np.concatenate([outputs[0] for _, outputs in taken])
    np.testing.assert_array_equal(made, inputs.reshape(5, 64)[:, :3])
    assert result.coverage is not None
    assert result.coverage.kind == "full"
    assert sorted(bench.device.sent) == ["benchmark_model", "benchmark_outputs.sh", "model.tflite"]
    assert bench.device.placed == ["inputs.bin", "inputs.bin"]
    assert not (bench.device.root / "work").exists()


def test_a_stream_says_in_which_chunk_it_failed_and_keeps_what_was_taken(tmp_path: Path) -> None:
    inputs = np.zeros((4, 8, 8, 1), np.float32)
    inputs[3, 0] = 1.0  # stored as 127
    bench, taken = Bench(tmp_path, fails_at="127"), []
    chunks = [InputChunk(0, inputs[:2]), InputChunk(1, inputs[2:])]
    result = streamed(bench, chunks, lambda index, outputs: taken.append(index), "int8")
    assert (result.status, taken) == (Status.FAILED, [0])
    assert result.error.startswith("chunk 1: input 1: ")


def test_a_stream_refuses_what_the_tool_cannot_do(tmp_path: Path) -> None:
    chunk = [InputChunk(0, np.zeros((1, 8), np.float32))]
    several = streamed(Bench(tmp_path), chunk, lambda *_: None, "two_inputs")
    assert several.status is Status.UNSUPPORTED
    assert "one input and one output, the model has 2 and 1" in several.error
    shape = streamed(Bench(tmp_path), chunk, lambda *_: None)
    assert (shape.status, "the model wants float32 of shape (n, 8, 8, 1)" in shape.error) == (Status.FAILED, True)


def test_a_stream_raises_what_its_caller_raised_and_ends_at_a_cancel(tmp_path: Path) -> None:
    chunks = [InputChunk(index, np.zeros((1, 8, 8, 1), np.float32)) for index in range(3)]
    cancel = Event()

    def full(index: int, outputs: object) -> None:
        raise DeviceError("scored wrongly")

    with pytest.raises(DeviceError, match="scored wrongly"):
        streamed(Bench(tmp_path, output_bytes="12"), chunks, full)
    taken: list[int] = []

    def last(index: int, outputs: object) -> None:
        taken.append(index)
        cancel.set()

    result = streamed(Bench(tmp_path, output_bytes="12"), chunks, last, cancel=cancel)
    assert (result.status, taken) == (Status.INTERRUPTED, [0])


# ---- delegates -------------------------------------------------------------------------------------------------------


def test_nnapi_runs_on_a_named_accelerator_of_the_phone(bench: Bench) -> None:
    result = bench.run(Backend("nnapi", options=(("accelerator", "fake-npu"),)))
    assert (result.status, result.accelerator) == (Status.DONE, "fake-npu")
    other = bench.run(Backend("nnapi", options=(("accelerator", "other"),)))
    assert other.status is Status.UNSUPPORTED
    assert "it has fake-npu" in other.error


def test_a_delegate_that_is_deprecated_is_noted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.device.information = replace(PHONE, details=(("android", "16 (API 36)"),))
    notes = bench.run(Backend("nnapi", options=(("accelerator", "fake-npu"),))).evidence.notes
    assert any("deprecated" in note for note in notes)


@pytest.fixture
def qairt(tmp_path: Path) -> Path:
    folder = tmp_path / "qairt"
    folder.mkdir()
    names = "libQnnTFLiteDelegate.so libQnnSystem.so libQnnHtp.so libQnnHtpPrepare.so libQnnHtpV75Stub.so"
    for name in [*names.split(), "libQnnHtpV75Skel.so"]:
        (folder / name).write_bytes(b"...v2.44.0.260225120000_1...")
    return folder


def test_qnn_has_its_folder_options_and_environment(bench: Bench, qairt: Path) -> None:
    result = bench.run(Backend("qnn", options=(("libraries", str(qairt)), ("performance", "balanced"))))
    assert (result.status, result.accelerator) == (Status.DONE, "HTP v75"), result.error
    argv, env = bench.device.ran[-1], bench.device.environments[-1]
    folder = env["LD_LIBRARY_PATH"]
    assert f"--external_delegate_path={folder}/libQnnTFLiteDelegate.so" in argv
    (options,) = [word for word in argv if word.startswith("--external_delegate_options=")]
    assert options.split("=", 1)[1].split(";") == [
        "backend_type:htp",
        f"library_path:{folder}/libQnnHtp.so",
        f"skel_library_dir:{folder}",
        "htp_precision:1",
        "htp_performance_mode:8",
    ]
    assert env["ADSP_LIBRARY_PATH"].startswith(f"{folder};/system/lib/rfsa/adsp;")
    assert sorted(path.name for path in Path(folder).iterdir()) == sorted(path.name for path in qairt.iterdir())


def test_qnn_errors_come_with_advice(tmp_path: Path, qairt: Path) -> None:
    result = Bench(tmp_path, behaviour="refused").run(Backend("qnn", options=(("libraries", str(qairt)),)))
    assert result.status is Status.FAILED
    assert "libQnnHtpV75Skel.so" in result.error


def test_qnn_libraries_of_two_releases_are_refused_before_the_run(bench: Bench, qairt: Path) -> None:
    (qairt / "libQnnHtp.so").write_bytes(b"v2.47.0.260601000000")
    backend = Backend("qnn", options=(("libraries", str(qairt)),))
    reason = bench.reason(backend)
    assert reason is not None
    assert "different QAIRT releases" in reason
    assert "libQnnHtp.so 2.47.0.260601" in reason
    assert bench.run(backend).status is Status.UNSUPPORTED


def test_missing_libraries_are_named(bench: Bench, qairt: Path) -> None:
    (qairt / "libQnnHtpV75Skel.so").unlink()
    assert "lacks libQnnHtpV75Skel.so" in (bench.reason(Backend("qnn", options=(("libraries", str(qairt)),))) or "")


def test_an_external_delegate_gets_its_own_options(bench: Bench, tmp_path: Path) -> None:
    library = tmp_path / "lib other $(x).so"
    library.write_bytes(b"not really a library")
    backend = Backend("external", options=(("path", str(library)), ("device_type", "npu"), ("level", "a b")))
    assert bench.run(backend).status is Status.DONE
    argv = bench.device.ran[-1]
    assert "--external_delegate_options=device_type:npu;level:a b" in argv
    assert any(word.endswith("/lib other $(x).so") for word in argv)


def test_serialized_kernels_are_kept_apart_by_model_and_tool(bench: Bench) -> None:
    bench.device.information = replace(PHONE, kind="host", abis=())
    runtime = bench.runtime
    backend = Backend("gpu", options=(("serialization", "true"),))
    tokens = []
    for model in ("int8", "float32"):
        runtime.invoke(bench.request(backend, Purpose.TIMING, model, MEASURE), Event())
        tokens += [word for word in bench.device.ran[-1] if word.startswith("--delegate_serialize_token=")]
    assert len(set(tokens)) == 2


# ---- LiteRT's tool ---------------------------------------------------------------------------------------------------


def test_litert_on_the_gpu_demands_every_node(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flavour="litert")
    result = bench.run(GPU)
    assert result.status is Status.DONE, result.error
    argv = bench.device.ran[-1]
    for flag in ("--use_gpu=true", "--use_cpu=false", "--require_full_delegation=true", "--gpu-precision=fp16"):
        assert flag in argv
    assert result.coverage is not None
    assert (result.coverage.delegated_nodes, result.coverage.total_nodes) == (4, 4)
    assert result.tool is not None
    assert result.tool.count == 50


def test_litert_on_a_part_of_the_graph_is_refused_or_unknown(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flavour="litert", behaviour="partial")
    assert bench.run(GPU).status is Status.UNSUPPORTED
    allowed = bench.run(Backend("gpu", options=(("allow_partial", "true"),)))
    assert allowed.status is Status.DONE
    assert allowed.coverage is None or allowed.coverage.kind == "unknown"


def test_litert_has_no_built_in_kernels_and_no_outputs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flavour="litert")
    assert "no backend `cpu builtin`" in (bench.reason(Backend(xnnpack=False)) or "")
    assert outputs(bench, tmp_path, np.zeros((1, 8, 8, 1), np.float32), "int8").status is Status.UNSUPPORTED


# ---- the host --------------------------------------------------------------------------------------------------------


def test_it_runs_on_the_host_too_and_is_pinned_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    runtime = BenchmarkModel(HostDevice(vulkan=lambda: ()), bench.reference, tmp_path / "binaries")
    result = runtime.invoke(bench.request(Backend(), Purpose.TIMING, "int8", MEASURE), Event())
    assert result.status is Status.DONE, result.error
    assert "taskset -c" in result.log
