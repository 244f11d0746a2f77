from __future__ import annotations

import errno
import os
import shutil
import signal
import struct
import threading
import time
from pathlib import Path

import pytest

from harness.devices.base import ProcessResult
from harness.domain import EdgeTpuCompiler, Status
from harness.prepare.edgetpu import compile as compiling
from harness.prepare.edgetpu.compile import Compiled, CompileRequest, compile_models
from harness.prepare.edgetpu.proof import is_compiled
from tests.edgetpu.embedded import embed, extract
from tests.edgetpu.fake_compiler import install
from tests.inspect.models import island

MODELS = Path(__file__).parents[2] / "data" / "models"
INT8 = MODELS / "int8.tflite"


class Bench:
    """A folder with the stand-in of the compiler, and what is compiled there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.out, self._patch = folder, folder / "out", monkeypatch
        self.command = str(install(folder))
        self.pauses: list[float] = []
        self.cancel = threading.Event()

    def compile(self, mode: str, *models: Path, **settings: object) -> tuple[Compiled, ...]:
        self._patch.setenv("EDGETPU_COMPILER_MODE", mode)
        asked = EdgeTpuCompiler(**{"command": self.command, **settings})  # type: ignore[arg-type]
        request = CompileRequest(models or (INT8,), self.out, asked)
        return compile_models(request, cancel=self.cancel, sleep=self.pauses.append)

    def one(self, mode: str, *models: Path, **settings: object) -> Compiled:
        [result] = self.compile(mode, *models, **settings)
        assert not list(self.out.glob("compile-*")), "nothing is left behind"
        return result


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


# ---- what succeeds ---------------------------------------------------------------------------------------------------


def test_a_model_is_compiled_and_proven(bench: Bench) -> None:
    result = bench.one("success")
    assert (result.status, result.reason) == (Status.DONE, "")
    assert result.path == bench.out / "int8_edgetpu.tflite"
    assert extract(result.path.read_bytes()) == INT8.read_bytes()
    assert result.mapping is not None
    assert (result.mapping.mapped, result.mapping.on_cpu, result.mapping.subgraphs) == (4, 0, 1)
    assert (result.mapping.compiler_version, result.mapping.min_runtime_version) == ("16.0.384591198", "14")
    assert "Model compiled successfully" in result.log
    assert result.seconds > 0


def test_a_partly_mapped_model_is_done_and_says_what_stays(bench: Bench) -> None:
    result = bench.one("partial")
    assert result.status is Status.DONE
    assert result.reason.startswith("1 of 4 operators stay on the CPU: 1 CONV_2D (Operation is otherwise supported")
    assert result.mapping is not None
    assert (result.mapping.mapped, result.mapping.on_cpu) == (3, 1)


@pytest.mark.slow
def test_version_15_prints_other_lines(bench: Bench) -> None:
    result = bench.one("version15")
    assert result.status is Status.DONE
    assert result.mapping is not None
    assert result.mapping.compiler_version == "15.0.340273435"


def test_an_internal_error_that_goes_away_is_tried_again(bench: Bench) -> None:
    result = bench.one("internal_error_once")
    assert result.status is Status.DONE
    assert "attempt 2" in result.reason
    assert bench.pauses == [2.0]


def test_models_are_compiled_together(bench: Bench) -> None:
    other = shutil.copyfile(INT8, bench.folder / "other.tflite")
    first, second = bench.compile("success", INT8, other)
    assert (first.status, second.status) == (Status.DONE, Status.DONE)
    assert first.log == second.log
    assert "Models compiled successfully" in first.log
    assert first.mapping is not None
    assert second.mapping is not None
    assert first.mapping.together == second.mapping.together == ("int8", "other")


@pytest.mark.slow
def test_files_of_one_name_are_told_apart_and_hostile_names_reach_nothing(bench: Bench) -> None:
    models = []
    for folder, name in (("a", "m"), ("b", "m"), ("c", "-o $(touch owned);é")):
        (bench.folder / folder).mkdir()
        models.append(shutil.copyfile(INT8, bench.folder / folder / f"{name}.tflite"))
    results = bench.compile("success", *models)
    assert [one.status for one in results] == [Status.DONE] * 3
    assert [one.path.name for one in results if one.path] == [
        "m_edgetpu.tflite",
        "m_2_edgetpu.tflite",
        "o___touch_owned____edgetpu.tflite",
    ]
    assert not (bench.folder / "owned").exists()


@pytest.mark.slow
def test_a_pipeline_gives_its_segments(bench: Bench) -> None:
    result = bench.one("success", num_segments=2)
    assert (result.status, result.path) == (Status.DONE, None)
    assert [path.name for path in result.segments] == [
        "int8_segment_0_of_2_edgetpu.tflite",
        "int8_segment_1_of_2_edgetpu.tflite",
    ]
    assert all(path.exists() for path in result.segments)
    assert result.mapping is not None
    assert result.mapping.subgraphs == 2


@pytest.mark.slow
def test_a_search_that_fails_first(bench: Bench) -> None:
    result = bench.one("success", search_delegate=True, search_step=2, intermediate_tensors=("a;b",))
    assert result.status is Status.DONE
    assert "Searching for valid delegate with step 2" in result.log


@pytest.mark.slow
def test_a_template_runs_it_elsewhere(bench: Bench) -> None:
    wrapper = bench.folder / "on other host.sh"
    wrapper.write_text(f'#!/bin/sh\ntest -d "$1" || exit 9\nshift\nexec "{bench.command}" "$@"\n', encoding="utf-8")
    result = bench.one("success", command=f"sh '{wrapper}' {{folder}} {{arguments}}")
    assert result.status is Status.DONE, result.reason


@pytest.mark.slow
def test_an_older_result_is_replaced_only_by_a_good_one(bench: Bench) -> None:
    path = bench.one("success").path
    assert path is not None
    before = path.read_bytes()
    assert bench.one("nothing").status is Status.FAILED
    assert path.read_bytes() == before


# ---- what needs no compiler ------------------------------------------------------------------------------------------


def test_a_compiled_model_is_used_as_it_is(bench: Bench) -> None:
    path = bench.folder / "given_edgetpu.tflite"
    path.write_bytes(embed(INT8.read_bytes(), partial=True, runtime_version=13))
    result = bench.one("crash", path, command="no such compiler")
    assert (result.status, result.path) == (Status.DONE, path)
    assert result.reason.startswith("compiled already, used as it is; it needs version 13 of the Edge TPU runtime")
    assert result.mapping is not None
    assert (result.mapping.mapped, result.mapping.on_cpu, result.mapping.subgraphs) == (None, 1, 1)


def test_a_compiled_model_for_a_newer_runtime_than_asked(bench: Bench) -> None:
    path = bench.folder / "given_edgetpu.tflite"
    path.write_bytes(embed(INT8.read_bytes(), runtime_version=14))
    result = bench.one("success", path, min_runtime_version=13)
    assert (result.status, result.path) == (Status.FAILED, None)
    assert "needs version 14 of the Edge TPU runtime, and 13 was asked for" in result.reason


@pytest.mark.slow
def test_a_compiled_model_that_does_not_say_its_runtime(bench: Bench) -> None:
    path = bench.folder / "given_edgetpu.tflite"
    path.write_bytes(embed(INT8.read_bytes(), runtime_version=0))
    result = bench.one("success", path, min_runtime_version=13)
    assert result.status is Status.DONE
    assert "known only when it runs" in result.reason


def test_a_float_model_is_refused_before_the_compiler_is_called(bench: Bench) -> None:
    result = bench.one("crash", MODELS / "float32.tflite")
    assert result.status is Status.UNSUPPORTED
    assert "input `serving_default_image:0` is float32" in result.reason
    assert result.log == ""


@pytest.mark.slow
def test_models_beside_a_bad_one_are_compiled(bench: Bench) -> None:
    missing = bench.folder / "missing.tflite"
    results = bench.compile("success", MODELS / "float32.tflite", INT8, missing)
    assert [one.status for one in results] == [Status.UNSUPPORTED, Status.DONE, Status.FAILED]
    assert "No such file" in results[2].reason
    mapping = results[1].mapping
    assert mapping is not None
    assert mapping.together == ()


def test_a_compiler_that_is_not_there(bench: Bench) -> None:
    result = bench.one("success", command="edgetpu_compiler_of_nobody")
    assert result.status is Status.FAILED
    assert "not on PATH" in result.reason
    assert "apt repository" in result.reason


# ---- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "status", "said"),
    [
        ("nothing", Status.FAILED, "nothing is mapped to the Edge TPU (1 CONV_2D: Operation is otherwise supported"),
        ("crash", Status.CRASHED, "SIGSEGV"),
        ("disk_full", Status.FAILED, "the disk is full"),
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in (
                (
                    "empty_claim",
                    Status.FAILED,
                    "says that it mapped 4 operators, but the file has no edgetpu-custom-op",
                ),
                ("lying", Status.FAILED, "int8_edgetpu.tflite cannot be used: the model file cannot be read"),
                ("truncated", Status.FAILED, "int8_edgetpu.tflite cannot be used: the model is damaged"),
                ("other_outputs", Status.FAILED, "has other outputs than its source: int8 1x1 instead of int8 1x3"),
                ("invalid_model", Status.FAILED, "is not quantized"),
                ("wrong_arch", Status.FAILED, "not for this processor"),
                ("timeout", Status.TIMEOUT, "gave up at its own timeout"),
                ("garbage", Status.FAILED, "nothing that edgetpu_compiler prints"),
                ("silent", Status.FAILED, "neither success nor failure"),
                ("op_version", Status.FAILED, "version 6 of CONV_2D"),
            )
        ),
    ],
)
def test_each_failure_is_a_row_with_its_reason(bench: Bench, mode: str, status: Status, said: str) -> None:
    result = bench.one(mode)
    assert (result.status, result.path) == (status, None)
    assert said in result.reason
    assert not list(bench.out.glob("*.tflite"))


@pytest.mark.slow
def test_an_internal_error_that_stays_is_tried_three_times(bench: Bench) -> None:
    result = bench.one("internal_error")
    assert result.status is Status.FAILED
    assert "at each of 3 attempts" in result.reason
    assert bench.pauses == [2.0, 10.0]


def test_what_a_failed_attempt_wrote_does_not_count_for_the_next(bench: Bench) -> None:
    answers = ["Internal compiler error. Aborting! ", "Model compiled successfully in 1 ms.\nCompilation succeeded! "]

    def run(argv: tuple[str, ...], timeout_s: float, cancel: threading.Event) -> ProcessResult:
        if "--version" in argv:
            return ProcessResult(0, b"Edge TPU Compiler version 16.0.384591198\n", b"", 0.1)
        if len(answers) == 2:
            (Path(argv[argv.index("-o") + 1]) / "int8_edgetpu.tflite").write_bytes(embed(INT8.read_bytes()))
        return ProcessResult(0, answers.pop(0).encode(), b"", 0.5)

    request = CompileRequest((INT8,), bench.out, EdgeTpuCompiler(command=bench.command))
    [result] = compile_models(request, cancel=bench.cancel, run=run, sleep=bench.pauses.append)
    assert result.status is Status.FAILED
    assert "int8_edgetpu.tflite cannot be used" in result.reason
    assert result.seconds == 1.0


@pytest.mark.slow
def test_the_operators_that_are_the_cause_are_named_where_nothing_was_mapped(bench: Bench) -> None:
    result = bench.one("nothing", MODELS / "full_integer.tflite")
    assert "(1 QUANTIZE: Operation is otherwise supported" in result.reason
    assert "; not 8-bit: input `serving_default_image:0` is float32; output" in result.reason


@pytest.mark.slow
def test_a_file_that_needs_a_newer_runtime_than_was_asked_for(bench: Bench) -> None:
    result = bench.one("runtime", min_runtime_version=13)
    assert result.status is Status.FAILED
    assert "needs version 14 of the Edge TPU runtime, and 13 was asked for" in result.reason


@pytest.mark.slow
def test_models_that_fail_together_name_each_other(bench: Bench) -> None:
    other = island(bench.folder / "island.tflite")
    results = bench.compile("invalid_model", INT8, other)
    assert results[0].reason.startswith("compiled together with island.tflite: ")
    assert results[1].reason.startswith("compiled together with int8.tflite: ")


def test_a_program_of_another_architecture(bench: Bench) -> None:
    foreign = bench.folder / "foreign"
    machine_of_nobody = 0xFFF0
    header = struct.pack(
        "<4sBBBBQHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 2, machine_of_nobody, 1, 0, 64, 0, 0, 64, 56, 0, 64, 0, 0
    )
    foreign.write_bytes(header)
    foreign.chmod(0o755)
    result = bench.one("success", command=str(foreign))
    assert result.status is Status.FAILED
    assert "Exec format error" in result.reason
    assert "over ssh or in a container" in result.reason


def test_a_compiler_that_hangs_is_killed_with_its_children(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    book = bench.folder / "pids"
    monkeypatch.setenv("EDGETPU_COMPILER_PIDS", str(book))
    monkeypatch.setattr(compiling, "GRACE_S", 0.0)
    result = bench.one("hang", timeout_s=1.0)
    assert result.status is Status.TIMEOUT
    assert "was killed" in result.reason
    assert all(gone(int(pid)) for pid in book.read_text(encoding="utf-8").split())


def gone(pid: int) -> bool:
    """Whether a process ended; one that nobody has waited for yet did."""
    for _ in range(500):
        try:
            if ") Z" in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8"):
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_cancelling_kills_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    book = bench.folder / "pids"
    monkeypatch.setenv("EDGETPU_COMPILER_PIDS", str(book))

    def cancel_when_it_runs() -> None:
        while not book.exists():
            time.sleep(0.01)
        bench.cancel.set()

    watcher = threading.Thread(target=cancel_when_it_runs)
    watcher.start()
    result = bench.one("hang")
    watcher.join()
    assert result.status is Status.INTERRUPTED


def test_nothing_is_started_when_it_is_cancelled_already(bench: Bench) -> None:
    bench.cancel.set()
    assert bench.one("crash").status is Status.INTERRUPTED


def test_a_full_disk_at_our_own_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    result = bench.one("success")
    assert result.status is Status.FAILED
    assert "is full. Free space there" in result.reason


@pytest.mark.slow
def test_a_folder_that_cannot_be_made(bench: Bench) -> None:
    bench.out.write_text("a file", encoding="utf-8")
    [result] = bench.compile("success")
    assert result.status is Status.FAILED
    assert "out: File exists" in result.reason


@pytest.mark.slow
def test_the_same_model_twice_is_one_compilation(bench: Bench) -> None:
    first, second = bench.compile("success", INT8, INT8)
    assert first == second
    assert first.path is not None
    assert is_compiled(first.path)


@pytest.mark.slow
def test_a_signal_behind_a_shell(bench: Bench) -> None:
    result = bench.one("success", command=f'sh -c "kill -{int(signal.SIGSEGV)} $$ # {{arguments}}"')
    assert result.status is Status.CRASHED
