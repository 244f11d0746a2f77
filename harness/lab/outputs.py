"""The outputs pass: which inputs a case is given, and what its outputs say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.domain import OutputsCheck, VariantFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class OutputsPass:
    """The files of one pass."""

    inputs_path: Path
    outputs_path: Path


def write_inputs(file: VariantFile, folder: Path, stem: str) -> OutputsPass:
    """Lay out the check inputs of `file` as one .npy."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    inputs_path = folder / f"{stem}.inputs.npy"
    assert file.check_path is not None
    with np.load(file.check_path) as archive:
        np.save(inputs_path, archive["inputs"])
    return OutputsPass(inputs_path, folder / f"{stem}.outputs.npy")


def read_check(file: VariantFile, made: OutputsPass) -> OutputsCheck:
    """Judge the outputs that the runner wrote against the float reference, and against the same file on the CPU."""
    import numpy as np

    from harness.accuracy import check_outputs

    assert file.check_path is not None
    with np.load(file.check_path) as archive:
        reference: NDArray[np.float32] = archive["outputs"]
    same_file = np.load(file.own_outputs_path) if file.own_outputs_path is not None else None
    return check_outputs(np.load(made.outputs_path), reference, same_file)
