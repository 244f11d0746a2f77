"""Model files after preparation."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain.edgetpu import EdgeTpuMapping
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

    Attributes:
        check_path: an .npz with float32 ``inputs`` (n, *shape without batch) and ``outputs`` of the source model.
        data_path: the folder of the held-out data set (harness.accuracy.dataset); None without a task.
        task, task_options: what its outputs are scored on.
        technique: how the model was trained again (``pruned``), empty where it was only converted;
            `training` says it in words.
        sparsity: the share of zeros among the weights of convolutions and dense layers in this file.
        clusters: the largest number of distinct values in one of those weight tensors.
        data_needed: ``none``, ``representative`` or ``labelled``.
        hardware: where the field's guide expects the variant to run.
        own_outputs_path: an .npy with this file's own outputs on the check inputs, computed on the host's CPU.
        preprocessing: how raw data becomes inputs, as names and values for people.
        parameters: counted from the built model; None for a given file.
        edgetpu: of a model compiled for the Edge TPU, what was mapped.
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
    task_options: tuple[tuple[str, str], ...] = ()
    technique: str = ""
    training: str = ""
    sparsity: float | None = None
    clusters: int | None = None
    data_needed: str = ""
    hardware: tuple[str, ...] = ()
    own_outputs_path: str | None = None
    preprocessing: tuple[tuple[str, str], ...] = ()
    parameters: int | None = None
    edgetpu: EdgeTpuMapping | None = None
