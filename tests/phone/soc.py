"""Descriptions of the chips that a virtual phone can look like."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Cluster:
    """Equal cores with one clock. `capacity` is the scheduler's, 1024 for the fastest core."""

    cores: tuple[int, ...]
    capacity: int
    clocks_khz: tuple[int, ...]
    part: int

    @property
    def policy(self) -> str:
        """The name of the cluster's clock in sysfs."""
        return f"policy{self.cores[0]}"


@dataclass(frozen=True)
class Zone:
    """A thermal zone; `kind` is Android's: 0 CPU, 1 GPU, 2 battery, 3 skin, 9 NPU, None when only the kernel has it."""

    name: str
    celsius: float
    kind: int | None = None


@dataclass(frozen=True)
class Soc:
    """A chip as the kernel shows it.

    `real` is true when its cores are those of this machine, so that pinning is real; else the phone's taskset only
    checks the mask and the process runs anywhere.
    """

    name: str
    manufacturer: str
    clusters: tuple[Cluster, ...]
    zones: tuple[Zone, ...]
    gpu: str
    real: bool = False

    @property
    def cores(self) -> tuple[int, ...]:
        """All core numbers, in order."""
        return tuple(sorted(core for cluster in self.clusters for core in cluster.cores))


_LITTLE = (300000, 576000, 1017600, 1555200, 1804800)
_MIDDLE = (633600, 1171200, 1651200, 2131200, 2496000)
_BIG = (844800, 1401600, 1958400, 2515200, 2995200)
_ZONES = (
    Zone("cpu-0-0-usr", 36.0),
    Zone("cpu-1-0-usr", 37.0),
    Zone("cpu-1-7-usr", 38.0, 0),
    Zone("gpuss-0-usr", 35.0, 1),
    Zone("nspss-0-usr", 34.5, 9),
    Zone("battery", 28.5, 2),
    Zone("skin-therm", 31.5, 3),
    Zone("pm8350-bcl-lvl0", 0.0),
)

SOC_1_3_4 = Soc(
    "SM8350V",
    "QTI",
    (
        Cluster((0, 1, 2, 3), 325, _LITTLE, 0xD05),
        Cluster((4, 5, 6), 790, _MIDDLE, 0xD41),
        Cluster((7,), 1024, _BIG, 0xD44),
    ),
    _ZONES,
    "Adreno660v2",
)


def _real_cores() -> Soc:
    cores = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (0,)
    big = Cluster(cores[-1:], 1024, _BIG, 0xD44)
    little = (Cluster(cores[:-1], 325, _LITTLE, 0xD05),) if len(cores) > 1 else ()
    return Soc("VREAL1", "QTI", (*little, big), _ZONES, "Adreno660v2", real=True)


REAL_CORES = _real_cores()
