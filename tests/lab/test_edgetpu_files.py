"""The files of a sweep over Edge TPUs: what it says of the compiler reaches the preparation. No Edge TPU is asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.domain import VariantFile
from harness.lab import baseline as baselines
from harness.lab.baseline import PinRequest
from harness.sweep import Sweep, parse_sweep
from tests.cli.command_line import MODELS
from tests.edgetpu.fake_compiler import install

pytest.importorskip("ai_edge_litert", reason="compiled files are read by LiteRT's schema")


def sweep(folder: Path, **settings: Any) -> Sweep:
    for name in ("one", "two"):
        shutil.copy(MODELS / "int8.tflite", folder / f"{name}.tflite")
    told = ", ".join(f"{name}: {value}" for name, value in {"command": install(folder), **settings}.items())
    text = (
        "models: [{file: one.tflite}, {file: two.tflite}]\nvariants: [int8]\ntargets: [host, edgetpu]\n"
        f"edgetpu_compiler: {{{told}}}\nexclude: [{{model: two, target: host}}]\n"
    )
    return parse_sweep(text, str(folder / "s.yaml"), known_models=(), folder=folder)


def request(asked: Sweep, folder: Path) -> PinRequest:
    return PinRequest(asked, "release", folder / "baselines", folder / "reports", folder / "cache", 1)


def compiled(files: tuple[VariantFile, ...]) -> dict[str, VariantFile]:
    return {file.model: file for file in files if file.variant == "edgetpu"}


@pytest.mark.slow
def test_a_baseline_has_the_files_that_the_sweeps_compiler_made(tmp_path: Path) -> None:
    files = compiled(baselines._prepared(request(sweep(tmp_path, min_runtime_version=13), tmp_path), lambda text: None))
    assert list(files) == ["one", "two"]
    assert {file.edgetpu.min_runtime_version for file in files.values() if file.edgetpu} == {"13"}


@pytest.mark.slow
def test_models_with_different_variants_are_compiled_together_all_the_same(tmp_path: Path) -> None:
    files = compiled(baselines._prepared(request(sweep(tmp_path, together="true"), tmp_path), lambda text: None))
    assert [file.edgetpu.together for file in files.values() if file.edgetpu] == [("one", "two")] * 2
