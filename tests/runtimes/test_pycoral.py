"""The real runner script as a process, with the stand-in of pycoral in its interpreter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from harness.domain import Backend, Case, InvocationRequest, InvocationResult, ModelRef, Purpose, RuntimeRef, Status
from harness.errors import UsageError
from harness.runtimes.base import InputChunk
from harness.runtimes.litert import LiteRt
from harness.runtimes.pycoral import Pycoral
from harness.runtimes.registry import open_runtime
from tests.edgetpu.pythons import python_with, standin_python
from tests.edgetpu.sticks import MODULE, STICK, HostWithTpu, put_holder, put_module, put_stick
from tests.runtimes.wire import HELLO, MODELS, QUICK, host, program, request

pytest.importorskip("ai_edge_litert")
from tests.edgetpu.embedded import embed

EDGETPU = Backend("edgetpu")
CASE = Case(ModelRef("m"), "edgetpu", backend=EDGETPU)
STOCK = "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)"
FEW = replace(QUICK, min_s=0.01, min_iterations=5, warmup_min_s=0.01, warmup_min_iterations=2)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "int8_edgetpu.tflite"
    path.write_bytes(embed((MODELS / "int8.tflite").read_bytes()))
    return path


def pycoral(folder: Path, device: HostWithTpu | None = None, root: Path | None = None, **behaviour: Any) -> Pycoral:
    # Without a root of its own a test shows an empty one: this machine may have an Edge TPU.
    python = standin_python(folder / "python", root=root or folder / "empty", **behaviour)
    return Pycoral(device or HostWithTpu(), RuntimeRef("pycoral", python=python))


def run(runtime: Pycoral, model: Path, purpose: Purpose = Purpose.TIMING, **fields: Any) -> InvocationResult:
    return runtime.invoke(asked(model, purpose, **fields), Event())


def asked(model: Path, purpose: Purpose = Purpose.TIMING, **fields: Any) -> InvocationRequest:
    return request(model, purpose, EDGETPU, **{"measure": FEW, **fields})


# ---- what works ------------------------------------------------------------------------------------------------------


def test_timing_with_the_first_inference_apart(tmp_path: Path, compiled: Path) -> None:
    root = tmp_path / "root"
    put_stick(root, speed="480")
    result = run(pycoral(tmp_path, root=root, slow_first_s=0.2), compiled)
    assert result.status is Status.DONE, result.error
    assert result.first_inference_us is not None
    assert result.first_inference_us >= 200_000
    assert result.samples_ns is not None
    assert result.samples_ns.size >= FEW.min_iterations
    assert int(result.samples_ns.max()) < 200_000_000
    assert result.warmup_ns is not None
    assert result.init_us is not None
    assert result.timed == "call+read"
    coverage = result.coverage
    assert coverage is not None
    assert (coverage.delegate, coverage.kind, coverage.partitions) == ("EDGETPU", "full", 1)
    assert result.evidence.cpus_verified
    assert result.accelerator == "Edge TPU over USB"
    assert result.runtime_version.startswith("pycoral 2.0.0, libedgetpu (runtime 14), ai_edge_litert ")
    notes = " | ".join(result.evidence.notes)
    assert f"Edge TPU at {STICK}" in notes
    assert "USB at 480 Mbit/s: each inference waits longer" in notes
    assert "tells no temperature" in notes


def test_the_temperature_of_a_module_and_what_its_driver_does_at_it(tmp_path: Path, compiled: Path) -> None:
    root = tmp_path / "root"
    put_module(root, temp="90100")
    module = {"type": "pci", "path": MODULE}
    runtime = pycoral(tmp_path, HostWithTpu("pci:0", MODULE), root, devices=[module], opens="pci:0")
    evidence = run(runtime, compiled).evidence
    assert (evidence.temp_start_c, evidence.temp_end_c, evidence.thermal_status) == (90.1, 90.1, 2)
    notes = " | ".join(evidence.notes)
    assert "PCIe link at 5.0 GT/s PCIe, x1" in notes
    assert "over 2 of its trip points (84.8, 89.8, 94.8 C): its driver lowers the clock to 125 of 500 MHz" in notes


def test_of_several_the_one_in_the_port_computes_whatever_its_number_is_now(tmp_path: Path, compiled: Path) -> None:
    sticks = [{"type": "usb", "path": path} for path in ("/sys/bus/usb/devices/3-2", STICK)]
    result = run(pycoral(tmp_path, devices=sticks, opens="usb:1"), compiled)
    assert result.status is Status.DONE, result.error
    assert f"Edge TPU at {STICK}" in result.evidence.notes


def test_outputs_are_those_of_the_model(tmp_path: Path, compiled: Path) -> None:
    np.save(tmp_path / "in.npy", np.random.default_rng(7).random((9, 8, 8, 1), dtype=np.float32))
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    result = run(pycoral(tmp_path), compiled, Purpose.OUTPUTS, **paths)
    assert result.status is Status.DONE, result.error
    assert result.samples_ns is None
    got = np.load(tmp_path / "out.npy")
    reference = LiteRt(host()).invoke(request(MODELS / "int8.tflite", Purpose.OUTPUTS, **paths), Event())
    assert reference.status is Status.DONE, reference.error
    assert np.abs(got - np.load(tmp_path / "out.npy")).max() < 0.01


def test_a_data_set_goes_through_one_process(tmp_path: Path, compiled: Path) -> None:
    chunks = [InputChunk(number, np.full((3, 8, 8, 1), number / 4, np.float32)) for number in range(3)]
    taken: dict[int, tuple[int, ...]] = {}
    result = pycoral(tmp_path).stream(
        asked(compiled, Purpose.ACCURACY),
        chunks,
        lambda number, outputs: taken.update({number: outputs[0].shape}),
        Event(),
    )
    assert result.status is Status.DONE, result.error
    assert taken == {0: (3, 3), 1: (3, 3), 2: (3, 3)}


def test_memory_and_a_profile_without_times(tmp_path: Path) -> None:
    model = tmp_path / "partial_edgetpu.tflite"
    model.write_bytes(embed((MODELS / "int8.tflite").read_bytes(), partial=True))
    runtime = pycoral(tmp_path)
    memory = run(runtime, model, Purpose.MEMORY)
    assert memory.status is Status.DONE, memory.error
    assert memory.peak_rss_mib is not None
    profile = run(runtime, model, Purpose.PROFILE)
    assert profile.status is Status.DONE, profile.error
    assert any("no operator times: an Edge TPU" in note for note in profile.evidence.notes)
    assert {(item.name, item.kernel, item.total_us) for item in profile.operators} == {
        ("edgetpu-custom-op", "EDGETPU", 0.0),
        ("QUANTIZE", "built-in", 0.0),
    }
    assert profile.coverage is not None
    assert (profile.coverage.kind, profile.coverage.delegated_nodes, profile.coverage.total_nodes) == ("partial", 1, 2)


def test_a_model_that_was_not_compiled_took_nothing(tmp_path: Path) -> None:
    result = run(pycoral(tmp_path), MODELS / "int8.tflite")
    assert result.status is Status.DONE, result.error
    assert result.coverage is not None
    assert (result.coverage.kind, result.coverage.delegated_nodes) == ("none", 0)


# ---- devices that fail -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        ({"drop_after": 3}, Status.OFFLINE, "the Edge TPU usb:0 was lost: Failed to execute request"),
        ({"drop_after": 3, "drop_how": "abort"}, Status.OFFLINE, "left the bus during an inference"),
        ({"devices": []}, Status.OFFLINE, f"there is no Edge TPU usb:0 {STICK}"),
        ({"open": "refused"}, Status.OFFLINE, f"usb:0 was listed and is gone ({STICK})"),
        ({"library": "missing"}, Status.UNSUPPORTED, "install libedgetpu1-std"),
        ({"segv": "open"}, Status.CRASHED, "SIGSEGV; with pycoral 2.0.0, libedgetpu (runtime 14), ai_edge_litert "),
        ({"segv": "invoke", "runtime": STOCK}, Status.CRASHED, "is known to crash (SIGSEGV)"),
        ({"invoke_error": "unresolved custom op. Did you"}, Status.UNSUPPORTED, "libedgetpu and ai_edge_litert"),
        (
            {
                "invoke_error": "Failed precondition: Package requires runtime version (14), which is newer than this "
                "runtime version (13).Node number 2 (EdgeTpuDelegateForCustomOp) failed to prepare."
            },
            Status.UNSUPPORTED,
            "compile it with min_runtime_version 13",
        ),
        ({"invoke_error": "Node number 3 (GATHER) failed to invoke."}, Status.FAILED, "cannot run the model: Node"),
    ],
)
def test_every_failure_is_a_row(
    tmp_path: Path, compiled: Path, behaviour: dict[str, Any], status: Status, words: str
) -> None:
    result = run(pycoral(tmp_path, **behaviour), compiled)
    assert (result.status, words in result.error, result.samples_ns) == (status, True, None), result.error


@pytest.mark.parametrize("how", ["error", "abort"])
def test_one_that_leaves_in_the_middle_of_a_data_set(tmp_path: Path, compiled: Path, how: str) -> None:
    taken: list[int] = []
    chunks = (InputChunk(number, np.zeros((3, 8, 8, 1), np.float32)) for number in range(9))
    result = pycoral(tmp_path, drop_after=7, drop_how=how).stream(
        asked(compiled, Purpose.ACCURACY), chunks, lambda number, _: taken.append(number), Event()
    )
    assert result.status is Status.OFFLINE, result.error
    assert taken == [0, 1]


def test_a_hang_ends_at_the_deadline(tmp_path: Path, compiled: Path) -> None:
    result = run(pycoral(tmp_path, hang="open"), compiled, measure=replace(FEW, timeout_s=1.5))
    assert (result.status, "after 1.5 s" in result.error) == (Status.TIMEOUT, True)


def test_one_that_came_back_is_measured_again(tmp_path: Path, compiled: Path) -> None:
    runtime = pycoral(tmp_path, drop_after=3, once=str(tmp_path / "dropped"))
    assert [run(runtime, compiled).status for _ in range(2)] == [Status.OFFLINE, Status.DONE]


def test_who_holds_it_is_named(tmp_path: Path, compiled: Path) -> None:
    root = tmp_path / "root"
    put_holder(root, put_stick(root))
    result = run(pycoral(tmp_path, root=root, open="refused"), compiled)
    assert result.status is Status.FAILED
    assert "used by frigate (process 4321)" in result.error


def test_one_without_firmware_says_what_to_pass_on(tmp_path: Path, compiled: Path) -> None:
    root = tmp_path / "root"
    put_stick(root, vendor="1a6e", product="089a")
    result = run(pycoral(tmp_path, root=root, open="refused"), compiled)
    assert (result.status, "both 1a6e:089a and 18d1:9302" in result.error) == (Status.OFFLINE, True)


def test_a_device_that_the_kernel_has_and_libedgetpu_does_not_open(tmp_path: Path, compiled: Path) -> None:
    root = tmp_path / "root"
    put_stick(root)
    result = run(pycoral(tmp_path, root=root, open="refused"), compiled)
    assert (result.status, "a process of another user may hold it" in result.error) == (Status.FAILED, True)


# ---- interpreters that are not what they should be -------------------------------------------------------------------


def reason(python: str, case: Case = CASE) -> str:
    return Pycoral(HostWithTpu(), RuntimeRef("pycoral", python=python)).unsupported_reason(case) or ""


def test_what_an_interpreter_offers(tmp_path: Path) -> None:
    runtime = pycoral(tmp_path)
    assert runtime.unsupported_reason(CASE) is None
    hello = runtime.hello
    assert not isinstance(hello, str)
    assert hello.edgetpu is not None
    assert hello.edgetpu.devices == (f"usb {STICK}",)
    assert hello.edgetpu.known_crash is None


def test_a_pair_that_is_known_to_crash_is_named_before_it_does(tmp_path: Path) -> None:
    runtime = pycoral(tmp_path, runtime=STOCK, segv="open")
    assert "is known to crash (SIGSEGV)" in (runtime.unsupported_reason(CASE) or "")


def test_a_crash_at_import_stays_in_the_child_and_names_the_pair(tmp_path: Path) -> None:
    root = tmp_path / "root"
    status = root / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text("Package: libedgetpu1-max\nStatus: install ok installed\nVersion: 16.0\n\n")
    said = reason(standin_python(tmp_path / "python", root=root, segv="import"))
    assert "SIGSEGV" in said
    assert "installed there: libedgetpu1-max 16.0, ai_edge_litert " in said
    assert "fits TensorFlow Lite up to 2.11.1" in said


def test_the_other_pycoral_is_recognised_without_importing_it(tmp_path: Path) -> None:
    package = tmp_path / "pycoral"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('this asks for your account')\n")
    said = reason(python_with(tmp_path / "python", tmp_path))
    assert str(package) in said
    assert "Allen Coral Atlas" in said
    assert "https://google-coral.github.io/py-repo/" in said


def test_no_pycoral_and_no_numpy(tmp_path: Path) -> None:
    assert "no pycoral is installed" in reason(python_with(tmp_path / "bare"))
    assert "no pycoral is installed" in str(run(Pycoral(HostWithTpu()), MODELS / "int8.tflite").error)
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError(\"No module named 'numpy'\", name='numpy')\n")
    standin = Path(__file__).parents[1] / "edgetpu" / "pycoral_standin"
    assert "-m pip install 'numpy<2'" in reason(python_with(tmp_path / "none", tmp_path, standin))


def test_something_else_than_an_interpreter(tmp_path: Path, compiled: Path) -> None:
    assert "correct `runtime.pycoral.python`" in reason("/no/such/python")
    assert "did not answer as an interpreter with pycoral" in reason("/bin/true")
    line = json.dumps({**HELLO, "protocol": 2})
    assert "speaks protocol 2" in reason(program(tmp_path / "new", f"print({line!r})"))
    result = run(Pycoral(HostWithTpu(), RuntimeRef("pycoral", python="/no/such/python")), compiled)
    assert result.status is Status.UNSUPPORTED


def test_cases_for_other_runtimes() -> None:
    assert "no cpu backend" in reason("/bin/true", Case(ModelRef("m"), "int8"))
    assert "core 4096" in reason("/bin/true", replace(CASE, backend=Backend("edgetpu", cores=(4096,))))


def test_the_registry_opens_it_on_an_edge_tpu_only(tmp_path: Path) -> None:
    assert isinstance(open_runtime(RuntimeRef("pycoral"), HostWithTpu(), cache_dir=tmp_path), Pycoral)
    with pytest.raises(UsageError, match="drives an Edge TPU"):
        open_runtime(RuntimeRef("pycoral"), host(), cache_dir=tmp_path)
