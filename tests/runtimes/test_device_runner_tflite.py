"""The program on the TensorFlow Lite C API, which here is a stand-in library written in C: it checks how it is called.

No real libtensorflowlite_c.so is at hand; what a real one computes is not shown here.
"""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

from harness.devices.base import ProcessResult
from harness.domain import Backend, Purpose, Status
from harness.runtimes.device_runner_result import read_result
from tests.runtimes.runner_program import CPU, error, lines, litert_library, result, run, shared_library
from tests.runtimes.wire import MODELS, request

MODEL = f"--model={MODELS / 'float32.tflite'}"
QUICK = ("--min-s=0.02", "--warmup-min-s=0.01", "--warmup-max-s=0.2")


def library(*flags: str) -> Path:
    return shared_library("stand_in_tflite.c", *flags)


def plugin(*options: str) -> tuple[str, ...]:
    path = shared_library("stand_in_delegate.c")
    return ("--delegate=external", f"--delegate-library={path}", *(f"--delegate-option={text}" for text in options))


def test_hello_tells_the_librarys_version() -> None:
    (hello,) = lines(run("--purpose=hello", library=library()))
    assert (hello["api"], hello["version"]) == ("tflite", "2.14.0")


def test_outputs_and_names_come_through(tmp_path: Path) -> None:
    inputs = np.arange(12, dtype=np.float32).reshape(3, 4)
    inputs.tofile(tmp_path / "in.raw")
    flags = (f"--inputs={tmp_path / 'in.raw'}", f"--outputs={tmp_path / 'out.raw'}")
    found = result("--purpose=outputs", "--delegate=builtin", MODEL, *flags, library=library())
    assert np.array_equal(np.fromfile(tmp_path / "out.raw", np.float32).reshape(3, 4), 2 * inputs + 1)
    assert found["inputs"][0]["name"] == 'x "\ufffd\n'
    assert found["coverage"] is None  # this API does not tell


def test_timing_runs_on_it() -> None:
    found = result("--purpose=timing", "--delegate=builtin", MODEL, f"--cpus={CPU}", *QUICK, library=library())
    assert found["evidence"]["cpus_verified"]
    assert any("too short for the timer" in note for note in found["evidence"]["notes"])


@pytest.mark.parametrize(
    "flags", [("-DXNNPACK", '-DVERSION="2.14.0"'), ("-DOLD_XNNPACK", '-DVERSION="2.6.0"')], ids=["wide", "old"]
)
def test_xnnpack_options_of_any_size_keep_their_defaults(flags: tuple[str, ...]) -> None:
    result("--purpose=memory", MODEL, "--threads=2", library=library(*flags))


def test_a_library_without_xnnpack_says_so() -> None:
    kind, message = error("--purpose=memory", MODEL, library=library())
    assert (kind, "exports no XNNPACK" in message) == ("unsupported", True)


def test_reference_kernels_and_a_gpu_are_unsupported() -> None:
    assert error("--purpose=memory", MODEL, "--delegate=reference", library=library())[0] == "unsupported"
    kind, message = error("--purpose=memory", MODEL, "--delegate=gpu", library=library())
    assert (kind, "no GPU delegate is exported" in message) == ("unsupported", True)


# ---- plugins ---------------------------------------------------------------------------------------------------------


def test_a_plugin_gets_its_options_with_colons_in_values() -> None:
    result("--purpose=memory", MODEL, *plugin("mode:fast:est"), library=library())


def test_a_plugins_words_reach_the_error() -> None:
    kind, message = error("--purpose=memory", MODEL, *plugin("fail:no DSP: error 0x80000406"), library=library())
    assert (kind, "no DSP: error 0x80000406" in message) == ("unsupported", True)
    assert "gave no reason" in error("--purpose=memory", MODEL, *plugin("mode:slow"), library=library())[1]


def test_a_refused_delegate_is_told_with_the_librarys_words_and_destroyed() -> None:
    done = run("--purpose=memory", MODEL, *plugin("refuse:1"), library=library())
    last = lines(done)[-1]
    assert last["kind"] == "unsupported"
    assert "delegate 666 refused the graph" in last["message"]
    assert b"delegate destroyed" in done.stderr


def test_a_plugin_that_crashes_is_the_process_own_end() -> None:
    done = run("--purpose=memory", MODEL, *plugin("crash:1"), library=library())
    assert done.returncode == -signal.SIGSEGV
    process = ProcessResult(done.returncode, done.stdout, done.stderr, 1.0)
    found = read_result(process, request(purpose=Purpose.MEMORY), (CPU,))
    assert (found.status, "SIGSEGV" in found.error) == (Status.CRASHED, True)


def test_libraries_that_are_no_plugin_or_no_runtime_are_told() -> None:
    flags = ("--purpose=memory", MODEL, "--delegate=external")
    kind, message = error(*flags, "--delegate-library=/absent.so", library=library())
    assert (kind, "cannot be read" in message) == ("library", True)
    kind, message = error(*flags, f"--delegate-library={library()}", library=library())
    assert (kind, "is no external delegate" in message) == ("library", True)
    kind, message = error("--purpose=hello", library=shared_library("stand_in_delegate.c"))
    assert (kind, "neither the LiteRT nor the TensorFlow Lite C API" in message) == ("library", True)


def test_litert_takes_no_plugin() -> None:
    kind, message = error("--purpose=memory", MODEL, *plugin("mode:fast:est"), library=litert_library())
    assert (kind, "takes no external delegate" in message) == ("unsupported", True)


# ---- what the host makes of its log ----------------------------------------------------------------------------------


def read(*flags: str, backend: Backend, build: tuple[str, ...] = ()) -> tuple[Status, object, str]:
    done = run("--purpose=timing", MODEL, f"--cpus={CPU}", *QUICK, *flags, library=library(*build))
    process = ProcessResult(done.returncode, done.stdout, done.stderr, 5.0)
    found = read_result(process, request(backend=backend), (CPU,))
    return found.status, found.coverage, found.error


def test_coverage_comes_from_the_runtimes_log() -> None:
    status, coverage, _ = read(*plugin("mode:fast:est"), backend=Backend("external"))
    assert status is Status.DONE
    assert (coverage.delegated_nodes, coverage.total_nodes, coverage.partitions) == (2, 3, 2)  # type: ignore[attr-defined]
    assert coverage.kind == "partial"  # type: ignore[attr-defined]


def test_kernels_that_are_secretly_xnnpack_are_no_builtin_row() -> None:
    builtin = Backend(xnnpack=False)
    status, _, text = read("--delegate=builtin", backend=builtin, build=("-DDEFAULT_XNNPACK",))
    assert (status, "applies XNNPACK by itself" in text) == (Status.UNSUPPORTED, True)
    assert read("--delegate=builtin", backend=builtin)[0] is Status.DONE
