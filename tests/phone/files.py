"""Plain files that a phone reads while the tests change them."""

from __future__ import annotations

import os
from pathlib import Path

READ_ONLY = 0o444


def put(path: Path, text: str, mode: int = READ_ONLY) -> None:
    """Set a file's content in place, so that who holds it open sees the change; its mode stays when it exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    if not path.exists():
        path.write_bytes(data)
        path.chmod(mode)
        return
    before = path.stat().st_mode & 0o777
    try:
        handle = os.open(path, os.O_WRONLY)
    except PermissionError:
        path.chmod(0o600)
        handle = os.open(path, os.O_WRONLY)
        path.chmod(before)
    try:
        os.pwrite(handle, data, 0)
        os.ftruncate(handle, len(data))
    finally:
        os.close(handle)


def get(path: Path) -> str:
    """The content without the line's end, also of a file whose mode forbids reading."""
    try:
        return path.read_text().rstrip("\n")
    except PermissionError:
        before = path.stat().st_mode & 0o777
        path.chmod(0o600)
        try:
            return path.read_text().rstrip("\n")
        finally:
            path.chmod(before)


def denied(path: Path) -> bool:
    """Whether a phone may not read the file."""
    return path.stat().st_mode & 0o777 == 0


def ranges(numbers: tuple[int, ...]) -> str:
    """Numbers as the kernel lists CPUs: ``0-3,7``; empty for none."""
    parts: list[str] = []
    start = 0
    for at, number in enumerate(numbers):
        if at + 1 < len(numbers) and numbers[at + 1] == number + 1:
            continue
        parts.append(str(number) if numbers[start] == number else f"{numbers[start]}-{number}")
        start = at + 1
    return ",".join(parts)
