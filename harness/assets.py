"""Where folders lie: those that travel with the package (in the wheel, or beside it), and the user's own state."""

from __future__ import annotations

from collections.abc import Mapping
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


def cache_folder(environ: Mapping[str, str]) -> Path:
    """``harness`` in the user's cache directory (XDG base directories), for what can be made again; may not exist."""
    cache = Path(environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else _home(environ) / ".cache") / "harness"


def state_folder(environ: Mapping[str, str]) -> Path:
    """``harness`` in the user's state directory (XDG base directories), for what must outlive a run; may not exist."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = _home(environ) / ".local" / "state"
    return state / "harness"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())
