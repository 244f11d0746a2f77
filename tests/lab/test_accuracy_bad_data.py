"""Data sets, tasks and measures that are wrong, in whole sweeps: the sentence that a person gets for each."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.domain import ResultRow, Status
from tests.cli.command_line import CommandLine
from tests.lab.accuracy_bench import MODELS, AccuracyBench, entry, images, with_nan

pytest.importorskip("ai_edge_litert")
FLOAT32 = MODELS / "float32.tflite"

FUNCTIONS = """
import numpy as np

def samples(count=5, shape=(8, 8, 1), truth=lambda number: number % 3):
    for number in range(count):
        yield f"one-{number}", np.zeros(shape, np.float32) + number, truth(number)

def raises():
    yield from samples()
    raise RuntimeError("the disk is gone")

def changes_shape():
    yield from samples()
    yield "last", np.zeros((8, 4, 1), np.float32), 0

def other_shape():
    yield from samples(shape=(4, 4, 1))

def nothing():
    yield from ()

def not_a_label():
    yield from samples(truth=lambda number: "cat")

def no_number(outputs, truth):
    return outputs[0]

def measure_raises(outputs, truth):
    raise KeyError("points")

def gives_nan(outputs, truth):
    return float("nan")
"""


def _write_arrays(folder: Path) -> None:
    inputs, labels = images(40), np.arange(40) % 3
    broken = inputs.copy()
    broken[3, 2, 2] = np.nan
    arrays: dict[str, dict[str, object]] = {
        "sound": {"labels": labels},
        "unlabelled": {},
        "too_few": {"labels": labels[:30]},
        "no_class": {"labels": np.where(np.arange(40) == 7, 3, labels)},
        "negative": {"labels": np.where(np.arange(40) == 7, -1, labels)},
        "empty": {"inputs": inputs[:0], "labels": labels[:0]},
        "half": {"inputs": inputs[:, :4], "labels": labels},
        "nan": {"inputs": broken, "labels": labels},
        "same_ids": {"labels": labels, "ids": np.array(["a"] * 40)},
        "masks": {"masks": np.zeros((40, 8, 8), np.uint8)},
        "points": {"points": np.zeros((40, 5, 2), np.float32), "boxes": np.tile([0.0, 0, 8, 8], (40, 1))},
        "targets": {"targets": np.zeros((40, 5), np.float32)},
    }
    for name, given in arrays.items():
        np.savez(folder / f"{name}.npz", **{"inputs": inputs, **given})  # type: ignore[arg-type]
    (folder / "rubbish.npz").write_bytes(b"PK\3\4 rubbish")
    (folder / "functions.py").write_text(FUNCTIONS)
    (folder / "float32.tflite").write_bytes(with_nan(FLOAT32))


def _npz(name: str) -> str:
    return f"{{reader: npz, path: {name}.npz}}"


def _function(name: str) -> str:
    return f'{{reader: function, path: "functions.py:{name}"}}'


def _custom(name: str) -> str:
    return f'{{name: custom, options: {{function: "functions.py:{name}"}}}}'


CLASSES = "{name: classification}"
# name of the row: the data, the task, and the words a person gets
UNREADABLE = {
    "unlabelled": (_npz("unlabelled"), CLASSES, "expected `inputs` .* and the arrays of the truths .*; found inputs"),
    "too_few": (_npz("too_few"), CLASSES, r"`labels` has the shape \(30,\); there are 40 inputs"),
    "no_class": (_npz("no_class"), CLASSES, r"^7: .* label 3, but the model gives 3 classes \(0 to 2\)"),
    "negative": (_npz("negative"), CLASSES, r"^7: .* label -1, but the model gives 3 classes \(0 to 2\)"),
    "empty": (_npz("empty"), CLASSES, r"inputs must be \(n, …\) with samples, not \(0, 8, 8, 1\)"),
    "half": (_npz("half"), CLASSES, r"the sample is \(4, 8, 1\), but the model takes \(8, 8, 1\)"),
    "nan": (_npz("nan"), CLASSES, "^3: the inputs hold NaN or infinite values"),
    "same_ids": (_npz("same_ids"), CLASSES, "a: two samples have this id"),
    "rubbish": (_npz("rubbish"), CLASSES, "rubbish.npz: the arrays cannot be read"),
    "missing": (_npz("missing"), CLASSES, "missing.npz: expected an .npz file"),
    "wrong_reader_for_task": (_npz("sound"), "{name: segmentation}", "expected `inputs` and `masks`"),
    "raises": (_function("raises"), CLASSES, r"functions.py:10: the data function raises RuntimeError: the disk is"),
    "changes_shape": (_function("changes_shape"), CLASSES, r"sample 5 has inputs of shape \(\(8, 4, 1\),\), sample 0"),
    "other_shape": (_function("other_shape"), CLASSES, r"the sample is \(4, 4, 1\), but the model takes \(8, 8, 1\)"),
    "nothing": (_function("nothing"), CLASSES, "'nothing' gives no samples"),
    "not_a_label": (_function("not_a_label"), CLASSES, "an integer .a label. .* not 'cat'"),
    "no_function": (_function("absent"), CLASSES, "the file has no 'absent'"),
}
UNSCORABLE = {
    "segmentation": (_npz("masks"), "{name: segmentation}", r"shape \(40, 3\) is not class scores of shape \(n, H, W"),
    "landmarks": (
        _npz("points"),
        "{name: landmarks, options: {output: coordinates, normalise: box}}",
        r"shape \(40, 3\) is not coordinates",
    ),
    "targets": (_npz("targets"), "{name: regression}", "the model has 3 outputs a sample, the target 5"),
    "other_classes": (
        _npz("sound"),
        '{name: classification, options: {classes: "10"}}',
        r"the model has 3 classes, the labels count 10\. Give",
    ),
    "no_number": (
        _npz("sound"),
        _custom("no_number"),
        r"functions.py:\d+: the function no_number returns a value of type ndarray and shape \(3,\)\. It must",
    ),
    "measure_raises": (_npz("sound"), _custom("measure_raises"), r"functions.py:\d+: .* raises KeyError: 'points'"),
    "gives_nan": (_npz("sound"), _custom("gives_nan"), r"functions.py:\d+: the function gives_nan returns nan\."),
    "no_measure": (_npz("sound"), _custom("absent"), "functions.py: the file has no function 'absent'"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ResultRow]:
    """One sweep over all of it: what is wrong with one model's data leaves the others alone."""
    bench = AccuracyBench(tmp_path_factory.mktemp("refused"))
    _write_arrays(bench.folder)
    models = [entry(FLOAT32, data, task, name) for name, (data, task, _) in {**UNREADABLE, **UNSCORABLE}.items()]
    models += [
        entry(bench.folder / "float32.tflite", _npz("sound"), name="nan_model"),
        entry(FLOAT32, _npz("sound"), name="right"),
    ]
    rows = bench.run(bench.sweep_text("\n".join(models), variants="[float32]")).rows
    return {row.model: row for row in rows}


