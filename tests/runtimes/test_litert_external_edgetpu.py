"""The Edge TPU without pycoral: a stand-in for libedgetpu, which is a real delegate, in the real LiteRT."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from harness.domain import Backend, Case, Coverage, InvocationResult, ModelRef, Purpose, RuntimeRef, Status
from harness.runtimes.litert import LiteRt
from tests.edgetpu.pythons import python_with
from tests.edgetpu.sticks import STICK, HostWithTpu, put_holder, put_stick
from tests.external_delegate.build import delegate, libedgetpu, library
from tests.runtimes.wire import MODELS, QUICK, host, request

pytest.importorskip("ai_edge_litert")
from tests.edgetpu.embedded import embed

FEW = replace(QUICK, min_s=0.01, min_iterations=3, warmup_min_s=0.0, warmup_max_s=0.02)
STOCK = "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "int8_edgetpu.tflite"
    path.write_bytes(embed((MODELS / "int8.tflite").read_bytes(), partial=True))
    return path


def backend(path: Path | str) -> Backend:
    return Backend("edgetpu", options=(("library", str(path)),))


def reason(path: Path | str, runtime: LiteRt | None = None) -> str:
    case = Case(ModelRef("m"), "edgetpu", backend=backend(path))
    return (runtime or LiteRt(HostWithTpu())).unsupported_reason(case) or ""


def run(
    model: Path, path: Path | str, device: HostWithTpu | None = None, purpose: Purpose = Purpose.TIMING, **fields: Any
) -> InvocationResult:
    asked = request(model, purpose, backend(path), FEW, **fields)
    return LiteRt(device or HostWithTpu()).invoke(asked, Event())


# ---- what works ------------------------------------------------------------------------------------------------------


def test_a_row_as_pycoral_would_give_it(tmp_path: Path, compiled: Path) -> None:
    path = libedgetpu(tmp_path, f"usb={STICK}")
    assert reason(path) == ""
    result = run(compiled, path)
    assert result.status is Status.DONE, result.error
    assert result.coverage == Coverage("EDGETPU", 1, 2, 1)
    assert result.accelerator == "Edge TPU over USB"
    hashed = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8]
    assert result.runtime_version.endswith(f", libedgetpu (runtime 14) {hashed}")
    assert result.first_inference_us is not None
    notes = " | ".join(result.evidence.notes)
    assert "libedgetpu.so.1: BuildLabel(COMPILER=stand-in" in notes
    assert "libedgetpu.so.1 took 1 of 2 nodes in 1 partition; of the rest XNNPACK ran 1" in notes
    assert f"Edge TPU at {STICK}" in notes


def test_the_delegate_computes(tmp_path: Path, compiled: Path) -> None:
    """The stand-in's operator repeats the bytes of its input, and the model's other operator changes none of them."""
    inputs = np.random.default_rng(4).random((3, 8, 8, 1)).astype(np.float32)
    np.save(tmp_path / "in.npy", inputs)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    result = run(compiled, libedgetpu(tmp_path, f"usb={STICK}"), HostWithTpu(tpu_path=""), Purpose.OUTPUTS, **paths)
    assert result.status is Status.DONE, result.error
    outputs = np.load(tmp_path / "out.npy")
    first = inputs.reshape(3, -1)[:, :3]
    assert np.corrcoef(outputs.ravel(), first.ravel())[0, 1] > 0.99


def test_the_stick_is_the_one_in_the_port_whatever_libedgetpu_calls_it(tmp_path: Path, compiled: Path) -> None:
    path = libedgetpu(tmp_path, "usb=/sys/bus/usb/devices/1-7", f"usb={STICK}")
    result = run(compiled, path, HostWithTpu("usb:0", STICK))
    assert result.status is Status.DONE, result.error
    assert f"stand-in: opens {STICK}\n" in result.log
    assert any(f"Edge TPU at {STICK}" in note for note in result.evidence.notes)


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_stick_that_is_not_listed_is_offline(tmp_path: Path, compiled: Path) -> None:
    for device in (HostWithTpu(), HostWithTpu("usb:1", "")):
        result = run(compiled, libedgetpu(tmp_path, "usb=/sys/bus/usb/devices/1-7"), device)
        assert result.status is Status.OFFLINE, result.error
        assert "there is no Edge TPU usb:" in result.error


def test_a_stick_that_is_lost_during_inferences_is_offline(tmp_path: Path, compiled: Path) -> None:
    result = run(compiled, libedgetpu(tmp_path, f"usb={STICK}", "gone_after=2"))
    assert result.status is Status.OFFLINE, result.error
    assert "was lost" in result.error


def test_a_busy_stick_names_the_process_that_has_it(tmp_path: Path, compiled: Path) -> None:
    root = tmp_path / "root"
    put_holder(root, put_stick(root))
    elsewhere = f"import edgetpu_system, pathlib\nedgetpu_system.ROOT = pathlib.Path({str(root)!r})\n"
    runtime = LiteRt(HostWithTpu(), RuntimeRef(python=python_with(tmp_path / "python", before=elsewhere)))
    asked = request(compiled, Purpose.TIMING, backend(libedgetpu(tmp_path, f"usb={STICK}", "busy")), FEW)
    result = runtime.invoke(asked, Event())
    assert result.status is Status.FAILED, result.error
    assert "frigate (process 4321)" in result.error


def test_a_model_that_is_not_compiled_is_seen_in_its_coverage(tmp_path: Path) -> None:
    result = run(MODELS / "int8.tflite", libedgetpu(tmp_path, f"usb={STICK}"))
    assert result.status is Status.DONE, result.error
    assert result.coverage == Coverage("EDGETPU", 0, 4, 0)


def test_a_delegate_that_leaves_the_compiled_operator_is_told(compiled: Path) -> None:
    asked = Backend("external", options=(("path", str(delegate())), ("take", "add")))
    result = LiteRt(host()).invoke(request(compiled, backend=asked, measure=FEW), Event())
    assert result.status is Status.FAILED
    assert "left the operator of a model that was compiled for the Edge TPU" in result.error


# ---- known beforehand ------------------------------------------------------------------------------------------------


def test_a_pair_that_crashes_is_named_before_it_does(tmp_path: Path) -> None:
    found = reason(libedgetpu(tmp_path, f"version={STOCK}"))
    assert "is known to crash (SIGSEGV)" in found
    assert "ai_edge_litert" in found


def test_a_missing_library_says_how_to_get_it(tmp_path: Path) -> None:
    assert "no/such.so' is not a file; correct `library`" in reason("/no/such.so")
    missing = reason("libedgetpu-of-no-machine.so.1")
    assert "cannot open shared object file" in missing
    assert "install libedgetpu1-std" in missing


def test_a_library_that_crashes_when_it_is_loaded_is_told(tmp_path: Path) -> None:
    source = tmp_path / "crash.c"
    source.write_text("__attribute__((constructor)) static void crash(void) { *(volatile int *)8 = 1; }\n")
    assert "ended by SIGSEGV" in reason(library("libcrash.so", "-Wno-error", source=str(source)))


def test_an_edge_tpu_has_no_other_backend() -> None:
    case = Case(ModelRef("m"), "int8", backend=Backend())
    assert "no cpu backend; it has edgetpu" in (LiteRt(HostWithTpu()).unsupported_reason(case) or "")
