from __future__ import annotations

import shlex
import tempfile
import threading
from pathlib import Path

import pytest

from harness.devices.base import ProcessResult
from harness.domain import EdgeTpuCompiler
from harness.prepare.edgetpu.command import (
    Missing,
    Program,
    Versions,
    arguments_of,
    compiler_version,
    find_compiler,
)
from tests.edgetpu.fake_compiler import install

FOLDER = Path("/shared/place")
MODELS = (FOLDER / "a.tflite", FOLDER / "b.tflite")


def program(command: str) -> Program:
    found = find_compiler(EdgeTpuCompiler(command=command))
    assert isinstance(found, Program), found
    return found


def missing(command: str) -> Missing:
    found = find_compiler(EdgeTpuCompiler(command=command))
    assert isinstance(found, Missing), found
    return found


# ---- where it is -----------------------------------------------------------------------------------------------------


def test_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = install(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("edgetpu_compiler").words == (str(path),)


def test_not_on_path_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = missing("edgetpu_compiler")
    assert found.reason == "edgetpu_compiler is not on PATH"
    assert "apt repository" in found.remedy
    assert "not on PyPI" in found.remedy
    assert "container" in found.remedy


def test_a_path_with_spaces_is_one_word(tmp_path: Path) -> None:
    folder = tmp_path / "my tools"
    folder.mkdir()
    path = install(folder)
    assert program(str(path)).argv(("-s",), FOLDER) == (str(path), "-s")


def test_a_file_that_may_not_be_executed(tmp_path: Path) -> None:
    path = install(tmp_path)
    path.chmod(0o644)
    assert "chmod +x" in missing(str(path)).remedy


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    assert missing(str(tmp_path / "edgetpu_compiler")).reason.endswith("is not on this host")


@pytest.mark.parametrize("command", ["", "   "])
def test_no_command(command: str) -> None:
    assert "no command" in missing(command).reason


def test_quotation_marks_that_stay_open() -> None:
    assert "cannot be split" in missing('sh -c "edgetpu_compiler {arguments}').reason


def test_a_template_without_a_place_for_the_arguments() -> None:
    found = missing("sh edgetpu_compiler")
    assert "does not say where the compiler's arguments go" in found.reason
    assert "{arguments}" in found.remedy


# ---- templates -------------------------------------------------------------------------------------------------------


def test_arguments_of_a_template_are_words_of_their_own_and_meet_no_shell() -> None:
    argv = program("sh run.sh -v {folder}:{folder} edgetpu_compiler {arguments}").argv(("-i", "a b;c"), FOLDER)
    assert argv[1:] == ("run.sh", "-v", "/shared/place:/shared/place", "edgetpu_compiler", "-i", "a b;c")


def test_arguments_for_ssh_survive_the_shell_on_the_other_side() -> None:
    words = Program(("ssh", "build", "edgetpu_compiler", "{arguments}"), remote=True)
    argv = words.argv(("-i", "a;rm -rf /,b", "/x y.tflite"), FOLDER)
    assert shlex.split(" ".join(argv[2:])) == ["edgetpu_compiler", "-i", "a;rm -rf /,b", "/x y.tflite"]


def test_ssh_is_recognised(tmp_path: Path) -> None:
    path = install(tmp_path, "ssh")
    assert program(f"{path} build edgetpu_compiler {{arguments}}").remote


def test_arguments_inside_a_line_for_a_shell_are_quoted() -> None:
    argv = program('sh -c "cd {folder} && edgetpu_compiler {arguments}"').argv(("-i", "a;b c"), FOLDER)
    assert argv[1:] == ("-c", "cd /shared/place && edgetpu_compiler -i 'a;b c'")


def test_a_folder_with_a_space_is_one_word_for_the_shell_that_reads_the_line() -> None:
    folder = Path("/shared/my place")
    assert (
        program('sh -c "cd {folder} && compile {arguments}"').argv((), folder)[2].startswith("cd '/shared/my place' &&")
    )
    assert program("sh run.sh {folder} {arguments}").argv((), folder)[2] == "/shared/my place"


def test_an_argument_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    argv = program("sh run.sh {arguments}").argv(("{folder}", "{arguments}"), FOLDER)
    assert argv[2:] == ("{folder}", "{arguments}")


# ---- arguments -------------------------------------------------------------------------------------------------------


def test_the_table_the_folder_and_the_timeout_are_always_given() -> None:
    arguments = arguments_of(EdgeTpuCompiler(timeout_s=90.5), MODELS, FOLDER / "out")
    assert arguments == ("-s", "-o", "/shared/place/out", "-t", "91", *map(str, MODELS))


def test_every_setting_has_its_flag() -> None:
    settings = EdgeTpuCompiler(
        min_runtime_version=13,
        intermediate_tensors=("a;b", "c"),
        several_subgraphs=True,
        num_segments=2,
        search_delegate=True,
        search_step=10,
    )
    arguments = " ".join(arguments_of(settings, MODELS[:1], FOLDER))
    assert arguments == "-s -o /shared/place -t 180 -m 13 -i a;b,c -a -n 2 -d -k 10 /shared/place/a.tflite"


def test_older_compilers_are_not_given_a_timeout() -> None:
    assert "-t" not in arguments_of(EdgeTpuCompiler(), MODELS, FOLDER, "15.0.340273435")
    assert "-t" in arguments_of(EdgeTpuCompiler(), MODELS, FOLDER, "16.0.384591198")


# ---- its version -----------------------------------------------------------------------------------------------------


def test_the_version_is_asked_once(tmp_path: Path) -> None:
    calls: list[tuple[str, ...]] = []

    def run(argv: tuple[str, ...], timeout_s: float, cancel: threading.Event) -> ProcessResult:
        calls.append(argv)
        return ProcessResult(0, b"Edge TPU Compiler version 16.0.384591198\n", b"", 0.1)

    path, versions = install(tmp_path), Versions()
    for _ in range(3):
        assert compiler_version(program(str(path)), run=run, versions=versions) == "16.0.384591198"
    assert calls == [(str(path), "--version")]
    path.write_text("#!/bin/sh\n# another release\n", encoding="utf-8")
    compiler_version(program(str(path)), run=run, versions=versions)
    assert len(calls) == 2


def test_a_template_that_is_asked_for_its_version_gets_a_folder_of_its_own() -> None:
    folders: list[Path] = []

    def run(argv: tuple[str, ...], timeout_s: float, cancel: threading.Event) -> ProcessResult:
        folders.append(Path(argv[1]))
        assert list(folders[-1].iterdir()) == []
        return ProcessResult(0, b"Edge TPU Compiler version 16.0.384591198\n", b"", 0.1)

    compiler_version(program("sh {folder} {arguments}"), run=run, versions=Versions())
    assert folders[0] != Path(tempfile.gettempdir())
    assert not folders[0].exists()


def test_a_compiler_that_does_not_say_its_version_is_asked_again(tmp_path: Path) -> None:
    answers = [b"", b"Edge TPU Compiler version 2.0.267685300\n"]

    def run(argv: tuple[str, ...], timeout_s: float, cancel: threading.Event) -> ProcessResult:
        return ProcessResult(0, answers.pop(0), b"", 0.1)

    found, versions = program(str(install(tmp_path))), Versions()
    assert compiler_version(found, run=run, versions=versions) == ""
    assert compiler_version(found, run=run, versions=versions) == "2.0.267685300"


def test_the_version_of_a_real_process(tmp_path: Path) -> None:
    assert compiler_version(program(str(install(tmp_path))), versions=Versions()) == "16.0.384591198"
