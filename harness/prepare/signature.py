"""In the worker: the signature of a ``.tflite`` file. Old converters wrote none; today's do not keep to its order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.prepare.litert_run import interpreter_class, made_up_names

KEY = "serving_default"


def with_signature(path: Path) -> tuple[bytearray, str]:
    """The model's bytes, and the key of its signature; one is added to files that have none."""
    content = bytearray(path.read_bytes())
    signatures = interpreter_class()(model_path=str(path)).get_signature_list()
    if signatures:
        return content, str(next(iter(signatures)))
    return _signed(content), KEY


def in_name_order(content: bytes) -> bytes:
    """The model with its inputs and outputs in the order of their names in the signature.

    TensorFlow's converter puts several of them in an order of its own, while runners go by position.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    root = schema.Model.GetRootAs(content, 0)
    graph = root.Subgraphs(0)
    if root.SignatureDefsLength() == 0 or (graph.InputsLength() == 1 and graph.OutputsLength() == 1):
        return content
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    signature, main = model.signatureDefs[0], model.subgraphs[0]
    before = [list(map(int, main.inputs)), list(map(int, main.outputs))]
    after = [_sorted(before[0], signature.inputs), _sorted(before[1], signature.outputs)]
    if before == after:
        return content
    main.inputs, main.outputs = after
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _sorted(indices: Sequence[int], entries: Sequence[Any]) -> list[int]:
    names = {int(entry.tensorIndex): entry.name for entry in entries}
    return sorted(indices, key=lambda index: names.get(index, b""))


def _signed(content: bytearray) -> bytearray:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(content)
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = KEY.encode(), 0
    inputs, outputs = made_up_names(len(graph.inputs), len(graph.outputs))
    signature.inputs = [_entry(*pair) for pair in zip(inputs, graph.inputs, strict=True)]
    signature.outputs = [_entry(*pair) for pair in zip(outputs, graph.outputs, strict=True)]
    model.signatureDefs = [signature]
    return bytearray(flatbuffer_utils.convert_object_to_bytearray(model))


def _entry(name: str, index: Any) -> object:
    from ai_edge_litert import schema_py_generated as schema

    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), int(index)
    return entry
