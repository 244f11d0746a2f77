"""What can be said of a model's file before a process is started for it."""

from __future__ import annotations

import os
from pathlib import Path


def model_problem(path: str) -> str | None:
    """Why a file cannot be a model at all, before a process is started for it; None when it may be one."""
    file = Path(path)
    try:
        with file.open("rb") as handle:
            head = handle.read(8)
    except IsADirectoryError:
        return f"{path} is a directory; give a .tflite file"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        return f"{path!r} cannot be read: {why}"
    if not head:
        return f"{path} is empty; convert the model again"
    if head[4:] != b"TFL3":
        return f"{path} is not a .tflite model: its identifier is {head[4:]!r}, not b'TFL3'"
    return None
