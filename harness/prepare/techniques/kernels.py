"""What pruning and clustering left of a tf-keras model: zeros and different values in its kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.prepare.techniques.library import Library
from harness.prepare.weights_facts import distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The weights that tfmot prunes and clusters; a depthwise kernel has another name.
KERNELS = ("kernel", "pointwise_kernel", "embeddings")


@dataclass(frozen=True)
class Kernel:
    """`values` (rows, n) as the model computes with them: one row, or one a channel where each has its own scale."""

    values: NDArray[np.float32]


def kernels(library: Library, model: Any) -> Iterator[Kernel]:
    """The kernels of all layers, also of nested models; those of fake-quantized layers after their quantization."""
    for layer in model.layers:
        if isinstance(layer, library.keras.Model):
            yield from kernels(library, layer)
        elif hasattr(layer, "_weight_vars"):
            yield from _quantized(layer)
        else:
            for name in KERNELS:
                if getattr(layer, name, None) is not None:
                    yield Kernel(np.asarray(getattr(layer, name), np.float32).reshape(1, -1))


def _quantized(wrapper: Any) -> Iterator[Kernel]:
    """A wrapper of tfmot keeps weight, quantizer and its variables; the mask of zeros is applied by the quantizer."""
    for weight, quantizer, variables in wrapper._weight_vars:
        if wrapper._weight_name(weight.name) not in KERNELS:
            continue
        values = np.asarray(quantizer(weight, False, weights=variables), np.float32)
        per_channel = getattr(quantizer, "per_axis", False)
        yield Kernel(values.reshape(-1, values.shape[-1]).T if per_channel else values.reshape(1, -1))


def sparsity(found: list[Kernel]) -> float | None:
    """The share of zeros among all weights of the kernels; None without kernels."""
    weights = sum(kernel.values.size for kernel in found)
    zeros = sum(kernel.values.size - int(np.count_nonzero(kernel.values)) for kernel in found)
    return zeros / weights if weights else None


def clusters(found: list[Kernel]) -> int | None:
    """The largest number of different values in a kernel, or in a channel of it; None without kernels."""
    return max((distinct(kernel.values) for kernel in found), default=None)
