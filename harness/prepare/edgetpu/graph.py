"""In the worker: the graph of a model before and after it is compiled for the Edge TPU.

Bytes may be hostile: this runs in a process that may crash or hang.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import ModelFileError
from harness.operator_names import EDGE_TPU_OPERATOR
from harness.prepare.edgetpu.integers import not_integer, uncompilable
from harness.prepare.faults import missing
from harness.prepare.litert_file import described, read_graph

_PACKAGE_ID = b"DWN1"
_EXECUTABLE_KEYS = ("4", "3")
# Slots of the table `Package` in libedgetpu's executable.fbs.
_MIN_RUNTIME_VERSION = 4


def facts(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `harness.prepare.edgetpu.proof.FileFacts` for the file at ``arguments["path"]``.

    Raises:
        ModelFileError: the file is damaged.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    path = Path(arguments["path"])
    content = path.read_bytes()
    graph = read_graph(content, path)
    return {
        "inputs": [described(tensor) for tensor in graph.inputs],
        "outputs": [described(tensor) for tensor in graph.outputs],
        "operators": list(Counter(operator.name for operator in graph.operators).items()),
        "runtime_version": max(_runtime_versions(content, path), default=None),
        "not_integer": not_integer(graph),
        "uncompilable": uncompilable(graph),
    }


def _runtime_versions(content: bytes, path: Path) -> Iterator[int]:
    """The oldest version of libedgetpu's interface that runs each compiled part, where the part says it."""
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ModuleNotFoundError as error:
        raise missing("ai-edge-litert", "litert") from error
    try:
        model: Any = schema.Model.GetRootAs(content, 0)
        graph = model.Subgraphs(0)
        for index in range(graph.OperatorsLength()):
            operator = graph.Operators(index)
            if model.OperatorCodes(operator.OpcodeIndex()).CustomCode() == EDGE_TPU_OPERATOR.encode():
                version = package_version(bytes(operator.CustomOptionsAsNumpy()))
                if version is not None:
                    yield version
    except ModelFileError:
        raise
    except Exception as error:
        text = f"the model is damaged: its Edge TPU parts cannot be read ({type(error).__name__})"
        raise ModelFileError(text, where=str(path), remedy="Compile it again.") from error


def package_version(options: bytes) -> int | None:
    """The `min_runtime_version` of the package in a compiled operator's options; None where there is none."""
    from flatbuffers import flexbuffers

    try:
        entries = flexbuffers.GetRoot(options).AsMap
        for key in _EXECUTABLE_KEYS:
            if key in [str(one.AsKey) for one in entries.Keys]:
                return _version(bytes(entries[key].AsStringBytes))
    except Exception:
        return None  # another layout than libedgetpu's: nothing is known then
    return None


def _version(package: bytes) -> int | None:
    from flatbuffers import number_types
    from flatbuffers.table import Table

    if package[4:8] != _PACKAGE_ID:
        return None
    table: Any = Table(bytearray(package), int.from_bytes(package[:4], "little"))
    offset = table.Offset(_MIN_RUNTIME_VERSION)
    value = int(table.Get(number_types.Int32Flags, table.Pos + offset)) if offset else 0
    return value if value > 0 else None
