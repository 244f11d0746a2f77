"""What an entry of the file becomes."""

from __future__ import annotations

from pathlib import Path

from tests.sweep.sweeps import parse


def test_a_model_entry_becomes_text_options() -> None:
    entry = (
        "{recipe: digits_cnn, name: mine, weights: random, options: {points: '68'}, keep_float: [SOFTMAX, conv_1],"
        " technique: {sparsity: '0.5'}, converter: tensorflow, preprocess: {mean: '1'},"
        " data: {reader: coco, path: coco, options: {annotations: a.json}},"
        " task: {name: detection, options: {head: boxes}}}"
    )
    (model,) = parse(f"models: [{entry}]").models
    options = dict(model.options)
    assert (model.name, model.recipe, model.file) == ("mine", "digits_cnn", None)
    assert Path(options.pop("data.path")).name == "coco"
    assert options == {
        "weights": "random",
        "points": "68",
        "data": "coco",
        "data.annotations": "a.json",
        "task": "detection",
        "task.head": "boxes",
        "preprocess.mean": "1",
        "keep_float": "SOFTMAX,conv_1",
        "technique.sparsity": "0.5",
        "converter": "tensorflow",
    }


def test_the_file_of_a_users_measure_starts_from_the_folder_of_the_sweep() -> None:
    entry = "{recipe: digits_cnn, task: {name: custom, options: {function: 'sub/measure.py:score', better: lower}}}"
    (model,) = parse(f"models: [{entry}]").models
    options = dict(model.options)
    assert options["task.better"] == "lower"
    assert Path(options["task.function"]).parts[-3:] == ("dir", "sub", "measure.py:score")


def test_variants_are_called_by_their_shortest_name() -> None:
    assert parse("models: [digits_cnn]\nvariants: [qat+int8, qat, pruned+int8]").variants == ("qat", "pruned+int8")
