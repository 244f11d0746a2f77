"""In the worker: the signature of a ``.tflite`` file; one is added to files of old converters, which have none."""

from __future__ import annotations

from pathlib import Path

from harness.prepare.litert_run import interpreter_class

KEY = "serving_default"
NAME = "image"


def with_signature(path: Path) -> tuple[bytearray, str, str]:
    """The model's bytes, the key of its signature, and the name of the signature's first input."""
    content = bytearray(path.read_bytes())
    signatures = interpreter_class()(model_path=str(path)).get_signature_list()
    if signatures:
        key, signature = next(iter(signatures.items()))
        return content, key, signature["inputs"][0]
    return _signed(content), KEY, NAME


def _signed(content: bytearray) -> bytearray:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(content)
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = KEY.encode(), 0
    signature.inputs = [_entry(NAME, int(graph.inputs[0]))]
    signature.outputs = [_entry(f"output_{order}", int(index)) for order, index in enumerate(graph.outputs)]
    model.signatureDefs = [signature]
    return bytearray(flatbuffer_utils.convert_object_to_bytearray(model))


def _entry(name: str, index: int) -> object:
    from ai_edge_litert import schema_py_generated as schema

    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), index
    return entry
