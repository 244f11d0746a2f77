"""Graphs as values, without a file."""

from __future__ import annotations

from typing import Any

from harness.inspect.model import Constant, Graph, ModelFile, Operator, Tensor


class Drawn:
    """A graph that grows operator by operator."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def tensor(
        self, name: str, shape: tuple[int, ...], dtype: str = "float32", *, constant: bool = False, **fields: Any
    ) -> int:
        index = len(self.tensors)
        if dtype in ("int8", "uint8", "int16") and "scales" not in fields:
            fields |= {"scales": (0.5,), "zero_points": (0,)}
        fixed = tuple(max(1, size) for size in shape)
        figures = Constant(index + 1, 4, **fields.pop("figures", {})) if constant else None
        self.tensors.append(Tensor(index, name, dtype, fixed, shape, constant=figures, **fields))
        return index

    def operator(
        self,
        name: str,
        inputs: list[int],
        outputs: list[int],
        *,
        custom: bool = False,
        version: int = 1,
        **options: Any,
    ) -> int:
        index = len(self.operators)
        self.operators.append(
            Operator(index, name, version, custom, tuple(inputs), tuple(outputs), tuple(options.items()))
        )
        return index

    def unary(self, name: str, source: int, label: str, dtype: str | None = None, **options: Any) -> int:
        """An operator with one input and an output of its shape."""
        tensor = self.tensors[source]
        out = self.tensor(label, tensor.signature, dtype or tensor.dtype)
        self.operator(name, [source], [out], **options)
        return out

    def graph(self) -> Graph:
        return Graph("main", tuple(self.inputs), tuple(self.outputs), tuple(self.tensors), tuple(self.operators))

    def file(self, **fields: Any) -> ModelFile:
        known = {"path": "folder/m.tflite", "size_bytes": 1000, "sha256": "ab" * 32, "variant": "float32"}
        return ModelFile(**{**known, "schema_version": 3, "description": "", "graphs": (self.graph(),), **fields})


def chain(names: list[str], operator: str = "RELU", dtype: str = "float32") -> Drawn:
    """Operators one after the other, named."""
    drawn = Drawn()
    data = drawn.tensor("input", (1, 4, 4, 2), dtype)
    drawn.inputs = [data]
    for name in names:
        data = drawn.unary(operator, data, name)
    drawn.outputs = [data]
    return drawn
