"""Where the folders that travel with the package lie: in the installed wheel, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from harness.errors import StableError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The directory of `name`: ``device_scripts``, ``models`` or ``reports``.

    Raises:
        StableError: the installation is incomplete.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        candidate = parent / name
        if candidate.is_dir():
            return candidate
    raise StableError(f"the folder {name!r} is missing from this installation", remedy="Install the harness again.")
