"""Figures that others published, each with the device it was measured on."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from harness.assets import folder

Key = tuple[str, str, str, str]  # table, model, variant, figure


@dataclass(frozen=True)
class Published:
    """One figure in our units: `figure` is a metric's name, ``latency_ms`` or ``size_mb``."""

    value: float
    source: str
    device: str
    cores: str

    @property
    def where(self) -> str:
        """``TensorFlow model optimization guide, Pixel 2, one big core``."""
        return ", ".join(part for part in (self.source, self.device, self.cores) if part)


@cache
def published() -> Mapping[Key, Published]:
    """All published figures, by table, model, variant and figure."""
    path = folder("reports") / "published" / "figures.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            (line["table"], line["model"], line["variant"], line["figure"]): Published(
                float(line["value"]), line["source"], line["device"], line["cores"]
            )
            for line in csv.DictReader(stream)
        }
