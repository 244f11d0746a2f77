"""Two model files side by side: layers and tensors matched by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.inspect.analysis import OperatorFacts, Report
from harness.inspect.model import Tensor

SAME, DIFFERS, ONLY_LEFT, ONLY_RIGHT = "same", "differs", "only left", "only right"
# What converters and quantizers append to the name of a tensor that they copy.
_SUFFIX = re.compile(r"(?:_(?:(?:de|re)?quant(?:ized|ize)?|int8|int16|float16))+\d*$")
_PORT = re.compile(r":\d+$")
T = TypeVar("T")


@dataclass(frozen=True)
class LayerPair:
    """An operator of the left file and its namesake in the right one; `differs` names what is not alike."""

    state: str
    left: OperatorFacts | None
    right: OperatorFacts | None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class TensorPair:
    """Likewise for tensors."""

    state: str
    left: Tensor | None
    right: Tensor | None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Two reports and what is alike in them. `operators` has (name, count left, count right) of the main graphs."""

    left: Report
    right: Report
    operators: tuple[tuple[str, int, int], ...]
    layers: tuple[LayerPair, ...]
    tensors: tuple[TensorPair, ...]

    @property
    def same_file(self) -> bool:
        """The bytes are the same."""
        return self.left.file.sha256 == self.right.file.sha256


def compare(left: Report, right: Report) -> Comparison:
    """The differences of two files, in the order of the left one; what only the right one has comes last."""
    counts = [Counter(one.operator.name for one in report.operators) for report in (left, right)]
    names = sorted(set(counts[0]) | set(counts[1]))
    layers = _matched(left.operators, right.operators, lambda one: (one.layer, one.operator.name))
    tensors = _matched(left.file.main.tensors, right.file.main.tensors, lambda one: (one.name, ""))
    return Comparison(
        left,
        right,
        tuple((name, counts[0][name], counts[1][name]) for name in names),
        tuple(_layer_pair(left, right, one, other) for one, other in layers),
        tuple(_tensor_pair(one, other) for one, other in tensors),
    )


def plain_name(name: str) -> str:
    """A tensor's name without what conversions append; of fused layers the first."""
    return _SUFFIX.sub("", _PORT.sub(":", name.split(";")[0]))


def _matched(
    left: Sequence[T], right: Sequence[T], key: Callable[[T], tuple[str, str]]
) -> list[tuple[T | None, T | None]]:
    """Pairs by the whole name, then of what is left by its plain form; each is in one pair."""
    partner: dict[int, int] = {}
    for plain in (lambda name: name, plain_name):
        free: dict[tuple[str, str], list[int]] = {}
        taken = set(partner.values())
        for index, one in enumerate(right):
            if index not in taken:
                name, kind = key(one)
                free.setdefault((plain(name), kind), []).append(index)
        for index, one in enumerate(left):
            name, kind = key(one)
            if index not in partner and name and (found := free.get((plain(name), kind))):
                partner[index] = found.pop(0)
    pairs: list[tuple[T | None, T | None]] = [
        (one, right[partner[index]] if index in partner else None) for index, one in enumerate(left)
    ]
    taken = set(partner.values())
    return pairs + [(None, one) for index, one in enumerate(right) if index not in taken]


def _state(left: object, right: object, differs: tuple[str, ...]) -> str:
    if left is None:
        return ONLY_RIGHT
    if right is None:
        return ONLY_LEFT
    return DIFFERS if differs else SAME


def _layer_pair(one: Report, other: Report, left: OperatorFacts | None, right: OperatorFacts | None) -> LayerPair:
    differs: tuple[str, ...] = ()
    if left is not None and right is not None:
        values = [
            ("type", left.kind, right.kind),
            ("version", left.operator.version, right.operator.version),
            ("options", left.operator.options, right.operator.options),
            ("MACs", left.macs, right.macs),
            ("parameters", left.parameters, right.parameters),
            ("output shape", _output_shape(one, left), _output_shape(other, right)),
        ]
        differs = tuple(name for name, a, b in values if a != b)
    return LayerPair(_state(left, right, differs), left, right, differs)


def _output_shape(report: Report, facts: OperatorFacts) -> tuple[int, ...]:
    outputs = report.file.main.tensors_at(facts.operator.outputs)
    return outputs[0].signature if outputs else ()


def _tensor_pair(left: Tensor | None, right: Tensor | None) -> TensorPair:
    differs: tuple[str, ...] = ()
    if left is not None and right is not None:
        values = [
            ("type", left.dtype, right.dtype),
            ("shape", left.signature, right.signature),
            ("quantization", (left.scales, left.zero_points), (right.scales, right.zero_points)),
            ("bytes", _bytes(left), _bytes(right)),
            ("values", _figures(left), _figures(right)),
        ]
        differs = tuple(name for name, a, b in values if a != b)
    return TensorPair(_state(left, right, differs), left, right, differs)


def _bytes(tensor: Tensor) -> int | None:
    return tensor.constant.size_bytes if tensor.constant else None


def _figures(tensor: Tensor) -> object:
    """What is known of a constant's values."""
    constant = tensor.constant
    if constant is None:
        return None
    return constant.minimum, constant.maximum, constant.zeros, constant.values, constant.histogram
