"""The runtime on a device: the real program on this host, and stand-ins for it at the wire."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.devices.base import Observed, ProcessResult, Watch
from harness.devices.host import HostDevice
from harness.domain import Backend, Case, Evidence, InvocationRequest, ModelRef, Purpose, RuntimeRef, Status
from harness.errors import DeviceOfflineError, HarnessError, InvocationTimeoutError, StorageFullError
from harness.runtimes.device_runner import DeviceRunner
from harness.runtimes.device_runner_outputs import OutputFile, raw_chunks
from harness.runtimes.device_runner_result import Files, merge_evidence, read_result, runner_argv
from tests.runtimes.runner_program import CPU, litert_library, runner, shared_library
from tests.runtimes.wire import HELLO, MODELS, QUICK, RESULT, host, lines, pack, process, program, request

C_HELLO = {**HELLO, "runner": "c", "python": None, "library": "litert", "version": "2.3", "abi": "x"}
C_RESULT = {**RESULT, "coverage": {"delegated_nodes": 3, "total_nodes": 3, "partitions": 1, "operators": []}}
REPORT = lines(C_HELLO, C_RESULT)


def runtime(library: Path | None = None, program_path: Path | str | None = None, **kwargs: Any) -> DeviceRunner:
    options = (("library", str(library or litert_library())), ("runner", str(program_path or runner())))
    return DeviceRunner(host(), RuntimeRef("device_runner", options=options), **kwargs)


def on_core(purpose: Purpose = Purpose.TIMING, **fields: Any) -> InvocationRequest:
    return request(purpose=purpose, backend=Backend(cores=(CPU,)), **fields)


# ---- the real program ------------------------------------------------------------------------------------------------


def test_a_timing_pass_has_samples_and_proof() -> None:
    found = runtime().invoke(on_core(), Event())
    assert found.status is Status.DONE, found.error
    assert found.samples_ns is not None
    assert len(found.samples_ns) >= QUICK.min_iterations
    assert (found.evidence.cpus, found.evidence.cpus_verified) == ((CPU,), True)
    assert found.coverage is not None
    assert found.coverage.kind == "full"
    assert found.runtime_version.startswith("litert 2.")
    assert ", C API, libLiteRt.so " in found.runtime_version


def test_a_memory_pass_has_memory_only() -> None:
    found = runtime().invoke(on_core(Purpose.MEMORY), Event())
    assert found.status is Status.DONE, found.error
    assert found.samples_ns is None
    assert found.peak_rss_mib is not None
    assert 1 < found.peak_rss_mib < 500


def test_a_profile_pass_says_that_there_is_none() -> None:
    found = runtime().invoke(on_core(Purpose.PROFILE), Event())
    assert (found.status, found.operators) == (Status.DONE, ())
    assert "no operator times" in found.evidence.notes[0]


@pytest.mark.parametrize("chunk_samples", [1000, 3])
def test_outputs_come_back_as_npy(tmp_path: Path, chunk_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = np.random.default_rng(1).random((8, 8, 8, 1), dtype=np.float32)
    np.save(tmp_path / "in.npy", inputs)
    monkeypatch.setattr("harness.runtimes.device_runner.CHUNK_BYTES", chunk_samples * 64 * 4)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    found = runtime().invoke(on_core(Purpose.OUTPUTS, **paths), Event())
    assert found.status is Status.DONE, found.error
    outputs = np.load(tmp_path / "out.npy")
    assert (outputs.shape, outputs.dtype) == ((8, 3), np.float32)
    from tests.runtimes.test_device_runner_program import expected

    np.testing.assert_allclose(outputs, expected("float32", inputs, builtin=False), rtol=1e-5, atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"in.npy", "out.npy"}


def test_inputs_of_another_shape_are_no_outputs(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.zeros((4, 4, 16), np.float32))
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    found = runtime().invoke(on_core(Purpose.OUTPUTS, **paths), Event())
    assert (found.status, "wants inputs of shape (8, 8, 1)" in found.error) == (Status.FAILED, True)
    assert {path.name for path in tmp_path.iterdir()} == {"in.npy"}


@pytest.mark.parametrize("values", [np.zeros((2, 8, 8, 1)), np.zeros((0, 8, 8, 1), np.float32)])
def test_inputs_that_are_no_float32_are_told(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "in.npy", values)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    assert "are not float32" in runtime().invoke(on_core(Purpose.OUTPUTS, **paths), Event()).error


def test_a_librarys_log_explains_a_failure() -> None:
    found = runtime().invoke(on_core(model=MODELS / "custom_operator.tflite"), Event())
    assert found.status is Status.FAILED
    assert "NoSuchOperator" in found.error


def test_a_deadline_and_a_cancel_end_it() -> None:
    endless = replace(QUICK, warmup_min_s=30.0, warmup_max_s=60.0, timeout_s=0.5)
    assert runtime().invoke(on_core(measure=endless), Event()).status is Status.TIMEOUT
    cancel = Event()
    cancel.set()
    assert runtime().invoke(on_core(), cancel).status is Status.INTERRUPTED


def test_external_delegates_work_through_the_tflite_api() -> None:
    library, plugin = shared_library("stand_in_tflite.c"), shared_library("stand_in_delegate.c")
    backend = Backend("external", cores=(CPU,), options=(("path", str(plugin)), ("mode", "fast:est")))
    subject = runtime(library)
    assert reason(subject, backend) is None
    found = subject.invoke(request(backend=backend), Event())
    assert found.status is Status.DONE, found.error
    assert found.coverage is not None
    assert found.coverage.kind == "partial"


# ---- what cannot run -------------------------------------------------------------------------------------------------


def reason(subject: DeviceRunner, backend: Backend | None = None) -> str | None:
    return subject.unsupported_reason(Case(ModelRef("m"), "float32", backend=backend or Backend(cores=(CPU,))))


def test_what_can_run_has_no_reason_against_it() -> None:
    assert reason(runtime()) is None
    assert reason(runtime(), Backend(xnnpack=False, cores=(CPU,))) is None


def test_files_that_are_missing_or_wrong_are_a_reason(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    assert "name the device's libLiteRt.so" in str(reason(DeviceRunner(host(), RuntimeRef("device_runner"))))
    assert "is not a file" in str(reason(runtime(tmp_path / "absent.so")))
    assert "is for no processor" in str(reason(runtime(tmp_path / "text.so")))
    assert (
        "correct or remove runtime.device_runner.runner" in str(reason(runtime(program_path=tmp_path / "no"))).lower()
    )


def test_a_runner_for_another_processor_than_the_library_is_a_reason(tmp_path: Path) -> None:
    content = bytearray(runner().read_bytes())
    content[18:20] = (243).to_bytes(2, "little")
    (tmp_path / "runner").write_bytes(content)
    assert "is for RISC-V, the library" in str(reason(runtime(program_path=tmp_path / "runner")))


def test_backends_and_options_that_it_does_not_have_are_a_reason() -> None:
    assert "no hexagon backend" in str(reason(runtime(), Backend("hexagon")))
    assert "no options for the cpu" in str(reason(runtime(), Backend(options=(("x", "y"),), cores=(CPU,))))
    assert "does not know precision: int4" in str(
        reason(runtime(), Backend("gpu", options=(("precision", "int4"),), cores=(CPU,)))
    )
    assert reason(runtime(), Backend(cores=(4000,))) is not None
    assert "needs the option path" in str(reason(runtime(), Backend("external", cores=(CPU,))))


def test_a_plugin_needs_the_tflite_api() -> None:
    plugin = shared_library("stand_in_delegate.c")
    backend = Backend("external", cores=(CPU,), options=(("path", str(plugin)),))
    assert "takes no external delegate" in str(reason(runtime(), backend))
    tflite = shared_library("stand_in_tflite.c")
    assert "no choice of reference kernels" in str(reason(runtime(tflite), Backend(kernels="reference", cores=(CPU,))))


# ---- a runner that lies, at the wire ---------------------------------------------------------------------------------


def changed(**fields: Any) -> bytes:
    return lines(C_HELLO, {**C_RESULT, **fields})


def read(stdout: bytes, purpose: Purpose = Purpose.TIMING, **fields: Any) -> Any:
    return read_result(replace(process(stdout), **fields), request(purpose=purpose), (1,))


def test_a_whole_report_is_read() -> None:
    found = read(REPORT)
    assert (found.status, found.init_us, found.runtime_version) == (Status.DONE, 2000.0, "litert 2.3, C API")
    assert found.samples_ns.tolist() == [20_000, 21_000, 20_500]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(REPORT) - 1))
def test_a_truncated_report_is_never_a_number(length: int) -> None:
    found = read(REPORT[:length])
    assert found.status is not Status.DONE
    assert found.samples_ns is None
    assert found.error


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(REPORT) - 1), st.integers(0, 255))
def test_a_damaged_report_never_raises(position: int, byte: int) -> None:
    damaged = bytearray(REPORT)
    damaged[position] = byte
    found = read(bytes(damaged))
    assert (found.samples_ns is None) == (found.status is not Status.DONE)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"samples": pack([2**62])}, "cannot be true"),
        ({"samples": pack([2**62] * 4)}, "cannot be true"),
        ({"samples": pack([800_000_000] * 2)}, "take 1.600 s, the process 1.500 s"),
        ({"samples": pack([0, 5])}, "0 ns"),
        ({"samples": pack([-1])}, "negative"),
        ({"samples": ""}, "without samples"),
        ({"samples": "AAAA"}, "not a plausible number"),
        ({"samples": "a" * (8_000_001 * 32 // 3)}, "not a plausible number"),
        ({"init_ns": -1}, "negative"),
        ({"peak_rss_kib": 0}, "memory"),
        ({"evidence": None}, "malformed"),
    ],
)
def test_numbers_that_cannot_be_true_are_an_error(fields: dict[str, Any], words: str) -> None:
    found = read(changed(**fields))
    assert (found.status, found.samples_ns) == (Status.FAILED, None)
    assert words in found.error


def test_samples_of_a_memory_pass_and_a_timing_pass_without_are_errors() -> None:
    assert read(REPORT, Purpose.MEMORY).status is Status.FAILED
    without = {name: value for name, value in C_RESULT.items() if name not in ("samples", "warmup")}
    assert "without samples" in read(lines(C_HELLO, without)).error


def test_how_a_process_ended_is_the_status() -> None:
    assert read(b"", offline=True).status is Status.OFFLINE
    assert read(b"", cancelled=True, offline=True).status is Status.INTERRUPTED
    assert read(b"", returncode=-9, oom=True).status is Status.OOM
    assert read(b"", returncode=-11).status is Status.CRASHED
    assert read(b"", timed_out=True, returncode=-9).status is Status.TIMEOUT
    found = read(b"", returncode=126, stderr=b"sh: harness-runner: Exec format error\n")
    assert (found.status, "another processor" in found.error, "Exec format" in found.error) == (
        Status.FAILED,
        True,
        True,
    )
    assert "loader" in read(b"", returncode=127, stderr=b"sh: No such file or directory\n").error
    assert "cannot execute" in read(b"", returncode=1, stderr=b"runner[1]: syntax error: unexpected '@'\n").error
    assert "exit code 3" in read(b"", returncode=3).error


def test_a_wrong_mask_is_not_verified_whoever_saw_it() -> None:
    assert read(REPORT).evidence.cpus_verified
    other = read(changed(evidence={**RESULT["evidence"], "cpus": [0, 1]})).evidence
    assert not other.cpus_verified
    assert "asked for CPU 1, ran on 0,1" in other.notes
    assert not read(REPORT, observed=Observed(cpus=(0,))).evidence.cpus_verified
    assert read(REPORT, observed=Observed(cpus=(1,))).evidence.cpus_verified


def test_gpu_memory_is_what_the_device_accounts() -> None:
    assert read(REPORT).gpu_memory_mib is None
    assert read(REPORT, observed=Observed(cpus=(1,), gpu_memory_kib=3072)).gpu_memory_mib == 3.0


def test_evidence_takes_temperatures_from_the_device_and_the_window_from_the_runner() -> None:
    own = Evidence(cpus=(7,), cpus_verified=True, clock_source="time_in_state", clock_start_ghz=2.8, foreign_load=0.1)
    device = Evidence(
        clock_source="scaling_cur_freq",
        clock_start_ghz=2.0,
        temp_start_c=31.0,
        thermal_status=1,
        battery_pct=80.0,
        foreign_load=0.5,
        notes=("device",),
    )
    merged = merge_evidence(own, device)
    assert (merged.clock_source, merged.clock_start_ghz, merged.foreign_load) == ("scaling_cur_freq", 2.0, 0.1)
    assert (merged.temp_start_c, merged.thermal_status, merged.battery_pct) == (31.0, 1, 80.0)
    assert (merged.cpus_verified, merged.notes) == (True, ("device",))
    chain = merge_evidence(replace(own, clock_source="add_chain", clock_share=0.5), device)
    assert (chain.clock_source, chain.clock_start_ghz, chain.clock_share) == ("scaling_cur_freq", 2.0, None)
    blind = merge_evidence(replace(own, clock_end_ghz=2.8, clock_share=0.9), replace(device, clock_source=None))
    assert (blind.clock_start_ghz, blind.clock_end_ghz, blind.clock_share) == (2.8, 2.8, 0.9)
    assert not merge_evidence(replace(own, cpus_verified=False), replace(device, cpus_verified=True)).cpus_verified


def test_the_command_line_is_one_argument_a_flag() -> None:
    files = Files("/r", "/l", "/data/-rf; $(x) ü\n.tflite", delegate="/d")
    argv = runner_argv(request(backend=Backend("external")), (6, 7), files, (("a", "b c:d"),))
    assert "--model=/data/-rf; $(x) ü\n.tflite" in argv
    assert {"--cpus=6,7", "--delegate=external", "--delegate-option=a:b c:d"} <= set(argv)


# ---- outputs at the wire ---------------------------------------------------------------------------------------------


def test_a_program_that_tells_of_outputs_it_does_not_have_is_an_error(tmp_path: Path) -> None:
    tensor = {"name": "t", "dtype": "float32", "shape": [1, 8, 8, 1], "scale": 0.0, "zero_point": 0}
    kept = {name: value for name, value in C_RESULT.items() if name not in ("samples", "warmup")}
    outputs = [{**tensor, "shape": [1, 3]}]
    report = lines(C_HELLO, {**kept, "output_samples": 2, "inputs": [tensor], "outputs": outputs})
    np.save(tmp_path / "in.npy", np.zeros((2, 8, 8, 1), np.float32))
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    for size, words in ((None, "No such file"), (23, "23 bytes of outputs"), (25, "25 bytes of outputs")):
        body = f"""
            import sys
            target = next(a for a in sys.argv if a.startswith("--outputs="))[10:]
            if {size!r} is not None:
                open(target, "wb").write(bytes({size or 0}))
            sys.stdout.buffer.write({report!r})
            """
        liar = program(tmp_path / "liar", body)
        found = runtime(program_path=liar).invoke(on_core(Purpose.OUTPUTS, **paths), Event())
        assert found.status is Status.FAILED
        assert words in found.error, found.error
        assert not (tmp_path / "out.npy").exists()


def test_chunks_are_the_inputs_in_order(tmp_path: Path) -> None:
    inputs = np.arange(7 * 6, dtype=np.float32).reshape(7, 2, 3)
    seen = [(c.begin, c.end, np.fromfile(c.path, "<f4")) for c in raw_chunks(inputs, tmp_path, chunk_bytes=60)]
    assert [(begin, end) for begin, end, _ in seen] == [(0, 2), (2, 4), (4, 6), (6, 7)]
    assert np.array_equal(np.concatenate([part for _, _, part in seen]), inputs.ravel())
    assert list(tmp_path.iterdir()) == []


def test_an_output_file_is_there_only_when_whole(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    np.arange(6, dtype="<f4").tofile(raw)
    file = OutputFile(tmp_path / "out.npy", 3)
    file.add(raw, (1, 3), 2)
    with pytest.raises(Exception, match="2 outputs came back of 3"):
        file.close()
    assert {path.name for path in tmp_path.iterdir()} == {"raw"}
    file = OutputFile(tmp_path / "out.npy", 2)
    file.add(raw, (1, 3), 2)
    file.close()
    assert np.load(tmp_path / "out.npy").tolist() == [[0, 1, 2], [3, 4, 5]]


# ---- a device that is lost -------------------------------------------------------------------------------------------


class LostDevice(HostDevice):
    """The host, with a cable that is pulled at the first transfer, or that refuses it otherwise."""

    error: HarnessError = DeviceOfflineError("adb-1 does not answer")

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeviceOfflineError("adb-1 does not answer"), Status.OFFLINE),
        (InvocationTimeoutError("no answer within 30 s"), Status.TIMEOUT),
        (StorageFullError("no room on the phone"), Status.FAILED),
    ],
)
def test_what_stops_the_copying_is_the_invocation_s_matter_not_the_case_s(error: HarnessError, status: Status) -> None:
    options = (("library", str(litert_library())), ("runner", str(runner())))
    device = LostDevice(vulkan=lambda: ())
    device.error = error
    subject = DeviceRunner(device, RuntimeRef("device_runner", options=options))
    case = Case(ModelRef("m"), "float32", backend=Backend(cores=(CPU,)))
    assert subject.unsupported_reason(case) is None
    found = subject.invoke(on_core(), Event())
    assert (found.status, found.error) == (status, error.what)


class WatchedDevice(HostDevice):
    """The host, that remembers what it was asked to watch."""

    watches: list[Watch | None]

    def run(self, argv: tuple[str, ...], **kwargs: Any) -> ProcessResult:
        self.watches = [*getattr(self, "watches", []), kwargs.pop("watch", None)]
        return super().run(argv, **kwargs)


def test_memory_is_polled_in_the_memory_pass_only() -> None:
    device = WatchedDevice(vulkan=lambda: ())
    options = (("library", str(litert_library())), ("runner", str(runner())))
    subject = DeviceRunner(device, RuntimeRef("device_runner", options=options))
    for purpose in (Purpose.TIMING, Purpose.MEMORY):
        assert subject.invoke(on_core(purpose), Event()).status is Status.DONE
    assert device.watches == [Watch((CPU,), memory=False), Watch((CPU,), memory=True)]
