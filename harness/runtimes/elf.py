"""Which processor a program file is for."""

from __future__ import annotations

import struct
from pathlib import Path

_MACHINES = {3: "x86", 40: "Arm", 62: "x86-64", 164: "Hexagon", 183: "AArch64", 243: "RISC-V"}
_BY_ABI = {"arm64-v8a": "AArch64", "armeabi-v7a": "Arm", "armeabi": "Arm", "x86_64": "x86-64", "x86": "x86"}


def machine_of(path: Path) -> str | None:
    """``AArch64``, ``Arm``, ``x86-64``, …; None for a file that is no ELF file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    order = ">" if head[5] == 2 else "<"
    number = int(struct.unpack_from(f"{order}H", head, 18)[0])
    return _MACHINES.get(number, f"machine {number}")


def runs_on(path: Path, abis: tuple[str, ...]) -> bool:
    """Whether a device with `abis` can run the file; true where that is not known (a script, no ABIs told)."""
    found = machine_of(path)
    known = {_BY_ABI[abi] for abi in abis if abi in _BY_ABI}
    return found is None or not known or found in known
