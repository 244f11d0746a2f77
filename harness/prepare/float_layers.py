"""Which operators of a model stay float: by their kind (``SOFTMAX``), or by a part of the names of what they compute.

An operator has the names of its output tensors; TensorFlow's converter joins there, with ``;``, the names of all layers
that it fused into one operator. Pure.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import ConversionError

_SHOWN = 5


@dataclass(frozen=True)
class Layer:
    """One operator of a float file: its kind, and its output tensors' names, each followed by a semicolon."""

    kind: str
    scope: str

    def has(self, part: str) -> bool:
        """`part` occurs in the names; a semicolon at its begin or end stands for the begin or end of one."""
        return part in f";{self.scope}"


def kept_layers(layers: Sequence[Layer], keep_float: Iterable[str]) -> tuple[Layer, ...]:
    """The `layers` that `keep_float` names: the kind of an operator, or a part of names, as plain text.

    Raises:
        ConversionError: an entry names nothing of the model; says what is near, and which operators there are.
    """
    kept: set[Layer] = set()
    for part in keep_float:
        found = [layer for layer in layers if layer.kind == part] or [layer for layer in layers if layer.has(part)]
        if not part or not found:
            raise ConversionError(f"keep_float: no operator or layer is called {part!r}", remedy=_known(layers, part))
        kept.update(found)
    return tuple(layer for layer in layers if layer in kept)


def _known(layers: Sequence[Layer], part: str) -> str:
    kinds = sorted({layer.kind for layer in layers})
    words = {word for layer in layers for word in layer.scope.replace(";", "/").split("/") if word}
    spelled = {word.lower(): word for word in (*sorted(words), *kinds)}
    near = difflib.get_close_matches(part.lower(), spelled, n=_SHOWN, cutoff=0.5)
    hint = f"Near: {', '.join(spelled[word] for word in near)}. " if near else ""
    return f"{hint}Operators: {', '.join(kinds)}."


def short_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """For each layer the shortest readable part of its names that no other layer's names contain."""
    kinds = {layer.kind for layer in layers}
    return tuple(_short_name(layer, [other for other in layers if other is not layer], kinds) for layer in layers)


def _short_name(layer: Layer, others: Sequence[Layer], kinds: set[str]) -> str:
    for part in _parts(layer.scope):
        if "," not in part and part not in kinds and not any(other.has(part) for other in others):
            return part
    return f";{layer.scope}"


def _parts(scope: str) -> Iterable[str]:
    """Of each name its last word, the word before it, …, then two words, …"""
    for name in filter(None, scope.split(";")):
        words = name.split("/")
        for count in range(1, len(words) + 1):
            for end in range(len(words), count - 1, -1):
                part = "/".join(words[end - count : end])
                if part:
                    yield part
