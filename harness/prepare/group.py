"""Variants that are made of one source: those without a technique, and those of each technique. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.variants import COMPILED_FROM, TECHNIQUES, Variant, parse_variant

BASE = "float32"


@dataclass(frozen=True)
class Group:
    """The `modes` that are wanted of one source; `technique` is empty for the model as it is."""

    technique: str
    modes: tuple[str, ...]

    @property
    def trained_for_integers(self) -> bool:
        """The technique fixes the ranges: there is no float file, and no calibration."""
        return bool(self.technique) and TECHNIQUES[self.technique].quantized

    @property
    def base(self) -> str | None:
        """The mode that others are made from, made first; None where each is made of the source itself."""
        return None if self.trained_for_integers else BASE

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the wanted variants."""
        return tuple(self.name(mode) for mode in self.modes)

    def name(self, mode: str) -> str:
        """The name of the variant that `mode` gives."""
        return Variant(self.technique, mode).name


def grouped(names: Sequence[str]) -> tuple[Group, ...]:
    """`names` by technique, the group without one first, which is there even when nothing of it is wanted.

    What is compiled of another variant stands for that one here: it is made when that is done.
    """
    modes: dict[str, list[str]] = {"": []}
    for name in names:
        variant = parse_variant(name)
        modes.setdefault(variant.technique, []).append(COMPILED_FROM.get(variant.mode, variant.mode))
    return tuple(Group(technique, tuple(dict.fromkeys(wanted))) for technique, wanted in modes.items())
