"""Golden texts: what a format looked like when somebody read it and agreed."""

from __future__ import annotations

from pathlib import Path

import harness

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """Compare with the golden file `name`; the version of the harness is no part of it."""
    shown = text.replace(f'"{harness.__version__}"', '"VERSION"')
    assert shown == (FOLDER / name).read_text(encoding="utf-8"), f"golden/{name} differs"
