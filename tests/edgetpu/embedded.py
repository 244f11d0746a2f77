"""Models as ``edgetpu_compiler`` leaves them, for stand-ins: a custom operator that carries the model it replaces.

The real operator carries a package with a program for the chip, laid out as libedgetpu reads it; here the int8 model
itself lies where the program would, so that a stand-in of the runtime can compute with LiteRT what the Edge TPU would.
"""

from __future__ import annotations

import copy
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from flatbuffers import flexbuffers
from flatbuffers.table import Table

CUSTOM_OP = "edgetpu-custom-op"
MARKER = b"harness-embedded-int8-model:"
# Keys of the options' map, and slots of the table `Package`, as libedgetpu has them.
_VERSION, _EXECUTABLE, _PREFERENCE, _CHIPS, _MORE = "1", "4", "5", "6", "7"
_SLOTS, _MIN_RUNTIME, _PROGRAM, _COMPILER = 8, 0, 1, 4
_BEAGLE = 18
RUNTIME_VERSION = 14


def embed(
    int8_model: bytes, *, partial: bool = False, whole: bool = True, runtime_version: int = RUNTIME_VERSION
) -> bytes:
    """`int8_model` compiled: the same inputs and outputs around one custom operator.

    `partial` leaves an operator for the CPU behind it, a QUANTIZE to the same scale for each output. Without `whole`
    the file has no custom operator at all: what the compiler writes when it could map nothing. `runtime_version` is
    that of libedgetpu's interface.
    """
    model = _read(int8_model)
    if not whole:
        return _written(model)
    source = model.subgraphs[0]
    ends = [*source.inputs, *source.outputs]
    graph = schema.SubGraphT()
    graph.name, graph.tensors = source.name, [_without_data(source.tensors[index]) for index in ends]
    graph.inputs = list(range(len(source.inputs)))
    graph.outputs = list(range(len(source.inputs), len(ends)))
    codes = [_code(schema.BuiltinOperator.CUSTOM, CUSTOM_OP)]
    ran = list(graph.outputs)
    graph.operators = []
    if partial:
        codes.append(_code(schema.BuiltinOperator.QUANTIZE))
        ran = [_inner(graph, index) for index in graph.outputs]
    graph.operators.append(_custom(list(graph.inputs), ran, package(int8_model, runtime_version)))
    if partial:
        graph.operators += [_requantize(a, b) for a, b in zip(ran, graph.outputs, strict=True)]
    model.description = b"Exported from Subgraph."
    model.subgraphs, model.operatorCodes, model.buffers = [graph], codes, [schema.BufferT()]
    model.metadata, model.metadataBuffer, model.signatureDefs = [], None, []
    return _written(model)


def extract(compiled: bytes) -> bytes:
    """The int8 model in a file of `embed`.

    Raises:
        ValueError: there is none.
    """
    model = _read(compiled)
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if code.customCode in (CUSTOM_OP, CUSTOM_OP.encode()):
            options = bytes(bytearray(operator.customOptions))
            return _program(bytes(flexbuffers.GetRoot(options).AsMap[_EXECUTABLE].AsStringBytes))
    raise ValueError(f"no operator {CUSTOM_OP} with a model in it")


def package(int8_model: bytes, runtime_version: int = RUNTIME_VERSION) -> bytes:
    """The flatbuffer `Package` in whose place for a program `int8_model` lies."""
    builder = flatbuffers.Builder(len(int8_model) + 1024)
    program, compiler = builder.CreateByteVector(MARKER + int8_model), builder.CreateString("stand-in")
    builder.StartObject(_SLOTS)
    builder.PrependInt32Slot(_MIN_RUNTIME, runtime_version, 0)
    builder.PrependUOffsetTRelativeSlot(_PROGRAM, program, 0)
    builder.PrependUOffsetTRelativeSlot(_COMPILER, compiler, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"DWN1")
    return bytes(builder.Output())


def _program(content: bytes) -> bytes:
    table: Any = Table(bytearray(content), int.from_bytes(content[:4], "little"))
    offset = table.Offset(4 + 2 * _PROGRAM)
    begin, size = table.Vector(offset), table.VectorLen(offset)
    carried = content[begin : begin + size]
    if not carried.startswith(MARKER):
        raise ValueError("the compiled operator carries no model: a real compiler made it")
    return carried[len(MARKER) :]


def _read(content: bytes) -> Any:
    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def _written(model: Any) -> bytes:
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _without_data(tensor: Any) -> Any:
    alone = copy.copy(tensor)
    alone.buffer = 0
    return alone


def _inner(graph: Any, output: int) -> int:
    """A tensor like the output number `output`, from which the CPU computes it."""
    tensor = copy.copy(graph.tensors[output])
    tensor.name = _bytes(tensor.name) + b"/edgetpu"
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text or b"")


def _code(builtin: int, custom: str = "") -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
    code.customCode = custom.encode() if custom else None
    return code


def options_of(executable: bytes) -> bytes:
    """A compiled operator's options, the flexbuffer that libedgetpu reads."""
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int(_VERSION, 0)
        builder.Key(_EXECUTABLE)
        builder._WriteBlob(executable, append_zero=True, type_=flexbuffers.Type.STRING)  # bytes that are no text
        builder.Int(_PREFERENCE, -1)
        with builder.Vector(_CHIPS):
            builder.Int(_BEAGLE)
        with builder.Vector(_MORE):
            pass
    return bytes(builder.Finish())


def _custom(inputs: list[int], outputs: list[int], carried: bytes) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, outputs
    operator.customOptions = np.frombuffer(options_of(carried), np.uint8)
    return operator


def _requantize(source: int, target: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 1, [source], [target]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator
