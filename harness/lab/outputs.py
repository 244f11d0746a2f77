"""The outputs pass: which inputs a case is given, and what its outputs say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.domain import OutputsCheck, TensorInfo, VariantFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MADE_UP = 10


@dataclass(frozen=True)
class OutputsPass:
    """The files of one pass."""

    inputs_path: Path
    outputs_path: Path


def write_inputs(file: VariantFile, folder: Path, stem: str) -> OutputsPass:
    """Lay out the check inputs of `file` as one .npy; where it has none, some that its inputs can hold."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    inputs_path = folder / f"{stem}.inputs.npy"
    np.save(inputs_path, _check_inputs(file) if file.check_path is not None else _made_up(file.inputs))
    return OutputsPass(inputs_path, folder / f"{stem}.outputs.npy")


def read_check(file: VariantFile, made: OutputsPass) -> OutputsCheck | None:
    """Judge the outputs that the runner wrote against the float reference, and against the same file on the CPU.

    None for a file without a reference: that it computed something is all that is known.
    """
    import numpy as np

    from harness.accuracy import check_outputs

    if file.check_path is None:
        return None
    with np.load(file.check_path) as archive:
        reference: NDArray[np.float32] = archive["outputs"]
    same_file = np.load(file.own_outputs_path) if file.own_outputs_path is not None else None
    return check_outputs(np.load(made.outputs_path), reference, same_file)


def _check_inputs(file: VariantFile) -> NDArray[np.float32]:
    import numpy as np

    assert file.check_path is not None
    with np.load(file.check_path) as archive:
        inputs: NDArray[np.float32] = archive["inputs"]
    return inputs


def _made_up(tensors: tuple[TensorInfo, ...]) -> NDArray[np.float32]:
    """Samples over the whole range of each input, packed as those of a model with several inputs are."""
    import numpy as np

    rng = np.random.default_rng(1)
    parts = []
    for tensor in tensors:
        shape = (_MADE_UP, *tensor.shape[1:])
        if tensor.scale and tensor.dtype in ("int8", "uint8", "int16"):
            limits = np.iinfo(tensor.dtype)
            stored = rng.integers(limits.min, limits.max, shape, endpoint=True)
            parts.append(((stored - tensor.zero_point) * tensor.scale).astype(np.float32))
        else:  # floats, or ids, of which 0 is always one
            parts.append(rng.random(shape, np.float32) if "float" in tensor.dtype else np.zeros(shape, np.float32))
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part.reshape(_MADE_UP, -1) for part in parts], axis=1)