@pytest.mark.slow
def test_wrong_data_leave_the_other_models_alone(refused: dict[str, ResultRow]) -> None:
    assert (refused["right"].status, refused["right"].accuracy_samples) == (Status.DONE, 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNREADABLE)
def test_data_that_cannot_be_read_fail_before_anything_is_measured(refused: dict[str, ResultRow], name: str) -> None:
    row = refused[name]
    assert (row.status, row.latency_p50_ms, row.accuracy) == (Status.FAILED, None, None)
    assert re.search(UNREADABLE[name][2], row.reasons), row.reasons
    assert "Traceback" not in row.reasons


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSCORABLE)
def test_a_task_that_does_not_fit_the_outputs_leaves_the_timing(refused: dict[str, ResultRow], name: str) -> None:
    row = refused[name]
    assert (row.status, row.accuracy) == (Status.DONE, None)
    assert row.latency_p50_ms is not None
    assert re.search(r"1 of 1 accuracy invocations failed \(1 FAILED\): .*" + UNSCORABLE[name][2], row.reasons)


@pytest.mark.slow
def test_a_model_that_gives_nan_is_refused(refused: dict[str, ResultRow]) -> None:
    assert refused["nan_model"].status is Status.FAILED
    assert "the source model itself gives NaN or infinite outputs" in refused["nan_model"].reasons


IMAGES = {
    "truncated": ("a/1.png", 'preprocess: {order: L, std: "255"}', r"a/1\.png: the image cannot be read: .*truncated"),
    "not_an_image": ("b/0.png", 'preprocess: {order: L, std: "255"}', r"b/0\.png: the image cannot be read"),
    "other_size": ("", 'preprocess: {height: "16", width: "16", channels: "1", order: L}', r"\(16, 16, 1\), but the"),
    "other_channels": ("", "preprocess: {order: RGB}", "1 channels do not fit the order 'RGB'"),
    "misspelt": ("", 'preprocess: {heigth: "8"}', r"no option preprocess\.heigth\. Did you mean preprocess\.height"),
    "four_classes": ("", "preprocess: {order: L}", r"^d/0\.png: .* label 3, but the model gives 3 classes"),
    "unlabelled": ("", "preprocess: {order: L}", "expected a folder for each class with its images, or"),
    "nothing": ("", "preprocess: {order: L}", "expected a folder for each class .*; found nothing"),
}


@pytest.fixture(scope="module")
def refused_images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ResultRow]:
    images_of = pytest.importorskip("PIL.Image")
    bench = AccuracyBench(tmp_path_factory.mktemp("images"))
    generator = np.random.default_rng(0)
    for name, (spoilt, _, _) in {**IMAGES, "right": ("", "", "")}.items():
        folders = {"unlabelled": (".",), "nothing": (), "four_classes": "abcd"}.get(name, "abc")
        (bench.folder / name).mkdir()
        for path in [bench.folder / name / folder / f"{number}.png" for folder in folders for number in range(2)]:
            path.parent.mkdir(exist_ok=True)
            images_of.fromarray(generator.integers(0, 255, (20, 30, 3), np.uint8)).save(path)
        if spoilt:
            path = bench.folder / name / spoilt
            path.write_bytes(b"no image" if name == "not_an_image" else path.read_bytes()[:300])
    models = [
        entry(FLOAT32, f"{{reader: imagenet, path: {name}}}", name=name, extra=f", {preprocess}")
        for name, (_, preprocess, _) in {**IMAGES, "right": ("", "preprocess: {order: L}", "")}.items()
    ]
    rows = bench.run(bench.sweep_text("\n".join(models), variants="[float32]")).rows
    return {row.model: row for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_images_that_cannot_be_used_are_named(refused_images: dict[str, ResultRow], name: str) -> None:
    row = refused_images[name]
    assert row.status is Status.FAILED
    assert re.search(IMAGES[name][2], row.reasons), row.reasons
    assert (refused_images["right"].status, refused_images["right"].accuracy_samples) == (Status.DONE, 6)


def test_data_that_cannot_be_read_are_a_sentence_and_exit_code_1(harness: CommandLine, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=images(10))
    model = entry(FLOAT32, "{reader: npz, path: data.npz}")
    (tmp_path / "bad.yaml").write_text(AccuracyBench(tmp_path).sweep_text(model, variants="[float32]"))
    done = harness("run", "bad.yaml", "--display", "plain")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "for the task classification; found inputs" in " ".join(done.stdout.split())
