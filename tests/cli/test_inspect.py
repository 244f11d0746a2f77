from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import MODELS, CommandLine, harness

__all__ = ["harness"]
pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
from tests.inspect import models


def test_one_file(harness: CommandLine) -> None:
    done = harness("inspect", str(MODELS / "full_integer.tflite"), "--html", "page.html")
    assert done.returncode == 0, done.stderr
    assert "multiply-accumulates" in done.stdout
    assert "const val INPUT_HEIGHT = 8" in done.stdout
    assert done.stdout.splitlines()[-1] == "page.html"
    assert "CONV_2D" in (harness.folder / "page.html").read_text(encoding="utf-8")


def test_two_files(harness: CommandLine) -> None:
    pair = [str(MODELS / "float32.tflite"), str(MODELS / "int8.tflite")]
    done = harness("inspect", *pair, "--html", "page.html")
    assert done.returncode == 0, done.stderr
    assert "variant" in done.stdout
    assert "layers by name" in done.stdout
    assert "Layers by name" in (harness.folder / "page.html").read_text(encoding="utf-8")
    value = json.loads(harness("inspect", *pair, "--json").stdout)
    assert value["left"]["variant"] == "float32"
    assert value["right"]["variant"] == "int8"


def test_json_is_only_json(harness: CommandLine) -> None:
    done = harness("inspect", str(MODELS / "float32.tflite"), "--json", "--html", "page.html", "--gzip")
    value = json.loads(done.stdout)
    assert value["operators"] == [["CONV_2D", 1], ["DEPTHWISE_CONV_2D", 1], ["FULLY_CONNECTED", 1], ["RESHAPE", 1]]
    assert value["gzip_bytes"] > 0
    assert (harness.folder / "page.html").exists()


def test_hostile_names_reach_no_terminal(harness: CommandLine) -> None:
    done = harness("inspect", str(models.hostile_names(harness.folder / "m.tflite")))
    assert done.returncode == 0, done.stderr
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert "\u202e" not in done.stdout


def test_a_damaged_file_says_what_to_do(harness: CommandLine) -> None:
    whole = (MODELS / "float32.tflite").read_bytes()
    (harness.folder / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    done = harness("inspect", "cut.tflite")
    assert done.returncode == 1
    assert "cut.tflite" in done.stderr
    assert "Copy or convert it again." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("store", ["none.sqlite", "text.txt"])
def test_a_store_that_was_named_must_be_there(harness: CommandLine, store: str) -> None:
    (harness.folder / "text.txt").write_text("no database")
    done = harness("inspect", str(MODELS / "float32.tflite"), "--store", store)
    assert done.returncode == 1
    assert store in done.stderr


def test_a_store_that_nobody_named_is_no_obstacle(harness: CommandLine) -> None:
    (harness.folder / "reports").mkdir()
    (harness.folder / "reports" / "harness.sqlite").write_text("no database")
    done = harness("inspect", str(MODELS / "float32.tflite"))
    assert done.returncode == 0
    assert "the results store was not asked" in done.stdout


def test_a_page_that_cannot_be_written(harness: CommandLine) -> None:
    done = harness("inspect", str(MODELS / "float32.tflite"), "--html", str(Path("no") / "folder" / "page.html"))
    assert done.returncode == 2
    assert "the page cannot be written" in done.stderr
