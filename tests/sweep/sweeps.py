"""Short ways to read a sweep in tests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.errors import SweepFileError
from harness.sweep import Sweep, parse_sweep

KNOWN = ("digits_cnn", "mobilenet_v1", "mobilenet_v2")


def parse(text: str, overrides: Sequence[str] = ()) -> Sweep:
    return parse_sweep(text, "dir/s.yaml", overrides, known_models=KNOWN)


def findings(text: str, overrides: Sequence[str] = ()) -> list[str]:
    """The lines of the error, without the file's name."""
    with pytest.raises(SweepFileError) as caught:
        parse(text, overrides)
    return [line.removeprefix("dir/s.yaml:") for line in caught.value.what.splitlines()]


def finding(text: str, overrides: Sequence[str] = ()) -> str:
    """The only line of the error."""
    lines = findings(text, overrides)
    assert len(lines) == 1, lines
    return lines[0]
