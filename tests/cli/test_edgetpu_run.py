"""`harness run` over this host and an Edge TPU, by stand-ins of the compiler, of pycoral and of the device."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from tests.cli.command_line import MODELS, CommandLine
from tests.edgetpu.fake_compiler import install
from tests.edgetpu.pythons import standin_python
from tests.edgetpu.sticks import put_stick

Rows = dict[tuple[str, str], dict[str, str]]

pytest.importorskip("ai_edge_litert")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def rows(harness: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The rows of a sweep by device kind and variant."""
    root = tmp_path / "root"
    put_stick(root)
    monkeypatch.setenv("HARNESS_EDGETPU_ROOT", str(root))
    shutil.copy(MODELS / "int8.tflite", tmp_path / "net.tflite")
    python = standin_python(tmp_path / "coral", root=root)
    (tmp_path / "coral.yaml").write_text(
        "models: [{file: net.tflite}]\nvariants: [int8, float32]\ntargets: [host, edgetpu]\n"
        f"runtimes: [{{pycoral: {{python: {python}}}}}]\nedgetpu_compiler: {{command: {install(tmp_path)}}}\n"
        "measure: {blocks: 1, min_s: 0.05, warmup_min_s: 0.05, min_iterations: 5, memory: false, profile: false}\n",
        encoding="utf-8",
    )
    done = harness("run", "coral.yaml", "--display", "none")
    assert "Traceback" not in done.stderr, done.stderr
    (summary,) = tmp_path.glob("reports/*/summary.csv")
    with summary.open(encoding="utf-8") as stream:
        return {(row["target"].partition(" ")[0], row["variant"]): row for row in csv.DictReader(stream)}


def test_the_compiled_model_is_a_row_beside_the_hosts(rows: Rows) -> None:
    assert {key: row["status"] for key, row in rows.items()} == {
        ("host", "int8"): "DONE",
        ("host", "float32"): "UNSUPPORTED",
        ("edgetpu", "edgetpu"): "DONE",
        ("edgetpu", "float32"): "SKIPPED",
    }
    row = rows["edgetpu", "edgetpu"]
    assert row["converter"] == "edgetpu_compiler 16.0.384591198"
    assert row["coverage"] == "full"
    assert float(row["reference_error"]) == float(rows["host", "int8"]["reference_error"])
