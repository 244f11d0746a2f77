"""Model files after preparation."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain.words import Status


@dataclass(frozen=True)
class TensorInfo:
    """A model input or output. `scale` is 0.0 for a float tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class OutputError:
    """Distance of outputs from a float reference on the same inputs, in the units of the (dequantized) outputs.

    `rmse` and `max_abs` are absolute; `cosine` is the cosine similarity of the flattened outputs in [-1, 1].
    `reference_rms` is the root mean square of the reference, to which `rmse` compares; None if it was not kept.
    """

    max_abs: float
    rmse: float
    cosine: float
    samples: int
    reference_rms: float | None = None


@dataclass(frozen=True)
class VariantFile:
    """One variant of one model after preparation; a failed conversion has its status, a reason, and no path.

    `check_path` is an .npz with float32 ``inputs`` (n, *shape without batch) and ``outputs`` of the source model.
    `data_path` is an .npz with the held-out test split: float32 ``inputs`` and int64 ``labels``; None without a task.
    """

    model: str
    variant: str
    status: Status
    reason: str = ""
    path: str | None = None
    sha256: str = ""
    size_bytes: int = 0
    gzip_bytes: int = 0
    reduction_pct: float | None = None
    conversion_s: float = 0.0
    converter: str = ""
    cached: bool = False
    float_operators: tuple[str, ...] = ()
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()
    weights: str = ""
    task: str | None = None
    source_error: OutputError | None = None
    check_path: str | None = None
    data_path: str | None = None
