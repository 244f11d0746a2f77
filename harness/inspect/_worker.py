"""The worker process that reads a model file: the preparation's, with two actions of its own and a bound on memory."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import mmap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.errors import ModelFileError
from harness.inspect.constants import describe
from harness.inspect.model import Constant, Graph, ModelFile, Tensor
from harness.inspect.reader import Names, read_content
from harness.prepare import _worker as preparation
from harness.prepare.faults import UnsupportedModelError, missing
from harness.store.codec import to_json

# Of address space beyond the file itself, which is mapped: Python, numpy, LiteRT's libraries and its arenas.
MEMORY_BYTES = 3 << 29
_BLOCK = 1 << 22


def main() -> int:
    """Carry out the steps of a request: ``read`` and ``open``."""
    here = "harness.inspect._worker"
    preparation.ACTIONS.update({"read": (here, "read"), "open": (here, "open_model")})
    return preparation.main()


def read(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write what is inside ``arguments["path"]`` to ``arguments["found"]``, as JSON of a `ModelFile`.

    Raises:
        ModelFileError: the file is damaged.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    path = Path(arguments["path"])
    _bound_memory(path)
    with path.open("rb") as stream:
        # Not closed here: views of it may live on in an exception. It goes with the process.
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    found = _model_file(content, path)
    if arguments["gzip"]:
        found = replace(found, gzip_bytes=_gzip_bytes(content))
    Path(arguments["found"]).write_text(to_json(found), encoding="utf-8")
    return {}


def open_model(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Whether LiteRT opens the file: ``refused`` is why not, or empty. Without delegates, which would copy weights."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    path = Path(arguments["path"])
    _bound_memory(path)
    try:
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        Interpreter(str(path), num_threads=1, experimental_op_resolver_type=plain).allocate_tensors()
    except (ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        if "unresolved custom op" in text or "Select TensorFlow op" in text:
            return {"refused": f"LiteRT has no kernel for an operator of the model: {text}"}
        return {"refused": f"LiteRT cannot load it: {text}"}
    return {"refused": ""}


def _bound_memory(path: Path) -> None:
    """Limit the address space; a reader that wants more gets a MemoryError."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = MEMORY_BYTES + 2 * path.stat().st_size
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _model_file(content: mmap.mmap, path: Path) -> ModelFile:
    from harness.prepare.litert_file import float_operators, variant_of

    known: dict[tuple[Any, ...], Constant] = {}

    def figures(values: memoryview, buffer: int, tensor: Tensor, sparse: bool) -> Constant:
        """Those of a shared buffer are computed once."""
        key = (buffer, tensor.dtype, tensor.elements, tensor.scale, tensor.zero_point, sparse)
        if key not in known:
            known[key] = describe(values, buffer, tensor, sparse)
        return known[key]

    try:
        parts = read_content(content, schema_names(), figures)
    except ModelFileError as error:
        raise ModelFileError(error.what, where=str(path), remedy="Copy or convert it again.") from error
    graph: Any = resolved(parts.graphs[0])
    return ModelFile(
        path=str(path),
        size_bytes=len(content),
        sha256=_sha256(content),
        **vars(parts),
        variant=variant_of(graph),
        float_operators=tuple(float_operators(graph)),
        cannot_run=unsupported_reason(graph),
    )


def unsupported_reason(graph: Any) -> str:
    """Why the harness cannot benchmark it, by the rules of the preparation."""
    from harness.prepare import litert_file

    try:
        return litert_file.unsupported_reason(graph)
    except UnsupportedModelError as error:
        return error.what


def schema_names() -> Names:
    """The words of LiteRT's own schema.

    Raises:
        MissingDependencyError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ModuleNotFoundError as error:
        raise missing("ai-edge-litert", "litert") from error
    types = {number: name.lower() for number, name in _words(schema.TensorType).items()}
    return Names(types, _words(schema.BuiltinOperator), _words(schema.BuiltinOptions))


def _words(constants: Any) -> dict[int, str]:
    return {
        value: name for name, value in vars(constants).items() if isinstance(value, int) and not name.startswith("_")
    }


def resolved(graph: Graph) -> SimpleNamespace:
    """The graph with tensors in place of their indices, as the rules of the preparation read it."""
    tensors = [
        SimpleNamespace(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=tensor.shape,
            signature=tensor.signature,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
            constant=tensor.constant is not None,
        )
        for tensor in graph.tensors
    ]

    def at(indices: tuple[int, ...]) -> tuple[SimpleNamespace, ...]:
        return tuple(tensors[index] for index in indices if index >= 0)

    operators = tuple(
        SimpleNamespace(name=one.name, custom=one.custom, inputs=at(one.inputs), outputs=at(one.outputs))
        for one in graph.operators
    )
    return SimpleNamespace(inputs=at(graph.inputs), outputs=at(graph.outputs), operators=operators)


def _sha256(content: mmap.mmap) -> str:
    digest = hashlib.sha256()
    view = memoryview(content)
    for begin in range(0, len(view), _BLOCK):
        digest.update(view[begin : begin + _BLOCK])
    view.release()
    return digest.hexdigest()


class _Counter:
    """A file that only counts."""

    size = 0

    def write(self, data: bytes) -> int:
        """Count `data`."""
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing to do."""


def _gzip_bytes(content: mmap.mmap) -> int:
    counter: Any = _Counter()
    with gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=9, mtime=0) as stream:
        for begin in range(0, len(content), _BLOCK):
            stream.write(content[begin : begin + _BLOCK])
    return int(counter.size)
