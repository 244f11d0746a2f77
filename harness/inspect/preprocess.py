"""What an Android app has to know of a model's inputs, as values and as a block to copy. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from harness.inspect.measured import Stored
from harness.inspect.model import ModelFile, Normalisation, Tensor

NOT_IN_FILE = "not in the file"
_BYTES = {
    "float32": 4,
    "float16": 2,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "bool": 1,
}
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


@dataclass(frozen=True)
class InputFacts:
    """One input of a model as an app fills it.

    Attributes:
        height, width, channels: of an image input (batch, height, width, channels); None for other shapes.
        mean, std: of ``(value - mean) / std``, by which pixels of 0 to 255 become what the model was trained on;
            one value for all channels, or one each; empty when not known.
        known_from: who says so: the file's metadata, or a run of the results store; ``not in the file`` otherwise.
        low, high: the real numbers that the smallest and largest integer stand for; None for other types.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    batch: int
    bytes_per_channel: int | None
    height: int | None = None
    width: int | None = None
    channels: int | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    known_from: str = NOT_IN_FILE
    scale: float = 0.0
    zero_point: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def tensor_bytes(self) -> int | None:
        """The size of the buffer that an app fills."""
        total = self.bytes_per_channel
        for size in self.shape:
            total = total * max(1, size) if total is not None else None
        return total


def input_facts(file: ModelFile, stored: Stored) -> tuple[InputFacts, ...]:
    """The facts of each input of the main graph."""
    only = len(file.inputs) == 1
    return tuple(_facts(file, order, tensor, stored if only else Stored()) for order, tensor in enumerate(file.inputs))


def _facts(file: ModelFile, order: int, tensor: Tensor, stored: Stored) -> InputFacts:
    image = len(tensor.shape) == 4
    height, width, channels = tensor.shape[1:] if image else (None, None, None)
    mean, std, known_from = _normalisation(file.normalisation, order, stored, channels)
    scale = tensor.scale if isfinite(tensor.scale) and tensor.scale > 0 else 0.0
    limits = _LIMITS.get(tensor.dtype) if scale else None
    low, high = ((limit - tensor.zero_point) * scale for limit in limits) if limits else (None, None)
    return InputFacts(
        name=_name(file, tensor),
        dtype=tensor.dtype,
        shape=tensor.signature,
        batch=tensor.shape[0] if tensor.shape else 1,
        bytes_per_channel=_BYTES.get(tensor.dtype),
        height=height,
        width=width,
        channels=channels,
        mean=mean,
        std=std,
        known_from=known_from,
        scale=scale,
        zero_point=tensor.zero_point,
        low=low,
        high=high,
    )


def _name(file: ModelFile, tensor: Tensor) -> str:
    """The signature's name of an input, by which apps call it; else the tensor's own."""
    named = [name for one in file.signatures if one.graph == 0 for name, index in one.inputs if index == tensor.index]
    return named[0] if named else tensor.name


def _normalisation(
    of_file: Sequence[Normalisation], order: int, stored: Stored, channels: int | None
) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    for one in of_file:
        if one.input == order and all(len(values) in (1, channels) for values in (one.mean, one.std)):
            return one.mean, one.std, "the file's metadata"
    described = dict(stored.preprocessing)
    if described.get("kind") == "image" and channels is not None:
        mean, std = (_numbers(described, name) for name in ("mean", "std"))
        if all(len(values) in (1, channels) for values in (mean, std)):
            return mean, std, f"the recipe, in run {stored.preprocessing_run}"
    return (), (), NOT_IN_FILE


def _numbers(described: Mapping[str, str], name: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in described.get(name, "").replace(",", " ").split())
    except ValueError:
        return ()


def block(facts: InputFacts) -> str:
    """Constants in Kotlin for an app, one a line; what is not known is a comment."""
    image = facts.height is not None
    lines = [
        f"// Input {_one_line(facts.name)}: {facts.dtype} {list(facts.shape)}",
        f"const val BATCH_SIZE = {facts.batch}",
    ]
    if image:
        sizes = (("INPUT_HEIGHT", facts.height), ("INPUT_WIDTH", facts.width), ("CHANNELS", facts.channels))
        lines += [f"const val {name} = {value}" for name, value in sizes]
    if facts.bytes_per_channel is not None:
        lines.append(f"const val {'BYTES_PER_CHANNEL' if image else 'BYTES_PER_VALUE'} = {facts.bytes_per_channel}")
    if facts.tensor_bytes is not None:
        lines.append(f"const val INPUT_BYTES = {facts.tensor_bytes}")
    if image:
        lines += _normalised("IMAGE_MEAN", facts.mean, facts) + _normalised("IMAGE_STD", facts.std, facts)
    if facts.scale:
        lines += [f"const val INPUT_SCALE = {_float(facts.scale)}", f"const val INPUT_ZERO_POINT = {facts.zero_point}"]
        least, most = _LIMITS.get(facts.dtype, (0, 0))
        kept = f", then kept within {least} to {most}" if most else ""
        lines.append(f"// stored = round(real / INPUT_SCALE) + INPUT_ZERO_POINT{kept}")
    if facts.low is not None:
        lines.append(f"// the stored integers stand for {facts.low:.6g} to {facts.high:.6g}")
    if facts.mean:
        lines.append("// real = (pixel - IMAGE_MEAN) / IMAGE_STD")
        lines += _fused(facts)
    return "\n".join(lines)


def _normalised(name: str, values: tuple[float, ...], facts: InputFacts) -> list[str]:
    if not values:
        return [f"// {name}: {NOT_IN_FILE}"]
    if len(set(values)) == 1:
        return [f"const val {name} = {_float(values[0])}  // {_one_line(facts.known_from)}"]
    return [f"val {name} = floatArrayOf({', '.join(map(_float, values))})  // {_one_line(facts.known_from)}"]


def _fused(facts: InputFacts) -> list[str]:
    """For a quantized image the two steps as one, where all channels have the same."""
    if not facts.scale or len(set(facts.mean)) != 1 or len(set(facts.std)) != 1 or not facts.std[0]:
        return []
    step = facts.std[0] * facts.scale
    shift = facts.zero_point - facts.mean[0] / step
    return [f"// both steps at once: stored = round(pixel / {step:.6g} {'+' if shift >= 0 else '-'} {abs(shift):.6g})"]


def _float(value: float) -> str:
    """A literal of Kotlin's Float: a whole number keeps no exponent it would not parse."""
    return f"{value:.9g}f"


def _one_line(text: str) -> str:
    """Printable text without line breaks: a name must not leave its comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200]
