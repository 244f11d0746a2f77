"""Which converter makes which variant, and which versions are installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from harness.errors import RecipeError
from harness.prepare.faults import missing
from harness.variants import COMPILED_FROM, MODES

TENSORFLOW = "tensorflow"
QUANTIZER = "ai-edge-quantizer"
CONVERTERS = (TENSORFLOW, QUANTIZER)

# The better converter for each mode, by the distance of the outputs from the float model's on the same inputs
# (tensorflow 2.21 / ai-edge-quantizer 0.10; sizes differ by under 1 %, int16x8 is up to 3.5 % smaller by the
# quantizer). SQNR in dB for MobileNetV1, MobileNetV2, InceptionV3, ResNet101V2 with random weights:
#   dynamic_range  18.1/18.1  18.8/18.8  15.3/15.4  17.0/17.0   equal; the quantizer takes 0.3 s, the other 3 to 13 s
#   float16        38.1/38.5  39.2/39.8  32.5/33.3  35.2/38.0   the quantizer, also by time
# RMSE for digits_cnn (trained), MobileNetV1, MobileNetV2, InceptionV3:
#   int8     0.0611/0.0611  0.0910/0.0904  0.0960/0.0952  0.1546/0.1545   equal or the quantizer
#   int16x8  0.0319/0.0319  0.0586/0.0586  0.0546/0.0545  0.1387/0.1388   equal
# The quantizer's are equal because it is given the range of each tensor over all samples: its own calibration takes a
# moving average of the samples' ranges, which costs 0.5 to 5 dB. TensorFlow's are the same by its public call and by
# its parts (`harness.prepare.tensorflow_converter`). For dynamic_range both leave weights of under 1024 elements in
# float; without that the quantizer loses 1 to 3 dB on MobileNets and InceptionV3, whose small filters it would take.
# What the quantizer refuses is made by TensorFlow's converter.
PREFERRED: Mapping[str, str] = {
    "float32": TENSORFLOW,
    "dynamic_range": QUANTIZER,
    "float16": QUANTIZER,
    "full_integer": QUANTIZER,
    "int8": QUANTIZER,
    "int16x8": QUANTIZER,
    "weight_only_int8": QUANTIZER,
    "weight_only_int4": QUANTIZER,
    "dynamic_range_int4": QUANTIZER,
}
# What TensorFlow's converter cannot make.
QUANTIZER_ONLY = ("weight_only_int8", "weight_only_int4", "dynamic_range_int4")
DISTRIBUTIONS = {
    TENSORFLOW: ("tensorflow-cpu", "tensorflow", "tensorflow-intel", "tensorflow-macos", "tf-nightly"),
    QUANTIZER: ("ai-edge-quantizer", "ai-edge-quantizer-nightly"),
    "keras": ("keras",),
    "ai-edge-litert": ("ai-edge-litert",),
    "scikit-learn": ("scikit-learn",),
    "tf-keras": ("tf-keras", "tf_keras"),
    "tensorflow-model-optimization": ("tensorflow-model-optimization",),
}
OPTION = "converter"
OPTIONS = (OPTION, *(f"{OPTION}.{variant}" for variant in MODES if variant not in COMPILED_FROM))


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


def choose(
    mode: str, options: Mapping[str, str], tools: Toolbox, *, from_tflite: bool, keep_float: bool = False
) -> str:
    """The converter for `mode`: as the options say, else the preferred one, else the one that is there.

    `from_tflite`: the source is a float ``.tflite`` file, which only the quantizer reads. `keep_float`: parts of the
    model stay float, which only the quantizer can do.

    Raises:
        RecipeError: the options ask for what does not exist.
        MissingDependencyError: the converter is not installed; names the command.
    """
    asked = options.get(f"{OPTION}.{mode}") or options.get(OPTION)
    if asked is not None and asked not in CONVERTERS:
        raise RecipeError(f"there is no converter {asked!r}", remedy=f"Converters: {', '.join(CONVERTERS)}.")
    if mode == "float32":
        return _present(TENSORFLOW, tools)
    reason = _needs_quantizer(mode, from_tflite, keep_float)
    if reason:
        if asked == TENSORFLOW and (mode not in QUANTIZER_ONLY or f"{OPTION}.{mode}" in options):
            raise RecipeError(reason, remedy=f"Use {QUANTIZER}.")
        return _present(QUANTIZER, tools)
    if asked is not None:
        return _present(asked, tools)
    preferred = PREFERRED[mode]
    return preferred if preferred in tools.versions else _present(TENSORFLOW, tools)


def otherwise(mode: str, options: Mapping[str, str], tools: Toolbox, *, from_tflite: bool, keep_float: bool) -> str:
    """The converter to try when the chosen one refuses the model; empty when the options name one, or none is left."""
    asked = options.get(f"{OPTION}.{mode}") or options.get(OPTION)
    if asked or _needs_quantizer(mode, from_tflite, keep_float) or PREFERRED[mode] == TENSORFLOW:
        return ""
    return TENSORFLOW if TENSORFLOW in tools.versions else ""


def _needs_quantizer(mode: str, from_tflite: bool, keep_float: bool) -> str:
    """Why TensorFlow's converter cannot do it, or an empty string."""
    if from_tflite:
        return "TensorFlow's converter does not read .tflite files"
    if mode in QUANTIZER_ONLY:
        return f"TensorFlow's converter does not make {mode}"
    return "TensorFlow's converter cannot keep parts of a model in float" if keep_float else ""


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
