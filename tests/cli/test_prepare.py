"""`harness prepare`: its options, without a conversion."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.cli.diagnose import budget_seconds, print_diagnoses
from harness.cli.prepare import model_reference
from harness.errors import UsageError
from tests.cli.command_line import MODELS, CommandLine
from tests.display.test_diagnosed import FOUND
from tests.edgetpu.fake_compiler import install


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--variants", "int9"), "'int9' is not a variant"),
        (("--variants", "pruned+int9"), "'pruned+int9' is not a variant; did you mean 'pruned+int8'?"),
        (("--variants", "qat+int16x8"), "trained for 8-bit integers"),
        (("--variants", ","), "no variant is named"),
        (("--variant", "int8"), "--variant does not go with a preparation"),
        (("--budget", "5s"), "--budget does not go with a preparation"),
        (("--metric",), "--metric does not go with a preparation"),
        (("--edgetpu-runtime-version", "0"), "Invalid value for '--edgetpu-runtime-version'"),
        (("--diagnose", "--edgetpu-compiler", "x"), "--edgetpu-compiler does not go with --diagnose"),
        (("--diagnose", "--variants", "int8"), "--variants does not go with --diagnose"),
        (("--diagnose", "--keep-float", "ADD"), "--keep-float does not go with --diagnose"),
        (("--diagnose", "--variant", "float32"), "float32 has no quantized layers"),
        (("--diagnose", "--variant", "qat"), "qat is trained for integers"),
        (("--diagnose", "--variant", "int9"), "'int9' is not a variant"),
        (("--diagnose", "--budget", "soon"), "'soon' is not a time such as 120s"),
        (("--diagnose", "--budget", "0s"), "'0s' is not a time such as 120s"),
    ],
)
def test_wrong_options_are_named(harness: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    done = harness("prepare", "digits_cnn", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_what_stays_float_becomes_an_option_of_the_model() -> None:
    assert model_reference("digits_cnn", "random", "ADD,conv_1").options == (
        ("weights", "random"),
        ("keep_float", "ADD,conv_1"),
    )
    assert model_reference("digits_cnn").options == ()


def test_a_time_has_a_unit() -> None:
    assert budget_seconds("2min") == 120
    with pytest.raises(UsageError):
        budget_seconds("120")


def test_a_given_file_is_prepared_and_its_table_printed(harness: CommandLine, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    shutil.copy(MODELS / "float32.tflite", tmp_path / "net.tflite")
    done = harness("prepare", "net.tflite", "--variants", "float32")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[:3] == ["model", "variant", "state"]
    assert "net float32: DONE" in done.stderr


@pytest.mark.slow
def test_an_int8_file_is_compiled_for_the_edge_tpu(harness: CommandLine, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    shutil.copy(MODELS / "int8.tflite", tmp_path / "net.tflite")
    compiler = str(install(tmp_path))
    command = ("prepare", "net.tflite", "--variants", "edgetpu", "--edgetpu-compiler", compiler)
    done = harness(*command, "--edgetpu-runtime-version", "13")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[:3] == ["model", "variant", "state"]
    assert {"on", "off-chip"} <= set(done.stdout.splitlines()[0].split())
    (row,) = json.loads(harness(*command, "--edgetpu-runtime-version", "13", "--json").stdout)
    assert (row["cached"], row["edgetpu"]["min_runtime_version"], row["edgetpu"]["subgraphs"]) == (True, "13", 1)
    without = harness("prepare", "net.tflite", "--variants", "edgetpu", "--edgetpu-compiler", "no-such-compiler")
    assert without.returncode == 1
    assert "no-such-compiler is not on PATH" in " ".join(without.stdout.split())


def test_json_has_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnoses([FOUND], as_json=True)
    (found,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["layers"][1]["alone_db"] is None
    assert found["layers"][0]["gain_db"] == 2.5
    assert found["keep_float"] == ["block_1_depthwise_relu", "Call_1:0"]


@pytest.mark.prepare
@pytest.mark.timeout(300)
def test_a_diagnosis_is_printed_with_its_progress_apart(harness: CommandLine, tmp_path: Path) -> None:
    shutil.copy(MODELS / "float32.tflite", tmp_path / "net.tflite")
    done = harness("prepare", "net.tflite", "--diagnose", "--budget", "5s")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("layer")
    assert "with all quantized" in done.stdout
    assert "net int8: measuring its layers" in done.stderr
    parsed = json.loads(harness("prepare", "net.tflite", "--diagnose", "--budget", "5s", "--json").stdout)
    assert parsed[0]["variant"] == "int8"
