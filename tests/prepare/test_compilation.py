"""`edgetpu` variants: the int8 file compiled by a stand-in of ``edgetpu_compiler``, from the cache the second time."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.domain import EdgeTpuCompiler, ModelRef, Status, VariantFile
from harness.prepare import prepare
from harness.prepare.compilation import LOG_FILE
from harness.prepare.converters import Toolbox
from tests.prepare.conftest import FakeWorker
from tests.prepare.test_engine import OPTIMIZATION, RECIPE, TOOLS

pytest.importorskip("ai_edge_litert", reason="compiled files are read by LiteRT's schema")

MODELS = Path(__file__).parent.parent / "data" / "models"
FAKE_COMPILER = Path(__file__).parent.parent / "edgetpu" / "fake_compiler.py"
REAL_INT8 = {f"convert {name}": "model" for name in ("int8", "qat", "pruned+int8")}
VERSION = "16.0.384591198"


class Compiler:
    """The stand-in as a command that writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self.path = folder / "edgetpu_compiler"
        called = f'echo "$@" >> {shlex.quote(str(self._calls))}'
        self.path.write_text(f'#!/bin/sh\n{called}\nexec {sys.executable} {shlex.quote(str(FAKE_COMPILER))} "$@"\n')
        self.path.chmod(0o755)

    def settings(self, **others: Any) -> EdgeTpuCompiler:
        return EdgeTpuCompiler(command=str(self.path), **others)

    @property
    def compiled(self) -> list[list[str]]:
        """The models of each compilation; questions for the version do not count."""
        calls = self._calls.read_text().splitlines() if self._calls.exists() else []
        models = [[Path(word).stem for word in call.split() if word.endswith(".tflite")] for call in calls]
        return [names for names in models if names]


@pytest.fixture
def compiler(tmp_path: Path) -> Compiler:
    return Compiler(tmp_path)


@pytest.fixture
def ref(tmp_path: Path) -> ModelRef:
    (tmp_path / "net.py").write_text(RECIPE)
    return ModelRef("net", file=str(tmp_path / "net.py"))


@pytest.fixture
def given(tmp_path: Path) -> Callable[[str, bytes], ModelRef]:
    """A model file of a name; what is appended makes its content another, and changes nothing else."""

    def make(name: str, appended: bytes = b"") -> ModelRef:
        path = tmp_path / f"{name}.tflite"
        path.write_bytes((MODELS / "int8.tflite").read_bytes() + appended)
        return ModelRef(name, file=str(path))

    return make


Run = Callable[..., tuple[VariantFile, ...]]


@pytest.fixture
def run(tmp_path: Path, compiler: Compiler) -> Run:
    worker = FakeWorker(tmp_path, REAL_INT8)

    def call(refs: Sequence[ModelRef], variants: Sequence[str], **settings: Any) -> tuple[VariantFile, ...]:
        given: dict[str, Any] = {
            "cache_dir": tmp_path / "cache",
            "jobs": 2,
            "timeout_s": 30.0,
            "tools": Toolbox(TOOLS | OPTIMIZATION),
            "worker": worker.command,
            "edgetpu": compiler.settings(),
        }
        return prepare(refs, variants, **(given | settings))

    return call


def _given_int8(tmp_path: Path) -> tuple[str, ...]:
    """A worker for int8 files of the user."""
    return FakeWorker(tmp_path, REAL_INT8 | {"source": "int8"}).command


def test_the_int8_file_is_compiled_and_is_a_row_only_where_it_was_asked_for(run: Run, ref: ModelRef) -> None:
    said: list[str] = []
    (row,) = run([ref], ["edgetpu"], on_progress=said.append)
    assert (row.variant, row.status, row.converter) == ("edgetpu", Status.DONE, f"edgetpu_compiler {VERSION}")
    assert f"net edgetpu: compiling (edgetpu_compiler {VERSION})" in said
    assert row.edgetpu is not None
    assert (row.edgetpu.compiler_version, row.edgetpu.subgraphs, row.edgetpu.on_cpu) == (VERSION, 1, 0)
    content = Path(row.path or "").read_bytes()
    assert b"edgetpu-custom-op" in content
    assert row.size_bytes == len(content)
    int8, again = run([ref], ["int8", "edgetpu"])
    assert (int8.variant, int8.cached, again.cached) == ("int8", True, True)
    assert (again.check_path, again.own_outputs_path) == (int8.check_path, int8.own_outputs_path)
    assert (again.inputs, again.outputs, again.data_needed) == (int8.inputs, int8.outputs, "representative")
    assert (again.hardware, again.source_error) == (("Edge TPU",), None)
    assert int8.edgetpu is None
    assert again.sha256 != int8.sha256
    assert again.reduction_pct == pytest.approx(100 - 100 * again.size_bytes / 400)


