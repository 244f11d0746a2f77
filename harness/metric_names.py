"""What accuracy metrics are called, and how their values are written for people. Pure."""

from __future__ import annotations

LABELS = {
    "nme_pct": "NME, %",
    "wer": "WER",
    "cer": "CER",
    "map": "mAP",
    "map50": "mAP@0.5",
    "map75": "mAP@0.75",
    "miou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "f1": "F1",
    "exact_match": "exact match",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "auc": "AUC",
}
FRACTIONS = frozenset(
    {"accuracy", "map", "map50", "map75", "mar100", "miou", "pixel_accuracy", "f1", "exact_match", "wer", "cer"}
    | {"sentence_error_rate", "failure_rate", "auc", "ties_share"}
)


def is_fraction(metric: str) -> bool:
    """True for metrics whose values are shares: written as percentages. Error rates may exceed 1."""
    return metric in FRACTIONS or (metric.startswith("top") and metric[3:].isdigit())


def metric_unit(metric: str) -> str:
    """``%``, ``1`` for shares, ``samples`` for counts; empty where it is that of the model's outputs, or not known."""
    if metric.endswith("_pct"):
        return "%"
    if metric.endswith("_samples"):
        return "samples"
    return "1" if is_fraction(metric) or metric == "r2" else ""


def metric_label(metric: str) -> str:
    """``top-1`` for ``top1``, ``mAP@0.5`` for ``map50``; any other name as it is."""
    if metric.startswith("top") and metric[3:].isdigit():
        return f"top-{metric[3:]}"
    return LABELS.get(metric, metric)
