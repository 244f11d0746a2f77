"""`harness compile-edgetpu`: verdicts, files and exit codes, by a stand-in of the compiler."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.cli.compile_edgetpu import compile_edgetpu_command
from harness.errors import UsageError
from tests.cli.command_line import MODELS, CommandLine
from tests.edgetpu.fake_compiler import install

pytest.importorskip("ai_edge_litert", reason="compiled files are read by LiteRT's schema")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An int8 model in the working directory, with a compiler on PATH."""
    shutil.copy(MODELS / "int8.tflite", tmp_path / "net.tflite")
    monkeypatch.setenv("PATH", str(install(tmp_path).parent), prepend=":")
    monkeypatch.chdir(tmp_path)
    return "net.tflite"


def called(*arguments: str) -> int:
    code: int = compile_edgetpu_command.main(list(arguments), standalone_mode=False)
    return code


def test_what_was_mapped_is_told(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGETPU_COMPILER_MODE", "partial")
    assert called(net, "--out-dir", "out", "--min-runtime-version", "13") == 0
    text = capsys.readouterr().out
    assert text.startswith("net.tflite: DONE: 1 of ")
    assert "file        out/net_edgetpu.tflite" in text
    assert "in 1 part" in text
    assert "on the CPU  1 " in text
    assert "on chip     4.21 MiB of parameters, 3.29 MiB left" in text
    assert "off chip    nothing" in text
    assert "edgetpu_compiler 16.0.384591198, for runtime 13" in text
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["net_edgetpu.log", "net_edgetpu.tflite"]


def test_json_has_the_whole_mapping_and_a_failure_is_exit_code_1(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGETPU_COMPILER_MODE", "nothing")
    assert called(net, "--json") == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["status"], found["paths"]) == ("FAILED", [])
    assert "nothing is mapped" in found["reason"]
    assert {operator["status"] for operator in found["mapping"]["operators"]}
    assert "Edge TPU Compiler version" in Path(found["log"]).read_text(encoding="utf-8")
    assert not (tmp_path / "net_edgetpu.tflite").exists()


def test_a_float_model_is_refused_and_the_others_are_compiled(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(MODELS / "float32.tflite", tmp_path / "float.tflite")
    assert called("float.tflite", net) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("float.tflite: UNSUPPORTED: no operator of the model computes in 8-bit integers")
    assert "net.tflite: DONE" in rest


@pytest.mark.slow
def test_segments_and_models_together(net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(net, tmp_path / "other.tflite")
    assert called(net, "--num-segments", "2", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in found["paths"]] == [
        f"net_segment_{number}_of_2_edgetpu.tflite" for number in (0, 1)
    ]
    assert called(net, "other.tflite", "--together", "--search-delegate", "--delegate-search-step", "2") == 0
    assert capsys.readouterr().out.count("together    net, other") == 2
    assert called("net_edgetpu.tflite") == 0
    assert "compiled already, used as it is" in capsys.readouterr().out


def test_without_a_compiler_it_says_where_to_get_one(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(net, "--compiler", "no-such-compiler") == 1
    assert "no-such-compiler is not on PATH. Install edgetpu-compiler" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_a_row(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("gone.tflite") == 1
    assert "No such file" in capsys.readouterr().out


def test_files_that_would_become_one_are_refused(net: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    shutil.copy(net, tmp_path / "sub" / "net.tflite")
    with pytest.raises(UsageError, match="would both become net_edgetpu"):
        called(net, "sub/net.tflite")
    with pytest.raises(UsageError, match="cannot be written"):
        called(net, "--out-dir", "net.tflite/out")


def test_the_command_is_called_by_its_name(harness: CommandLine) -> None:
    done = harness("compile-edgetpu", "--help")
    assert done.returncode == 0
    assert "--several-subgraphs" in done.stdout
