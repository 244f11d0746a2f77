"""The names of model variants: ``[technique+]mode``, what each needs, and where it can run. Pure.

A *technique* trains the model again (``qat``, ``pruned``, ``clustered`` and their combinations, by
tensorflow-model-optimization); a *mode* is how the result is converted (``float32``, ``int8``, …).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from harness.errors import UsageError

_CPU_GPU = ("CPU", "GPU")
_INTEGER = ("CPU", "GPU (Android)", "Edge TPU", "Hexagon DSP")


@dataclass(frozen=True)
class Mode:
    """A way of converting.

    Attributes:
        integer: activations and weights are integers.
        data: what it needs: ``none`` or ``representative``.
        hardware: where the field's guide expects it to run.
    """

    name: str
    integer: bool
    data: str
    hardware: tuple[str, ...]


@dataclass(frozen=True)
class Technique:
    """A way of training again. `default_mode` is what its bare name stands for."""

    name: str
    default_mode: str
    sparse: bool
    clustered: bool
    quantized: bool


MODES = {
    mode.name: mode
    for mode in (
        Mode("float32", False, "none", _CPU_GPU),
        Mode("dynamic_range", False, "none", ("CPU",)),
        Mode("float16", False, "none", _CPU_GPU),
        Mode("full_integer", True, "representative", _INTEGER[:2] + _INTEGER[3:]),
        Mode("int8", True, "representative", _INTEGER),
        Mode("int16x8", True, "representative", ("CPU",)),
        Mode("weight_only_int8", False, "none", ("CPU",)),
        Mode("weight_only_int4", False, "none", ("CPU",)),
        Mode("dynamic_range_int4", False, "none", ("CPU",)),
        Mode("edgetpu", True, "representative", ("Edge TPU",)),
    )
}
TECHNIQUES = {
    technique.name: technique
    for technique in (
        Technique("qat", "int8", sparse=False, clustered=False, quantized=True),
        Technique("pruned", "float32", sparse=True, clustered=False, quantized=False),
        Technique("clustered", "float32", sparse=False, clustered=True, quantized=False),
        Technique("pruned_clustered", "float32", sparse=True, clustered=True, quantized=False),
        Technique("pruned_qat", "int8", sparse=True, clustered=False, quantized=True),
        Technique("clustered_qat", "int8", sparse=False, clustered=True, quantized=True),
        Technique("pruned_clustered_qat", "int8", sparse=True, clustered=True, quantized=True),
    )
}
# What quantization-aware training fixed cannot be converted otherwise.
QAT_MODES = ("int8", "full_integer", "edgetpu")
# A mode that is another one, compiled for a device: `edgetpu` is int8 through edgetpu_compiler.
COMPILED_FROM = {"edgetpu": "int8"}


@dataclass(frozen=True)
class Variant:
    """A parsed name. `technique` is empty for a model that is only converted."""

    technique: str
    mode: str

    @property
    def name(self) -> str:
        """The shortest name: ``int8``, ``qat``, ``qat+full_integer``, ``pruned``, ``pruned+int8``."""
        if not self.technique:
            return self.mode
        bare = TECHNIQUES[self.technique].default_mode == self.mode
        return self.technique if bare else f"{self.technique}+{self.mode}"

    @property
    def integer(self) -> bool:
        """Activations and weights are integers."""
        return MODES[self.mode].integer

    @property
    def data_needed(self) -> str:
        """``none``, ``representative`` or ``labelled``: what preparing it takes."""
        return "labelled" if self.technique else MODES[self.mode].data

    @property
    def hardware(self) -> tuple[str, ...]:
        """Where the field's guide expects it to run; what a device really does is measured."""
        return MODES[self.mode].hardware


def parse_variant(name: str) -> Variant:
    """The variant called `name`; ``qat+int8`` and ``qat`` are the same.

    Raises:
        UsageError: there is none; names the nearest.
    """
    first, plus, rest = name.partition("+")
    if first in TECHNIQUES:
        technique = TECHNIQUES[first]
        found = Variant(first, rest if plus else technique.default_mode)
        if technique.quantized and rest and rest not in QAT_MODES:
            raise UsageError(
                f"{first} is trained for 8-bit integers and cannot become {rest!r}",
                remedy=f"{' or '.join(f'{first}+{mode}' for mode in QAT_MODES)}.",
            )
        if found.mode in MODES:
            return found
    elif not plus and first in MODES:
        return Variant("", first)
    near = difflib.get_close_matches(name, variant_names(), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(
        f"{name!r} is not a variant{hint}",
        remedy=f"{', '.join(MODES)}, or {', '.join(TECHNIQUES)}, these also with a mode, as pruned+int8.",
    )


def variant_names() -> tuple[str, ...]:
    """Every name there is, the shortest of each."""
    names = list(MODES)
    for technique in TECHNIQUES.values():
        modes = QAT_MODES if technique.quantized else tuple(MODES)
        names += [Variant(technique.name, mode).name for mode in modes]
    return tuple(names)


def mode_of(name: str) -> str:
    """The mode of the variant called `name`; the name itself where it is none of ours."""
    try:
        return parse_variant(name).mode
    except UsageError:
        return name


def source_variant(name: str) -> str:
    """What the variant called `name` is compiled from (``qat`` for ``qat+edgetpu``), or `name` itself.

    Rows of both compute the same network, so they are compared under this name.
    """
    mode = COMPILED_FROM.get(mode_of(name))
    return name if mode is None else Variant(technique_of(name), mode).name


def edgetpu_variant(name: str) -> str:
    """What the Edge TPU runs of the variant called `name`: ``edgetpu`` for ``int8``; empty where it can run none."""
    mode = mode_of(name)
    if mode not in ("int8", "edgetpu"):
        return ""
    return Variant(technique_of(name), "edgetpu").name


def technique_of(name: str) -> str:
    """The technique of the variant called `name`; empty where it has none or is none of ours."""
    try:
        return parse_variant(name).technique
    except UsageError:
        return ""


def is_integer(name: str) -> bool:
    """Whether the variant called `name` computes in integers."""
    mode = MODES.get(mode_of(name))
    return mode is not None and mode.integer
