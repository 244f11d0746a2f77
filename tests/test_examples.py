"""The example of a reader and a measure of one's own works as docs/accuracy.md says, and is what stands there."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from harness.accuracy import TaskSpec, open_task
from harness.accuracy.dataset import Dataset, write_dataset
from harness.accuracy.readers import open_reader
from tests.cli.command_line import CommandLine

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PYTHON = EXAMPLES / "noisy_digits.py"


def functions(text: str) -> str:
    """The code without documentation and empty lines."""
    code = re.sub(r'"""(.*?)"""', "", text, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in code.splitlines() if line.strip())


def test_the_page_has_the_code_of_the_example() -> None:
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    assert functions(shown) == functions(PYTHON.read_text(encoding="utf-8"))


def test_the_reader_and_the_measure_of_the_example(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    spec = TaskSpec("custom", (("better", "higher"), ("function", f"{PYTHON}:probability")))
    reader = open_reader("function", f"{PYTHON}:samples", {"count": "20"}, preprocessing=None, task=spec)
    write_dataset(reader, spec, tmp_path / "data", samples=None, say=lambda _done, _total: None)
    chunk = Dataset.open(tmp_path / "data").chunk(0)
    assert chunk.inputs.shape == (20, 8, 8, 1)
    assert 0.0 <= chunk.inputs.min() <= chunk.inputs.max() <= 1.0
    labels = np.array([truth["label"] for truth in chunk.truths])
    task = open_task(spec)
    sure = np.where(np.arange(10) == labels[:, None], 30.0, 0.0).astype(np.float32)
    assert task.higher_is_better
    assert task.summarise(task.score((sure,), chunk.truths))["score"] == pytest.approx(1.0)
    unsure = np.zeros((20, 10), np.float32)
    assert task.summarise(task.score((unsure,), chunk.truths))["score"] == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.prepare
def test_the_sweep_of_the_example_runs(harness: CommandLine) -> None:
    pytest.importorskip("tensorflow")
    settings = ("variants=[float32, int8]", "measure.blocks=1", "measure.memory=false", "measure.profile=false")
    overrides = [word for setting in settings for word in ("--set", setting)]
    process = harness.start("run", str(EXAMPLES / "noisy_digits.yaml"), "--display", "none", *overrides)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    (summary,) = (harness.folder / "reports").glob("*/summary.csv")
    rows = list(csv.DictReader(summary.read_text(encoding="utf-8").splitlines()))
    assert [row["status"] for row in rows] == ["DONE"] * 4
    assert {row["accuracy_metric"] for row in rows} == {"top1", "score"}
    assert all(float(row["accuracy"]) > 0.75 for row in rows)
    compared = [row for row in rows if row["variant"] == "int8"]
    assert all(abs(float(row["accuracy_loss"])) < 0.02 for row in compared)
    assert (summary.parent / "changed_samples.csv").exists()
