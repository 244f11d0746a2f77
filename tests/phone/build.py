"""The phone's files, built once for the machine and kept below the user's cache folder.

`python -m tests.phone.build` builds them ahead of the tests, whose time is limited; it needs no package of Python's.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.phone import rootfs, toybox
from tests.phone.debian import SUITE, Archive, UnavailableError

HERE = Path(__file__).parent
_failure: list[str] = []
UNUSED_S = 7 * 24 * 3600.0
PACKAGES = ("adbd", "mksh", "toybox")
_INPUTS = ("build.py", "debian.py", "rootfs.py", "toybox.py", "applets.txt", "commands/**/*", "native/*")


def cache_folder() -> Path:
    """Where built phones are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "virtual-phone"


def key() -> str:
    """What the files depend on: the text of all that builds them."""
    digest = hashlib.sha256(SUITE.encode())
    for pattern in _INPUTS:
        for path in sorted(HERE.glob(pattern)):
            if path.is_file():
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def phone_root() -> Path:
    """The folder with the phone's files, built when it is not there yet.

    Raises:
        UnavailableError: with the reason and, where there is one, the remedy. It is tried once in a process.
    """
    if platform.machine() != "x86_64":
        raise UnavailableError(f"the virtual phone is built on x86-64 machines, this is {platform.machine()}")
    if _failure:
        raise UnavailableError(_failure[0])
    try:
        root = kept(f"root-{key()}", _build)
    except UnavailableError as reason:
        _failure.append(str(reason))
        raise
    os.utime(root)
    _forget_unused(root.parent)
    return root


def _forget_unused(cache: Path) -> None:
    """Remove the phones of earlier versions that nothing used for a week."""
    for old in cache.glob("root-*"):
        if old.is_dir() and time.time() - old.stat().st_mtime > UNUSED_S:
            shutil.rmtree(old, ignore_errors=True)


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """`<cache>/<name>`, made by `make(folder)` at most once: others wait, and a crash leaves nothing that counts."""
    cache = cache_folder()
    done = cache / name
    if done.is_dir():
        return done
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.is_dir():
            work = Path(tempfile.mkdtemp(prefix=f"{name}.", suffix=".part", dir=cache))
            try:
                make(work / "made")
                (work / "made").rename(done)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return done


def _build(target: Path) -> None:
    work = target.parent
    archive = Archive(work / "apt", "amd64")
    archive.unpack(PACKAGES, work / "base")
    program = _toybox(archive, work)
    rootfs.lay_out(work / "base", program, target)


def _toybox(archive: Archive, work: Path) -> Path:
    """The compiled toybox: it depends on less than the rest, so a changed command does not compile it again."""
    digest = hashlib.sha256()
    for name in ("toybox.py", "applets.txt"):
        digest.update((HERE / name).read_bytes())

    def compile_it(target: Path) -> None:
        target.mkdir()
        toybox.build(archive, work / "toybox", target / "toybox")

    return kept(f"toybox-{SUITE}-{digest.hexdigest()[:16]}", compile_it) / "toybox"


def main() -> int:
    """Print where the files are, or why there are none; 1 then."""
    try:
        print(f"The virtual phone's files: {phone_root()}")
    except UnavailableError as reason:
        print(f"Tests on the virtual phone will be skipped: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
