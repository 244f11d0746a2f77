"""What a device says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A CPU core. `capacity` is the kernel's relative capacity (1024 the biggest), `max_khz` the highest clock."""

    index: int
    online: bool = True
    capacity: int | None = None
    max_khz: int | None = None
    cluster: int | None = None


@dataclass(frozen=True)
class DeviceFacts:
    """What identifies a device and what it can guarantee.

    `fingerprint` fields are what must agree for two rows to be compared. `notes` are sentences for the reader, such as
    "homogeneous cores: core 1 chosen by index". `abis` are what binaries a phone runs, best first; `details` further
    figures for the reader, by name.
    """

    device_id: str
    kind: str
    model: str
    soc: str = ""
    os_build: str = ""
    cores: tuple[Core, ...] = ()
    memory_mib: float = 0.0
    virtual_machine: bool = False
    governor: str | None = None
    clock_source: str | None = None
    gpus: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    abis: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> dict[str, str]:
        """The identity that comparisons require to agree."""
        return {"device_id": self.device_id, "model": self.model, "soc": self.soc, "os_build": self.os_build}
