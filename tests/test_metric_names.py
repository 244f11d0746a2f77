from __future__ import annotations

from dataclasses import replace

import pytest

from harness.figures import metrics_of
from harness.metric_names import metric_label, metric_unit
from tests.report.factory import row


@pytest.mark.parametrize(
    ("metric", "label", "unit"),
    [
        ("top1", "top-1", "1"),
        ("nme_pct", "NME, %", "%"),
        ("map50", "mAP@0.5", "1"),
        ("r2", "R²", "1"),
        ("rmse", "RMSE", ""),
        ("nan_samples", "nan_samples", "samples"),
        ("score", "score", ""),
    ],
)
def test_what_a_metric_is_called_and_counted_in(metric: str, label: str, unit: str) -> None:
    assert (metric_label(metric), metric_unit(metric)) == (label, unit)


def test_an_accuracy_has_the_unit_and_the_direction_of_its_metric() -> None:
    scored = replace(row(), accuracy=7.8, accuracy_metric="nme_pct", accuracy_direction="lower", accuracy_loss=0.4)
    found = {(one.name, one.stat): one for one in metrics_of(scored)}
    assert (found["accuracy", "value"].unit, found["accuracy", "value"].direction) == ("%", "lower")
    assert (found["accuracy_loss", "value"].unit, found["accuracy_loss", "value"].direction) == ("%", "lower")
    shares = {(one.name, one.stat): one.unit for one in metrics_of(replace(scored, accuracy_metric="top1"))}
    assert shares["accuracy", "value"] == "1"
