"""Which converter makes which variant, and which versions are installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from harness.domain import VARIANTS
from harness.errors import RecipeError
from harness.prepare.faults import missing

TENSORFLOW = "tensorflow"
QUANTIZER = "ai-edge-quantizer"
CONVERTERS = (TENSORFLOW, QUANTIZER)

# The better converter for each variant, by SQNR against the float model on the same inputs (random weights, tensorflow
# 2.21 / ai-edge-quantizer 0.10, in dB; MobileNetV1, MobileNetV2, InceptionV3, ResNet101V2; sizes differ by under 1 %,
# int16x8 by up to 3.5 %):
#   dynamic_range  18.1/18.1  18.8/18.8  15.3/15.4  17.0/17.0   equal; the quantizer takes 0.3 s, the other 3 to 13 s
#   float16        38.1/38.5  39.2/39.8  32.5/33.3  35.2/38.0   the quantizer, also by time
#   int8           13.9/13.4  13.4/12.9  14.6/9.6   13.5/10.0   tensorflow
#   int16x8        18.0/15.6  18.6/15.9  15.7/10.2  18.6/10.9   tensorflow
# For dynamic_range both leave weights of under 1024 elements in float; without that the quantizer loses 1 to 3 dB on
# MobileNets and InceptionV3, whose small filters it would quantize.
PREFERRED: Mapping[str, str] = {
    "float32": TENSORFLOW,
    "dynamic_range": QUANTIZER,
    "float16": QUANTIZER,
    "full_integer": TENSORFLOW,
    "int8": TENSORFLOW,
    "int16x8": TENSORFLOW,
}
DISTRIBUTIONS = {
    TENSORFLOW: ("tensorflow-cpu", "tensorflow", "tensorflow-intel", "tensorflow-macos", "tf-nightly"),
    QUANTIZER: ("ai-edge-quantizer", "ai-edge-quantizer-nightly"),
    "keras": ("keras",),
    "ai-edge-litert": ("ai-edge-litert",),
    "scikit-learn": ("scikit-learn",),
}
OPTION = "converter"
OPTIONS = (OPTION, *(f"{OPTION}.{variant}" for variant in VARIANTS))


@dataclass(frozen=True)
class Toolbox:
    """Versions of what is installed, by the keys of `DISTRIBUTIONS`; what is missing has no key."""

    versions: Mapping[str, str]

    def label(self, converter: str) -> str:
        """``tensorflow 2.21.0``."""
        return f"{converter} {self.versions[converter]}"


def installed() -> Toolbox:
    """What this Python has, from package metadata: nothing is imported."""
    found = {}
    for name, distributions in DISTRIBUTIONS.items():
        for distribution in distributions:
            try:
                found[name] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
    return Toolbox(found)


def choose(variant: str, options: Mapping[str, str], tools: Toolbox, *, from_tflite: bool) -> str:
    """The converter for `variant`: as the options say, else the preferred one, else the one that is there.

    `from_tflite`: the source is a float ``.tflite`` file, which only the quantizer reads.

    Raises:
        RecipeError: the options ask for what does not exist.
        MissingDependencyError: the converter is not installed; names the command.
    """
    asked = options.get(f"{OPTION}.{variant}") or options.get(OPTION)
    if asked is not None and asked not in CONVERTERS:
        raise RecipeError(f"there is no converter {asked!r}", remedy=f"Converters: {', '.join(CONVERTERS)}.")
    if variant == "float32":
        return _present(TENSORFLOW, tools)
    if from_tflite:
        if asked == TENSORFLOW:
            raise RecipeError("TensorFlow's converter does not read .tflite files", remedy=f"Use {QUANTIZER}.")
        return _present(QUANTIZER, tools)
    if asked is not None:
        return _present(asked, tools)
    preferred = PREFERRED[variant]
    return preferred if preferred in tools.versions else _present(TENSORFLOW, tools)


def _present(converter: str, tools: Toolbox) -> str:
    if converter not in tools.versions:
        raise missing(converter)
    return converter


def require(name: str, tools: Toolbox, extra: str = "prepare") -> None:
    """Refuse to go on without `name`.

    Raises:
        MissingDependencyError: it is not installed; names the command.
    """
    if name not in tools.versions:
        raise missing(name, extra)
