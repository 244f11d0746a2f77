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
    """The files of one pass: the check inputs first, then the test samples."""

    inputs_path: Path
    outputs_path: Path
    checks: int
    samples: int


def write_inputs(file: VariantFile, samples: int | None, folder: Path, stem: str) -> OutputsPass:
    """Lay out the inputs of `file` as one .npy: its check inputs, then at most `samples` test inputs (None: all)."""
    import numpy as np

    parts: list[NDArray[np.float32]] = []
    checks = taken = 0
    if file.check_path is not None:
        with np.load(file.check_path) as archive:
            parts.append(archive["inputs"])
        checks = len(parts[0])
    if file.data_path is not None and samples != 0:
        with np.load(file.data_path) as archive:
            parts.append(archive["inputs"][:samples])
        taken = len(parts[-1])
    folder.mkdir(parents=True, exist_ok=True)
    inputs_path = folder / f"{stem}.inputs.npy"
    np.save(inputs_path, np.concatenate(parts))
    return OutputsPass(inputs_path, folder / f"{stem}.outputs.npy", checks, taken)


def read_check(file: VariantFile, made: OutputsPass) -> OutputsCheck:
    """Judge the outputs that the runner wrote against the float reference and the labels."""
    import numpy as np

    from harness.accuracy import check_outputs

    outputs = np.load(made.outputs_path)
    reference: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    if made.checks and file.check_path is not None:
        with np.load(file.check_path) as archive:
            reference = archive["outputs"]
    if made.samples and file.data_path is not None:
        with np.load(file.data_path) as archive:
            labels = archive["labels"][: made.samples]
    return check_outputs(
        outputs[: made.checks],
        reference,
        task_outputs=outputs[made.checks :] if labels is not None else None,
        labels=labels,
        task=file.task,
    )
