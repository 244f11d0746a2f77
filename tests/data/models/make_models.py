"""Builds the small .tflite fixtures beside this file. Needs TensorFlow and ai-edge-litert: ``python make_models.py``.

They are kept in git so that the default tests run the real runtime without TensorFlow.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

HERE = Path(__file__).parent
SHAPE = (8, 8, 1)


def _samples(count: int = 64) -> np.ndarray:
    return np.random.default_rng(7).random((count, *SHAPE), dtype=np.float32)


def _network() -> tf.keras.Model:
    tf.keras.utils.set_random_seed(11)
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input(SHAPE, batch_size=1, name="image"),
            layers.Conv2D(4, 3, activation="relu"),
            layers.DepthwiseConv2D(3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, name="logits"),
        ]
    )


def _export(model: tf.keras.Model, folder: Path, batch: int | None = 1) -> Path:
    archive = tf.keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec([batch, *SHAPE], tf.float32, name="image")]
    archive.add_endpoint("serve", lambda image: {"logits": model(image)}, input_signature=signature)
    archive.write_out(str(folder), verbose=False)
    return folder


def _float32(saved: Path) -> bytes:
    return bytes(tf.lite.TFLiteConverter.from_saved_model(str(saved)).convert())


def _quantized(saved: Path, operators: tf.lite.OpsSet, io_dtype: tf.DType = tf.float32) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in _samples())
    converter.target_spec.supported_ops = [operators]
    converter.inference_input_type = converter.inference_output_type = io_dtype
    return bytes(converter.convert())


def _two_inputs() -> bytes:
    spec = [tf.TensorSpec([1, 4], tf.float32, name="left"), tf.TensorSpec([1, 4], tf.float32, name="right")]
    module = tf.Module()
    add = tf.function(lambda left, right: {"sum": left + 2.0 * right}, input_signature=spec).get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([add], module).convert())


def _many_tensors() -> bytes:
    """Inputs and outputs of several types; the signature lists them in another order than the file."""
    spec = [
        tf.TensorSpec([1, 2, 3], tf.float32, name="values"),
        tf.TensorSpec([1, 4], tf.int32, name="ids"),
        tf.TensorSpec([1, 2], tf.int64, name="long"),
        tf.TensorSpec([1, 4], tf.bool, name="mask"),
    ]

    @tf.function(input_signature=spec)
    def mixed(values: tf.Tensor, ids: tf.Tensor, long: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "total": tf.reduce_sum(values, axis=2) + tf.cast(long, tf.float32),
            "kept": tf.where(mask, ids, -ids),
        }

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(_converted(mixed)))
    signature = model.signatureDefs[0]
    signature.inputs, signature.outputs = signature.inputs[::-1], signature.outputs[::-1]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _batch_of_two() -> bytes:
    """Two inputs and two outputs that share a batch of two."""
    spec = [tf.TensorSpec([2, 3], tf.float32, name="left"), tf.TensorSpec([2, 2], tf.float32, name="right")]

    @tf.function(input_signature=spec)
    def mixed(left: tf.Tensor, right: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"far": left * 2.0, "near": right + tf.reduce_sum(left, axis=1, keepdims=True)}

    return _converted(mixed)


def _converted(function: tf.types.experimental.PolymorphicFunction) -> bytes:
    concrete = function.get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module()).convert())


def _string_input() -> bytes:
    spec = [tf.TensorSpec([1], tf.string, name="text")]
    module = tf.Module()
    same = tf.function(lambda text: {"copy": tf.reshape(text, [1, 1])}, input_signature=spec).get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([same], module).convert())


def _custom_operator(content: bytes) -> bytes:
    """The same graph whose depthwise convolution is an operator that no runtime has."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.DEPTHWISE_CONV_2D:
            code.builtinCode = schema.BuiltinOperator.CUSTOM
            code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
            code.customCode = b"NoSuchOperator"
    for operator in model.subgraphs[0].operators:
        if model.operatorCodes[operator.opcodeIndex].customCode:
            operator.builtinOptions, operator.builtinOptionsType = None, schema.BuiltinOptions.NONE
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _all(folder: Path) -> dict[str, bytes]:
    model = _network()
    saved = _export(model, folder / "static")
    sixteen = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    float32 = _float32(saved)
    return {
        "float32": float32,
        "full_integer": _quantized(saved, tf.lite.OpsSet.TFLITE_BUILTINS_INT8),
        "int8": _quantized(saved, tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.int8),
        "int16x8": _quantized(saved, sixteen),
        "dynamic_batch": _float32(_export(model, folder / "dynamic", batch=None)),
        "two_inputs": _two_inputs(),
        "many_tensors": _many_tensors(),
        "batch_of_two": _batch_of_two(),
        "string_input": _string_input(),
        "custom_operator": _custom_operator(float32),
    }


def main() -> None:
    """Write every fixture."""
    with tempfile.TemporaryDirectory() as folder:
        files = _all(Path(folder))
    for name, content in files.items():
        (HERE / f"{name}.tflite").write_bytes(content)
        print(f"{name}.tflite {len(content)} bytes")


if __name__ == "__main__":
    main()
