"""The order of a file's tensors, and what is made of files without names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from harness.errors import ConversionError
from harness.prepare.check import require_order
from harness.prepare.interface import Interface
from harness.prepare.litert_run import Model
from harness.prepare.signature import in_name_order, with_signature
from tests.prepare import tiny_models as tiny


def _named(path: Path, names: list[str]) -> bytes:
    """The tiny model with two inputs (it adds them), which the signature calls `names`."""
    model = flatbuffer_utils.read_model(str(tiny.write_model(path, inputs=2)))
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs, signature.outputs = [], []
    for entries, pairs in (
        (signature.inputs, zip(names, model.subgraphs[0].inputs, strict=True)),
        (signature.outputs, [("sum", model.subgraphs[0].outputs[0])]),
    ):
        for name, index in pairs:
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name.encode(), int(index)
            entries.append(entry)
    model.signatureDefs = [signature]
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    path.write_bytes(content)
    return content


def _names(path: Path) -> list[str]:
    return [spec.name for spec in Model(path).interface.inputs]


def test_tensors_are_put_in_the_order_of_their_names(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    content = _named(path, ["zeta", "alpha"])
    assert _names(path) == ["zeta", "alpha"]
    path.write_bytes(in_name_order(content))
    assert _names(path) == ["alpha", "zeta"]
    sample = np.array([[1, 2, 3, 4, 10, 20, 30, 40]], np.float32)
    assert Model(path).run(sample).tolist() == [[11, 22, 33, 44]]
    by_name = {name: array.tolist() for name, array in next(Model(path).feeds(sample)).items()}
    assert by_name == {"alpha": [[1, 2, 3, 4]], "zeta": [[10, 20, 30, 40]]}


def test_a_file_in_order_is_left_as_it_is(tmp_path: Path) -> None:
    content = _named(tmp_path / "m.tflite", ["alpha", "zeta"])
    assert in_name_order(content) is content
    one = tiny.write_model(tmp_path / "one.tflite").read_bytes()
    assert in_name_order(one) is one


def test_a_file_in_another_order_than_its_source_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    _named(path, ["zeta", "alpha"])
    found = Model(path).interface
    wanted = Interface(tuple(reversed(found.inputs)), found.outputs)
    with pytest.raises(ConversionError, match="inputs of the file are zeta, alpha; its source's are alpha, zeta"):
        require_order(wanted, found)
    with pytest.raises(ConversionError, match="outputs of the file are sum; its source's are end, start"):
        require_order(Interface(found.inputs, ("end", "start")), found)
    require_order(found, found)
    require_order(Interface(wanted.inputs, wanted.outputs, named=False), found)


def test_a_file_without_signature_gets_names_by_position(tmp_path: Path) -> None:
    path = tiny.write_model(tmp_path / "m.tflite", inputs=2)
    interface = Model(path).interface
    assert not interface.named
    assert [spec.name for spec in interface.inputs] == ["input_0", "input_1"]
    content, key = with_signature(path)
    path.write_bytes(content)
    assert key == "serving_default"
    assert Model(path).interface == Interface(interface.inputs, interface.outputs)


def test_ids_are_cast_to_the_type_of_the_file(tmp_path: Path) -> None:
    path = tiny.write_model(tmp_path / "m.tflite", inputs=2, kind=schema.TensorType.INT32)
    model = Model(path)
    assert [spec.dtype for spec in model.interface.inputs] == ["int32", "int32"]
    assert model.run(np.array([[1, 2, 3, 4, 5, 6, 7, 8]], np.float32)).tolist() == [[6, 8, 10, 12]]