def test_the_second_time_the_compiler_is_not_called(run: Run, ref: ModelRef, compiler: Compiler) -> None:
    first = run([ref], ["edgetpu", "qat+edgetpu", "pruned+edgetpu"])
    assert [row.variant for row in first] == ["edgetpu", "qat+edgetpu", "pruned+edgetpu"]
    assert [(row.status, row.technique) for row in first] == [
        (Status.DONE, technique) for technique in ("", "qat", "pruned")
    ]
    calls = len(compiler.compiled)
    second = run([ref], ["edgetpu", "qat+edgetpu", "pruned+edgetpu"])
    assert len(compiler.compiled) == calls
    assert all(row.cached for row in second)
    assert [row.edgetpu for row in second] == [row.edgetpu for row in first]
    log = Path(second[0].path or "").with_name(LOG_FILE).read_text(encoding="utf-8")
    assert f"Edge TPU Compiler version {VERSION}" in log


@pytest.mark.slow
def test_other_settings_and_another_version_compile_again(
    run: Run, ref: ModelRef, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run([ref], ["edgetpu"])
    assert run([ref], ["edgetpu"], edgetpu=compiler.settings(timeout_s=99.0))[0].cached
    assert not run([ref], ["edgetpu"], edgetpu=compiler.settings(several_subgraphs=True))[0].cached
    monkeypatch.setenv("EDGETPU_COMPILER_MODE", "version15")
    other = Compiler(_folder(compiler.path.parent / "other"))
    row = run([ref], ["edgetpu"], edgetpu=other.settings())[0]
    assert not row.cached
    assert row.converter.startswith("edgetpu_compiler 15.")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_what_stays_on_the_cpu_is_said_in_the_row(run: Run, ref: ModelRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGETPU_COMPILER_MODE", "partial")
    (row,) = run([ref], ["edgetpu"])
    assert row.status is Status.DONE
    assert row.edgetpu is not None
    assert row.edgetpu.on_cpu
    assert "on the CPU" in row.reason
    assert run([ref], ["edgetpu"])[0].reason == row.reason


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        ("nothing", Status.FAILED),
        ("crash", Status.CRASHED),
        pytest.param("wrong_arch", Status.FAILED, marks=pytest.mark.slow),
        pytest.param("disk_full", Status.FAILED, marks=pytest.mark.slow),
        pytest.param("garbage", Status.FAILED, marks=pytest.mark.slow),
    ],
)
def test_a_compiler_that_fails_costs_its_own_row_and_nothing_is_kept(
    run: Run, ref: ModelRef, monkeypatch: pytest.MonkeyPatch, mode: str, status: Status
) -> None:
    monkeypatch.setenv("EDGETPU_COMPILER_MODE", mode)
    int8, row = run([ref], ["int8", "edgetpu"])
    assert int8.status is Status.DONE
    assert (row.status, row.path) == (status, None)
    assert row.reason
    monkeypatch.setenv("EDGETPU_COMPILER_MODE", "success")
    assert run([ref], ["edgetpu"])[0].status is Status.DONE


def test_without_a_compiler_the_row_says_where_to_get_it(run: Run, ref: ModelRef) -> None:
    rows = run([ref], ["int8", "edgetpu"], edgetpu=EdgeTpuCompiler(command="no-such-compiler"))
    assert [row.status for row in rows] == [Status.DONE, Status.FAILED]
    assert rows[1].reason.startswith("no-such-compiler is not on PATH. Install edgetpu-compiler")


