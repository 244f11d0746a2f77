"""Float islands of an integer model: where it leaves its integers for a while."""

from __future__ import annotations

from dataclasses import dataclass

from harness.inspect.model import FLOATS, QUANTIZED, Graph, Operator

_BORDERS = ("DEQUANTIZE", "QUANTIZE")


@dataclass(frozen=True)
class Island:
    """Connected operators that compute in float.

    Attributes:
        operators: their indices, in the order of the file.
        entries: the DEQUANTIZE operators through which integers come in.
        exits: the QUANTIZE operators through which they leave.
        at_input, at_output: it touches a float input or output of the model.
    """

    operators: tuple[int, ...]
    entries: tuple[int, ...] = ()
    exits: tuple[int, ...] = ()
    at_input: bool = False
    at_output: bool = False


def is_integer(graph: Graph) -> bool:
    """Whether some operator computes quantized integers that are no constants."""
    return any(
        tensor.dtype in QUANTIZED and tensor.scales
        for operator in graph.operators
        for tensor in graph.tensors_at(operator.outputs)
    )


def float_islands(graph: Graph) -> tuple[Island, ...]:
    """Groups of float operators in an integer graph, in the order of the file; empty for a float graph.

    Two float operators are of one group when they touch the same float tensor that is no constant.
    """
    if not is_integer(graph):
        return ()
    members = [operator for operator in graph.operators if computes_float(graph, operator)]
    groups = _Groups()
    for operator in members:
        for index in _data(graph, operator):
            groups.join(("operator", operator.index), ("tensor", index))
    found: dict[tuple[str, int], list[Operator]] = {}
    for operator in members:
        found.setdefault(groups.root(("operator", operator.index)), []).append(operator)
    return tuple(_island(graph, group) for group in found.values())


def computes_float(graph: Graph, operator: Operator) -> bool:
    """Whether its result is float and none of its operands is quantized; conversions do not count."""
    inputs, outputs = graph.tensors_at(operator.inputs), graph.tensors_at(operator.outputs)
    return (
        operator.name not in _BORDERS
        and any(tensor.dtype in FLOATS for tensor in outputs)
        and not any(tensor.dtype in QUANTIZED for tensor in inputs)
    )


def _data(graph: Graph, operator: Operator) -> list[int]:
    """Its float tensors that are no constants."""
    tensors = graph.tensors_at((*operator.inputs, *operator.outputs))
    return [tensor.index for tensor in tensors if tensor.dtype in FLOATS and tensor.constant is None]


def _island(graph: Graph, group: list[Operator]) -> Island:
    read = {index for operator in group for index in operator.inputs}
    written = {index for operator in group for index in operator.outputs}
    entries = {graph.producers[index].index for index in read if _is(graph.producers.get(index), "DEQUANTIZE")}
    exits = {one.index for index in written for one in graph.consumers.get(index, ()) if _is(one, "QUANTIZE")}
    return Island(
        tuple(operator.index for operator in group),
        tuple(sorted(entries)),
        tuple(sorted(exits)),
        bool(read & set(graph.inputs)),
        bool(written & set(graph.outputs)),
    )


def _is(operator: Operator | None, name: str) -> bool:
    return operator is not None and operator.name == name


class _Groups:
    """Union of things that belong together."""

    def __init__(self) -> None:
        self._parents: dict[tuple[str, int], tuple[str, int]] = {}

    def root(self, thing: tuple[str, int]) -> tuple[str, int]:
        self._parents.setdefault(thing, thing)
        while self._parents[thing] != thing:
            self._parents[thing] = self._parents[self._parents[thing]]
            thing = self._parents[thing]
        return thing

    def join(self, left: tuple[str, int], right: tuple[str, int]) -> None:
        self._parents[self.root(left)] = self.root(right)
