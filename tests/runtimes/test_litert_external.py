"""A real external delegate in the real LiteRT: what it computes, what is said of it, and whatever it does wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from harness.domain import Backend, Case, Coverage, InvocationResult, ModelRef, Purpose, RuntimeRef, Status
from harness.runtimes.base import InputChunk
from harness.runtimes.litert import LiteRt
from tests.external_delegate.build import compiler, delegate, library
from tests.runtimes.wire import MODELS, QUICK, host, interpreter_with, request

pytest.importorskip("ai_edge_litert")

HERE = LiteRt(host())
SHORT = replace(QUICK, min_s=0.01, min_iterations=3, warmup_min_s=0.0, warmup_max_s=0.02)
TWO_INPUTS = MODELS / "two_inputs.tflite"  # ADD(x, MUL(y, constant))


def backend(path: Path | str = "", **options: str) -> Backend:
    return Backend("external", options=(("path", str(path or delegate())), *options.items()))


def run(
    model: Path = TWO_INPUTS, purpose: Purpose = Purpose.TIMING, timeout_s: float = 60.0, **options: str
) -> InvocationResult:
    asked = request(model, purpose, backend(**options), replace(SHORT, timeout_s=timeout_s))
    return HERE.invoke(asked, Event())


def reason(asked: Backend, runtime: LiteRt = HERE) -> str:
    return runtime.unsupported_reason(Case(ModelRef("m"), "float32", backend=asked)) or ""


# ---- what it took ----------------------------------------------------------------------------------------------------

NAME = "external libtestdelegate.so"


@pytest.mark.parametrize(
    ("model", "options", "counts", "said"),
    [
        (TWO_INPUTS, {"take": "add,mul"}, (2, 2, 1), "took 2 of 2 nodes in 1 partition"),
        (TWO_INPUTS, {"take": "add,mul", "partitions": "single"}, (2, 2, 2), "took 2 of 2 nodes in 2 partitions"),
        (TWO_INPUTS, {"take": "add"}, (1, 2, 1), "of the rest XNNPACK ran 1 and other CPU kernels 0 (the library's"),
        (TWO_INPUTS, {"take": "add", "rest": "xnnpack"}, (1, 2, 1), "XNNPACK ran 1 and other CPU kernels 0 (rest: xnn"),
        (TWO_INPUTS, {"take": "add", "rest": "builtin"}, (1, 2, 1), "XNNPACK ran 0 and other CPU kernels 1 (rest: bui"),
        (MODELS / "int8.tflite", {"take": "reshape", "tensors": "fixed"}, (1, 4, 1), "took 1 of 4 nodes in 1 part"),
        (TWO_INPUTS, {"take": "nothing"}, (0, 2, 0), "took 0 of 2 nodes in 0 partitions; of the rest XNNPACK ran 2"),
    ],
)
def test_coverage_is_the_delegates_own(
    model: Path, options: dict[str, str], counts: tuple[int, int, int], said: str
) -> None:
    result = run(model, **options)
    assert result.status is Status.DONE, result.error
    assert result.coverage == Coverage(NAME, *counts)
    assert any(said in note for note in result.evidence.notes), result.evidence.notes
    assert result.runtime_version.startswith("ai_edge_litert ")
    assert ", libtestdelegate.so " in result.runtime_version
    assert result.samples_ns is not None
    assert result.evidence.cpus_verified


def test_it_really_computes(tmp_path: Path) -> None:
    inputs = np.random.default_rng(3).standard_normal((7, 8)).astype(np.float32)
    np.save(tmp_path / "in.npy", inputs)
    outputs = []
    for name, asked in (("cpu", Backend()), ("own", backend(take="add,mul")), ("part", backend(take="mul"))):
        paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / f"{name}.npy")}
        result = HERE.invoke(request(TWO_INPUTS, Purpose.OUTPUTS, asked, **paths), Event())
        assert result.status is Status.DONE, result.error
        outputs.append(np.load(tmp_path / f"{name}.npy"))
    assert np.abs(outputs[0]).max() > 0.1
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-6)
    np.testing.assert_allclose(outputs[2], outputs[0], rtol=1e-6)


def test_chunks_of_a_data_set_go_through_it_too() -> None:
    inputs = np.random.default_rng(5).random((2, 3, 8, 8, 1), dtype=np.float32)
    taken: dict[str, list[np.ndarray]] = {"own": [], "cpu": []}
    for name, asked in (("own", backend(take="reshape")), ("cpu", Backend())):
        result = HERE.stream(
            request(MODELS / "float32.tflite", Purpose.ACCURACY, asked),
            [InputChunk(index, chunk) for index, chunk in enumerate(inputs)],
            lambda index, outputs, name=name: taken[name].append(outputs[0]),  # type: ignore[misc]
            Event(),
        )
        assert result.status is Status.DONE, result.error
        assert result.coverage == (Coverage(NAME, 1, 4, 1) if name == "own" else Coverage("XNNPACK", 4, 4, 1))
    assert len(taken["own"]) == 2
    np.testing.assert_allclose(np.concatenate(taken["own"]), np.concatenate(taken["cpu"]), atol=1e-6)


def test_a_profile_tells_the_delegates_operators_from_the_cpus() -> None:
    result = run(purpose=Purpose.PROFILE, take="add")
    assert result.status is Status.DONE, result.error
    assert {(item.name, item.kernel) for item in result.operators} == {("ADD", NAME), ("MUL", "CPU")}


def test_loading_the_delegate_is_part_of_the_start() -> None:
    result = run(take="add", slow_create_ms="300")
    assert result.init_us is not None, result.error
    assert result.init_us > 300_000


# ---- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"fail": "create"}, Status.FAILED, "libtestdelegate.so made no delegate of its options, saying: told to fail"),
        ({"fail": "create", "message": ""}, Status.FAILED, "made no delegate of its options, without saying why"),
        ({"speed": "11"}, Status.FAILED, "saying: unknown option speed"),
        ({"take": "add", "fail": "prepare"}, Status.FAILED, "cannot load the model with libtestdelegate.so: told to"),
        ({"take": "add", "fail": "kernel"}, Status.FAILED, "told to fail"),
        ({"take": "add", "fail": "invoke"}, Status.FAILED, "an inference failed with libtestdelegate.so: told to fail"),
        ({"crash": "create"}, Status.CRASHED, "SIGSEGV"),
        ({"take": "add", "crash": "invoke"}, Status.CRASHED, ", libtestdelegate.so "),
        ({"take": "add", "hang": "invoke"}, Status.TIMEOUT, "no result after 1 s"),
        ({"hang": "create"}, Status.TIMEOUT, "no result after 1 s"),
    ],
)
def test_whatever_a_delegate_does_is_a_row(options: dict[str, str], status: Status, words: str) -> None:
    result = run(timeout_s=1.0 if status is Status.TIMEOUT else 60.0, **options)
    assert (result.status, words in result.error) == (status, True), result.error
    assert "Traceback" not in result.log
    assert result.samples_ns is None


def test_a_library_that_is_no_delegate_leaves_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "half.c").write_text("void *tflite_plugin_create_delegate(void) { return 0; }\n")
    (tmp_path / "other.c").write_text("int nothing;\n")
    needs = ("-Wl,--no-as-needed", f"-L{tmp_path}", "-lgone")
    plain = library("libplain.so", source=str(tmp_path / "other.c"))
    shutil.copy(plain, tmp_path / "libgone.so")
    unfinished = library("libunfinished.so", *needs, source=str(tmp_path / "half.c"))
    half = library("libhalf.so", "-fvisibility=default", source=str(tmp_path / "half.c"))
    for path, words in (
        (tmp_path / "none.so", "none.so: cannot open shared object file"),
        (plain, "does not export tflite_plugin_create_delegate"),
        (half, "does not export tflite_plugin_destroy_delegate"),
        (unfinished, "libgone.so: cannot open shared object file"),
    ):
        result = HERE.invoke(request(TWO_INPUTS, backend=backend(path), measure=SHORT), Event())
        assert (result.status, words in result.error) == (Status.UNSUPPORTED, True), result.error
        assert "Traceback" not in result.log
        assert "Exception ignored" not in result.log


def test_libraries_beside_the_delegate_are_found_in_their_folder(tmp_path: Path) -> None:
    (tmp_path / "more.c").write_text("int more(void) { return 1; }\n")
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(library("libmore.so", "-fvisibility=default", source=str(tmp_path / "more.c")), more)
    needs = ("-Wl,--no-as-needed", f"-L{more}", "-lmore")
    path = library("libneedsmore.so", *needs)
    asked = request(TWO_INPUTS, backend=backend(path, take="add"), measure=SHORT)
    assert "libmore.so: cannot open shared object file" in HERE.invoke(asked, Event()).error
    asked = request(TWO_INPUTS, backend=backend(path, take="add", libraries=str(more)), measure=SHORT)
    result = HERE.invoke(asked, Event())
    assert result.status is Status.DONE, result.error


# ---- known beforehand ------------------------------------------------------------------------------------------------


def test_cases_with_an_external_delegate_are_judged_beforehand() -> None:
    compiler()
    assert reason(backend(take="add")) == ""
    assert "is not a file" in reason(backend("/no/such.so"))
    assert "needs the option path" in reason(Backend("external"))
    assert "no edgetpu backend; it has cpu, gpu, external" in reason(Backend("edgetpu"))


def test_a_library_that_takes_no_delegates_is_told(tmp_path: Path) -> None:
    python = interpreter_with(tmp_path, "tflite_runtime", "class Interpreter(object):\n    pass\n")
    hidden = "raise ImportError('hidden')\n"
    interpreter_with(tmp_path, "ai_edge_litert", hidden)
    runtime = LiteRt(host(), RuntimeRef(python=python))
    assert "cannot load external delegates" in reason(backend(), runtime)