def test_what_could_not_be_quantized_is_not_compiled(tmp_path: Path, run: Run, ref: ModelRef) -> None:
    failing = FakeWorker(tmp_path, {"convert int8": "unsupported"}).command
    (row,) = run([ref], ["edgetpu"], worker=failing)
    assert (row.status, row.reason) == (
        Status.UNSUPPORTED,
        "the int8 file that it is compiled of: planned unsupported",
    )
    broken = FakeWorker(tmp_path, {"source": "fail"}).command
    anew = {"worker": broken, "cache_dir": tmp_path / "anew"}
    assert [row.reason for row in run([ref], ["edgetpu", "qat+edgetpu"], **anew)] == ["planned fail"] * 2


def test_a_technique_that_fails_is_the_reason_of_its_compiled_row(tmp_path: Path, run: Run, ref: ModelRef) -> None:
    worker = FakeWorker(tmp_path, REAL_INT8 | {"source qat": "fail"}).command
    rows = run([ref], ["edgetpu", "qat+edgetpu"], worker=worker)
    assert [row.status for row in rows] == [Status.DONE, Status.FAILED]
    assert rows[1].reason == "the qat file that it is compiled of: planned fail"


def test_a_file_that_is_not_integer_is_refused_before_the_compiler_is_called(
    tmp_path: Path, run: Run, compiler: Compiler
) -> None:
    (tmp_path / "float.tflite").write_bytes((MODELS / "float32.tflite").read_bytes())
    model = ModelRef("float", file=str(tmp_path / "float.tflite"))
    (row,) = run([model], ["edgetpu"], worker=_given_int8(tmp_path))
    assert row.status is Status.UNSUPPORTED
    assert "no operator of the model computes in 8-bit integers" in row.reason
    assert compiler.compiled == []


def test_a_users_int8_file_is_compiled(tmp_path: Path, run: Run, given: Callable[..., ModelRef]) -> None:
    rows = run([given("mine")], ["edgetpu", "float32"], worker=_given_int8(tmp_path))
    assert [row.status for row in rows] == [Status.DONE, Status.UNSUPPORTED]
    assert rows[0].weights == "trained"  # as the source says


def test_a_file_that_is_compiled_already_is_used_as_it_is(
    tmp_path: Path, run: Run, compiler: Compiler, ref: ModelRef
) -> None:
    compiled = tmp_path / "compiled.tflite"
    compiled.write_bytes(Path(run([ref], ["edgetpu"])[0].path or "").read_bytes())
    calls = len(compiler.compiled)
    model = ModelRef("compiled", file=str(compiled))
    rows = run([model], ["edgetpu", "int8", "qat+edgetpu"])
    assert [row.status for row in rows] == [Status.DONE, Status.UNSUPPORTED, Status.UNSUPPORTED]
    assert rows[1].reason == "the file is compiled for the Edge TPU; it can only be used as edgetpu"
    assert (rows[0].converter, rows[0].check_path, rows[0].data_path) == ("given file", None, None)
    assert rows[0].edgetpu is not None
    assert rows[0].edgetpu.subgraphs == 1
    assert [tensor.dtype for tensor in rows[0].inputs] == ["int8"]
    assert Path(rows[0].path or "").read_bytes() == compiled.read_bytes()
    assert not rows[0].cached
    assert run([model], ["edgetpu"])[0].cached
    assert len(compiler.compiled) == calls
    damaged = ModelRef("damaged", file=str(tmp_path / "damaged.tflite"))
    Path(damaged.file or "").write_bytes(compiled.read_bytes()[:200] + b"edgetpu-custom-op")
    assert run([damaged], ["edgetpu", "int8"])[0].status is Status.FAILED


@pytest.mark.slow
def test_segments_are_kept_and_the_row_says_where(run: Run, ref: ModelRef, compiler: Compiler) -> None:
    settings = compiler.settings(num_segments=2)
    (row,) = run([ref], ["edgetpu"], edgetpu=settings)
    assert (row.status, row.path) == (Status.UNSUPPORTED, None)
    assert "a pipeline over 2 Edge TPUs is not driven" in row.reason
    folder = Path(row.reason.rpartition(" ")[2])
    assert sorted(path.name for path in folder.glob("*.tflite")) == ["segment_0_of_2.tflite", "segment_1_of_2.tflite"]
    calls = len(compiler.compiled)
    assert run([ref], ["edgetpu"], edgetpu=settings)[0].reason == row.reason
    assert len(compiler.compiled) == calls


