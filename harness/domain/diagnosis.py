"""Which layers of a model cost the accuracy of a quantized variant.

All errors of outputs and tensors are SQNR in dB, the signal to quantization noise ratio: more is better, infinite where
there is no error at all; None where nothing was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerError:
    """What one layer costs.

    Attributes:
        name: a part of its names that no other layer has: an entry for `keep_float`.
        kind: its operator, such as ``CONV_2D``.
        here_db: SQNR of what it computes in the quantized model, with all errors of the layers before it.
        kept_db: SQNR of the outputs with this layer alone in float. What it reads and gives stays in integers where
            its neighbours do, so this tells mostly of its weights.
        gain_db: how much `kept_db` is above the fully quantized model.
        alone_db: SQNR of the outputs with this layer alone quantized: its weights, what it reads and what it gives.
        cost_pct: how much of the noise in the outputs of the fully quantized model is its, by the larger of the two.
    """

    name: str
    kind: str
    here_db: float | None = None
    kept_db: float | None = None
    gain_db: float | None = None
    alone_db: float | None = None
    cost_pct: float | None = None


@dataclass(frozen=True)
class MeasuredFile:
    """One file: SQNR in dB and RMSE of its outputs against the source's, and what it takes."""

    sqnr_db: float
    rmse: float
    size_bytes: int
    gzip_bytes: int
    float_operators: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MeasuredFile:
        """From what the worker reported."""
        return cls(**{**value, "float_operators": tuple(value["float_operators"])})


@dataclass(frozen=True)
class GroupOfLayers:
    """The layers from `first` to `last`, kept in float together."""

    first: str
    last: str
    count: int
    kept_db: float
    gain_db: float


@dataclass(frozen=True)
class MetricFigures:
    """The task's leading figure, on `samples` labelled samples, of several files by what they are."""

    name: str
    samples: int
    figures: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Diagnosis:
    """Where the error of a quantized variant comes from.

    Attributes:
        samples: how many the outputs were compared on.
        everything: the file with all quantized.
        boundaries_db: the output SQNR with every layer in float: what only the inputs and outputs cost.
        layers: the dearest first; what was not measured for lack of time comes last.
        groups: where there was no time for each layer, neighbours that were tried together first.
        complete: every layer was measured.
        wanted_db: the output SQNR that `keep_float` was to reach; `reached`: it does.
        keep_float: the smallest set of layers found, as entries of the option; `chosen` is the file with it.
        metric: None where it was not asked for.
    """

    model: str
    variant: str
    samples: int
    seconds: float
    float_size_bytes: int
    everything: MeasuredFile
    boundaries_db: float
    layers: tuple[LayerError, ...]
    groups: tuple[GroupOfLayers, ...]
    complete: bool
    wanted_db: float
    reached: bool
    keep_float: tuple[str, ...]
    chosen: MeasuredFile
    metric: MetricFigures | None = None

    @classmethod
    def from_json(cls, model: str, variant: str, value: Mapping[str, Any]) -> Diagnosis:
        """From what the worker reported."""
        metric = value["metric"]
        named = {
            "everything": MeasuredFile.from_json(value["everything"]),
            "chosen": MeasuredFile.from_json(value["chosen"]),
            "layers": tuple(LayerError(**layer) for layer in value["layers"]),
            "groups": tuple(GroupOfLayers(**group) for group in value["groups"]),
            "keep_float": tuple(value["keep_float"]),
            "metric": None
            if metric is None
            else MetricFigures(metric["name"], metric["samples"], tuple((name, x) for name, x in metric["figures"])),
        }
        return cls(model=model, variant=variant, **{**value, **named})
