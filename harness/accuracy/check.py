"""What the check inputs showed: how far outputs are from what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.metrics import output_error
from harness.domain import OutputsCheck

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_outputs(
    outputs: NDArray[Any], reference: NDArray[Any] | None, same_file: NDArray[Any] | None = None
) -> OutputsCheck:
    """Compare outputs with those of the source model, and with those of the same file on the host's CPU.

    Args:
        outputs: (n, ...) dequantized outputs on the check inputs.
        reference: (n, ...) float outputs of the source model on them, or None.
        same_file: (n, ...) outputs of the file itself on the host's CPU, or None.

    Returns:
        `finite` False, and no distances, where outputs are NaN or infinite.

    Raises:
        ValueError: the shapes differ.
    """
    outputs = np.asarray(outputs)
    for name, other in (("reference", reference), ("same file's outputs", same_file)):
        if other is not None and np.shape(other) != outputs.shape:
            raise ValueError(f"outputs of shape {outputs.shape} do not fit the {name} of shape {np.shape(other)}")
    if not np.isfinite(outputs).all():
        return OutputsCheck(finite=False)
    return OutputsCheck(
        reference=None if reference is None else output_error(outputs, reference),
        same_file=None if same_file is None else output_error(outputs, same_file),
    )