# ---- co-compilation --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_models_are_compiled_together_in_their_order(
    tmp_path: Path, run: Run, compiler: Compiler, given: Callable[..., ModelRef]
) -> None:
    (tmp_path / "float.tflite").write_bytes((MODELS / "float32.tflite").read_bytes())
    refused = ModelRef("float", file=str(tmp_path / "float.tflite"))
    models = [given("one"), given("two", b"\0")]
    settings = compiler.settings(together=True)
    rows = run([models[0], refused, models[1]], ["int8", "edgetpu"], worker=_given_int8(tmp_path), edgetpu=settings)
    compiled = [row for row in rows if row.variant == "edgetpu" and row.model != "float"]
    assert {row.status for row in compiled} == {Status.DONE}
    assert rows[3].status is Status.UNSUPPORTED
    assert [row.edgetpu.together for row in compiled if row.edgetpu] == [("one", "two")] * 2
    assert compiled[0].converter == f"edgetpu_compiler {VERSION} (together: one, two)"
    assert compiler.compiled == [["one", "two"]]
    again = run(models, ["edgetpu"], worker=_given_int8(tmp_path), edgetpu=settings)
    assert all(row.cached for row in again)
    alone = run(models, ["edgetpu"], worker=_given_int8(tmp_path))
    assert not any(row.cached for row in alone)
    assert [row.edgetpu.together for row in alone if row.edgetpu] == [(), ()]
    assert compiler.compiled[1:] in ([["one"], ["two"]], [["two"], ["one"]])


@pytest.mark.slow
def test_a_model_that_cannot_be_compiled_does_not_take_the_others_down(
    tmp_path: Path, run: Run, compiler: Compiler, given: Callable[..., ModelRef]
) -> None:
    """The stand-in refuses the call with several models, and takes each alone."""
    script = compiler.path.read_text(encoding="utf-8")
    several = 'case "$*" in *one.tflite*two.tflite*) echo "Invalid model: one.tflite"; exit 1;; esac\n'
    compiler.path.write_text(script.replace("exec ", f"{several}exec "), encoding="utf-8")
    (tmp_path / "float.tflite").write_bytes((MODELS / "float32.tflite").read_bytes())
    models = [given("one"), ModelRef("float", file=str(tmp_path / "float.tflite")), given("two", b"\0")]
    said: list[str] = []
    rows = run(
        models,
        ["edgetpu"],
        worker=_given_int8(tmp_path),
        edgetpu=compiler.settings(together=True, timeout_s=5.0),
        on_progress=said.append,
    )
    assert [row.status for row in rows] == [Status.DONE, Status.UNSUPPORTED, Status.DONE]
    assert rows[0].converter == f"edgetpu_compiler {VERSION} (alone: its co-compilation failed)"
    assert any("co-compilation failed" in text for text in said)
    assert compiler.compiled[-2:] == [["one"], ["two"]]


# ---- cancel ----------------------------------------------------------------------------------------------------------


def test_a_cancel_ends_the_compiler(
    run: Run, ref: ModelRef, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGETPU_COMPILER_MODE", "hang")
    cancel = threading.Event()

    def cancel_when_compiling() -> None:
        while not compiler.compiled:
            time.sleep(0.02)
        cancel.set()

    thread = threading.Thread(target=cancel_when_compiling)
    thread.start()
    rows = run([ref], ["int8", "edgetpu"], cancel=cancel)
    thread.join()
    assert [row.status for row in rows] == [Status.DONE, Status.INTERRUPTED]


def test_what_was_compiled_is_still_there_when_the_compiler_is_not(run: Run, ref: ModelRef, compiler: Compiler) -> None:
    """A build host that is down for a night takes no row of the Edge TPU with it."""
    (before,) = run([ref], ["edgetpu"])
    compiler.path.unlink()
    (after,) = run([ref], ["edgetpu"])
    assert (after.status, after.cached, after.path) == (Status.DONE, True, before.path)
    (anew,) = run([ref], ["edgetpu"], edgetpu=compiler.settings(min_runtime_version=13))
    assert anew.status is Status.FAILED
    assert "is not on this host" in anew.reason
