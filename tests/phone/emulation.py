"""AArch64 programs on a phone of this machine: qemu-user, registered for the phone's namespace only.

binfmt_misc can be had per user namespace from Linux 6.7 on, so this needs no root and changes nothing outside.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

from tests.phone.build import kept
from tests.phone.debian import SUITE, Archive, UnavailableError, run

# The ELF header of a 64-bit little-endian program or library for AArch64 (machine 0xb7).
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
_REGISTER = (
    "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc && "
    'printf %s "$1" >/proc/sys/fs/binfmt_misc/register && shift && exec "$@"'
)
LOADER = "ld-linux-aarch64.so.1"
LIBRARIES = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libstdc++.so.6", "libgcc_s.so.1")


def prefix() -> tuple[str, ...]:
    """The command in front of bubblewrap's that lets the phone run AArch64 programs.

    Raises:
        UnavailableError: the kernel is older than 6.7 or forbids it, or the emulator cannot be had.
    """
    rule = f":phone-aarch64:M::{MAGIC}:{MASK}:{emulator()}:F"
    inside = ("/bin/sh", "-c", _REGISTER, "sh", rule)
    words = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "--", *inside)
    try:
        done = subprocess.run([*words, "true"], capture_output=True, timeout=20, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise UnavailableError(f"unshare: {error}") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()[-200:]
        raise UnavailableError(f"Linux {platform.release()} has no binfmt_misc per user namespace: {reason}")
    return words


def emulator() -> Path:
    """qemu-aarch64 of version 10 or later; older ones crash in XNNPACK."""

    def fetch(target: Path) -> None:
        archive = Archive(target.parent / "apt", "amd64")
        archive.extract("qemu-user", "./usr/bin/qemu-aarch64", target)

    return kept(f"qemu-{SUITE}", fetch) / "usr/bin/qemu-aarch64"


def libraries() -> tuple[tuple[Path, Path], ...]:
    """(file on this machine, path on the phone) of the AArch64 C and C++ libraries."""

    def fetch(target: Path) -> None:
        archive = Archive(target.parent / "apt", "arm64")
        archive.unpack(("libc6", "libstdc++6"), target.parent / "base")
        target.mkdir()
        for name in (LOADER, *LIBRARIES):
            source = next((target.parent / "base").glob(f"usr/lib/aarch64-linux-gnu/{name}"))
            shutil.copy2(source.resolve(), target / name)

    folder = kept(f"libraries-arm64-{SUITE}", fetch)
    pairs = [(folder / name, Path("/lib/aarch64-linux-gnu") / name) for name in LIBRARIES]
    return ((folder / LOADER, Path("/lib") / LOADER), *pairs)


def described() -> str:
    """The emulator's version line."""
    return run([emulator(), "--version"]).splitlines()[0]
