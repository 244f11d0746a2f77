"""Real conversions with TensorFlow and ai-edge-quantizer, in real workers."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from harness.domain import VARIANTS, ModelRef, Status, VariantFile
from harness.prepare import inspect_model, prepare

pytestmark = [pytest.mark.prepare, pytest.mark.timeout(600)]

KERAS_MODEL = """
import keras, sys
keras.utils.set_random_seed(3)
layers = keras.layers
model = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(),
                          layers.Dense(5, activation="softmax")])
model.save(sys.argv[1] + "/net.keras")
two = keras.Input((6,), dtype="int32", name="words"), keras.Input((6, 4), name="extra")
joined = layers.Dense(64, activation="relu")(layers.Add()([layers.Embedding(10, 4)(two[0]), two[1]]))
pair = keras.Model(two, {"start": layers.Dense(5)(joined), "end": layers.Flatten()(joined)})
pair.save(sys.argv[1] + "/two.keras")
pair.export(sys.argv[1] + "/two_exported", verbose=False)
text = keras.Input((4,), dtype="string", name="text")
keras.Model(text, layers.Hashing(5)(text)).save(sys.argv[1] + "/text.keras")
loose = keras.Input((None, None, 3))
keras.Model(loose, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(loose))).save(sys.argv[1] + "/loose.keras")
import tensorflow as tf
model.export(sys.argv[1] + "/exported", verbose=False)
tf.saved_model.save(model, sys.argv[1] + "/broken")
"""


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def digits(cache_dir: Path) -> dict[str, VariantFile]:
    return {row.variant: row for row in prepare([ModelRef("digits_cnn")], cache_dir=cache_dir)}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import os
    import subprocess
    import sys

    from harness.prepare.children import worker_environment

    folder = tmp_path_factory.mktemp("sources")
    subprocess.run(
        [sys.executable, "-c", KERAS_MODEL, str(folder)],
        check=True,
        env=worker_environment(os.environ),
        capture_output=True,
    )
    return folder


def _accuracy(row: VariantFile) -> float:
    from harness.accuracy.dataset import Dataset
    from harness.prepare.litert_run import Model

    assert row.path is not None
    assert row.data_path is not None
    dataset = Dataset.open(Path(row.data_path))
    assert (dataset.sample_count, dataset.task.name, dataset.input_shapes) == (719, "classification", ((8, 8, 1),))
    chunks = [dataset.chunk(index) for index in range(dataset.chunk_count)]
    labels = [truth["label"] for chunk in chunks for truth in chunk.truths]
    outputs = Model(Path(row.path)).run(np.concatenate([chunk.inputs for chunk in chunks]))
    return float((outputs.argmax(axis=1) == labels).mean())


def test_digits_in_all_six_variants(digits: dict[str, VariantFile]) -> None:
    assert {variant: (row.status, row.reason) for variant, row in digits.items()} == dict.fromkeys(
        VARIANTS, (Status.DONE, "")
    )
    for variant, row in digits.items():
        assert row.source_error is not None, variant
        assert row.source_error.cosine > 0.999, variant
        assert row.weights == "trained"
        assert row.task == "classification"
        assert 0 < row.gzip_bytes < row.size_bytes
        assert row.inputs[0].shape == (1, 8, 8, 1)
    assert digits["float32"].size_bytes > 3 * digits["int8"].size_bytes
    assert 70 < (digits["dynamic_range"].reduction_pct or 0) < 75
    assert 45 < (digits["float16"].reduction_pct or 0) < 51


def test_digits_inputs_and_outputs(digits: dict[str, VariantFile]) -> None:
    kinds = {variant: (row.inputs[0].dtype, row.outputs[0].dtype) for variant, row in digits.items()}
    assert kinds.pop("int8") == ("int8", "int8")
    assert set(kinds.values()) == {("float32", "float32")}
    assert digits["int8"].inputs[0].scale == pytest.approx(1 / 255, rel=0.01)
    assert digits["int8"].inputs[0].zero_point == -128
    assert all(digits[variant].float_operators == () for variant in ("full_integer", "int8", "int16x8"))
    assert "MAX_POOL_2D" in digits["dynamic_range"].float_operators


def test_every_file_is_the_variant_it_claims(digits: dict[str, VariantFile]) -> None:
    for variant, row in digits.items():
        info = inspect_model(row.path or "")
        assert info.variant == variant
        assert info.sha256 == row.sha256


def test_digits_accuracy_of_every_variant(digits: dict[str, VariantFile]) -> None:
    scores = {variant: _accuracy(row) for variant, row in digits.items()}
    assert min(scores.values()) >= 0.98, scores


def test_the_second_run_is_cached_and_quick(digits: dict[str, VariantFile], cache_dir: Path) -> None:
    begin = time.monotonic()
    rows = prepare([ModelRef("digits_cnn")], cache_dir=cache_dir)
    assert time.monotonic() - begin < 1.0
    assert all(row.cached for row in rows)
    assert [row.sha256 for row in rows] == [digits[variant].sha256 for variant in VARIANTS]


def test_a_keras_file_loses_its_softmax_and_a_saved_model_works(sources: Path, tmp_path: Path) -> None:
    refs = [ModelRef("net", file=str(sources / "net.keras")), ModelRef("saved", file=str(sources / "exported"))]
    said: list[str] = []
    rows = prepare(refs, cache_dir=tmp_path, on_progress=said.append)
    assert {(row.status, row.reason) for row in rows} == {(Status.DONE, "")}
    assert {row.weights for row in rows} == {"given"}
    assert any("softmax" in line for line in said)
    with np.load(rows[0].check_path or "") as check:
        assert not np.allclose(check["outputs"].sum(axis=1), 1.0)
    with np.load(rows[-1].check_path or "") as check:
        assert np.allclose(check["outputs"].sum(axis=1), 1.0, atol=1e-4)


def test_models_that_cannot_be_converted_say_why(sources: Path, tmp_path: Path) -> None:
    refs = [ModelRef(name, file=str(sources / f"{name}.keras")) for name in ("text", "loose")]
    refs.append(ModelRef("loose", file=str(sources / "loose.keras"), options=(("input_shape", "24,24,3"),)))
    text, loose, fixed = prepare(refs, ["float32"], cache_dir=tmp_path)
    assert text.status is Status.UNSUPPORTED
    assert "the input 'text' is string; float32 or int32 is needed" in text.reason
    assert loose.status is Status.UNSUPPORTED
    assert "Give the option input_shape" in loose.reason
    assert (fixed.status, fixed.reason) == (Status.DONE, "")
    assert fixed.inputs[0].shape == (1, 24, 24, 3)


def test_a_float_tflite_file_is_quantized_and_a_quantized_one_is_taken_as_it_is(
    digits: dict[str, VariantFile], tmp_path: Path
) -> None:
    given = {variant: tmp_path / f"{variant}.tflite" for variant in ("float32", "int8")}
    for variant, path in given.items():
        path.write_bytes(Path(digits[variant].path or "").read_bytes())
    refs = [ModelRef(variant, file=str(path)) for variant, path in given.items()]
    rows = prepare(refs, cache_dir=tmp_path / "cache")
    float_rows, int8_rows = rows[:6], rows[6:]
    assert {(row.status, row.reason) for row in float_rows} == {(Status.DONE, "")}
    assert float_rows[0].converter == "given file"
    assert float_rows[0].sha256 == digits["float32"].sha256
    assert all(row.converter.startswith("ai-edge-quantizer") for row in float_rows[1:])
    statuses = {row.variant: row.status for row in int8_rows}
    assert statuses.pop("int8") is Status.DONE
    assert set(statuses.values()) == {Status.UNSUPPORTED}
    assert int8_rows[0].reason == "the file is already quantized (int8); it can only be used as int8"


def test_a_tflite_file_without_signature_is_quantized(tmp_path: Path) -> None:
    from tests.prepare.tiny_models import write_model

    path = write_model(tmp_path / "old.tflite", shape=(1, 8, 8, 3), weights=np.full((1, 1, 1, 3), 0.5, np.float32))
    rows = prepare([ModelRef("old", file=str(path))], ["float32", "int8", "full_integer"], cache_dir=tmp_path / "c")
    assert {(row.status, row.reason) for row in rows} == {(Status.DONE, "")}
    assert rows[1].inputs[0].dtype == "int8"
    assert rows[2].inputs[0].dtype == "float32"


def test_the_silently_wrong_route_is_caught(sources: Path, tmp_path: Path) -> None:
    """`tf.saved_model.save` of a Keras 3 model: whatever comes of it, a wrong file must not be a DONE row."""
    recipe = tmp_path / "wrong.py"
    recipe.write_text(
        "import numpy as np\n"
        "from harness.prepare.recipe import BuiltModel, Recipe\n"
        "from harness.prepare import build as room\n"
        "def build(options):\n"
        "    import keras, tensorflow as tf\n"
        f"    model = keras.models.load_model({str(sources / 'net.keras')!r}, compile=False)\n"
        "    room.export_keras = lambda model, interface, target: tf.saved_model.save(model, str(target))\n"
        "    return BuiltModel(model, 'random')\n"
        "RECIPE = Recipe(description='d', input_shape=(16, 16, 3), build=build,\n"
        "    representative=lambda: np.random.default_rng(1).uniform(size=(10, 16, 16, 3)).astype(np.float32))\n"
    )
    rows = prepare([ModelRef("wrong", file=str(recipe))], ["float32", "int8"], cache_dir=tmp_path / "cache")
    assert {row.status for row in rows} == {Status.FAILED}
    assert all(row.reason for row in rows)


@pytest.mark.parametrize("name", ["two.keras", "two_exported"])
def test_several_inputs_and_outputs_go_by_name_order(sources: Path, tmp_path: Path, name: str) -> None:
    from harness.prepare.litert_run import Model

    wanted = ["float32", "dynamic_range", "full_integer", "int8"]
    rows = prepare([ModelRef("two", file=str(sources / name))], wanted, cache_dir=tmp_path)
    assert {(row.status, row.reason) for row in rows} == {(Status.DONE, "")}
    for row in rows:
        interface = Model(Path(row.path or "")).interface
        assert [(spec.name, spec.shape, spec.dtype) for spec in interface.inputs] == [
            ("extra", (6, 4), "float32"),
            ("words", (6,), "int32"),
        ]
        assert interface.outputs == ("end", "start")
        assert row.source_error is not None
        assert row.source_error.cosine > 0.99
        with np.load(row.check_path or "") as check:
            assert check["inputs"].shape == (10, 30)
            assert np.load(row.own_outputs_path or "").shape == check["outputs"].shape == (10, 6 * 64 + 6 * 5)
    assert [tensor.dtype for tensor in rows[3].inputs] == ["int8", "int32"]
    assert {tensor.dtype for tensor in rows[3].outputs} == {"int8"}


def test_integer_files_are_those_of_the_public_converter(cache_dir: Path) -> None:
    """They are made of the float file by functions of TensorFlow that are not public."""
    import os
    import subprocess
    import sys

    from harness.prepare.children import worker_environment
    from harness.prepare.litert_run import Model

    modes = ("full_integer", "int8", "int16x8")
    by_tensorflow = ModelRef("digits_cnn", options=(("converter", "tensorflow"),))
    digits = {row.variant: row for row in prepare([by_tensorflow], modes, cache_dir=cache_dir)}
    source = Path(digits["int8"].check_path or "").parent
    for mode in modes:
        made = source.parent / f"public-{mode}.tflite"
        code = (
            "from pathlib import Path; import numpy as np; from harness.prepare.interface import Interface\n"
            "from harness.prepare.tensorflow_converter import feeds_of, from_saved_model\n"
            f"source = Path({str(source)!r}); samples = np.load(source / 'calibration.npy')\n"
            f"content = from_saved_model({mode!r}, str(source / 'saved_model'),\n"
            "                           feeds_of(Interface.read(source), samples), qat=False)\n"
            f"Path({str(made)!r}).write_bytes(content)"
        )
        environment = worker_environment(os.environ)
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)
        with np.load(digits[mode].check_path or "") as check:
            inputs = check["inputs"]
        assert np.array_equal(Model(made).run(inputs), Model(Path(digits[mode].path or "")).run(inputs)), mode
