"""Text from devices, files and tools made safe and short for a terminal: pure.

Names and messages are hostile input. Nothing here or above it parses console markup; what reaches the terminal is
printable text of a known width.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"

# CSI, OSC (ended by BEL or ST), the other string sequences, then two-character escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Format characters hide or reorder text (bidi overrides, zero width); surrogates cannot be written.
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Me"})
_SPACES = re.compile(r"\s+")
_MARK_PILES = re.compile(r"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{2})[\u0300-\u20ff]+")
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MAX_CHARACTERS = 2000


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """`text` on one line without escape sequences, control and invisible characters; at most 2000 characters."""
    text = text[: 4 * _MAX_CHARACTERS]
    if text.isascii() and text.isprintable():
        return text.strip()[:_MAX_CHARACTERS]
    text = _VARIATION_SELECTORS.sub("", _ESCAPES.sub("", text))
    # White space first: a line break is a control character too, and must not glue two words together.
    text = _SPACES.sub(" ", text)
    kept = "".join(char for char in text if unicodedata.category(char) not in _DROPPED_CATEGORIES)
    return _MARK_PILES.sub(r"\1", _SPACES.sub(" ", kept)).strip()[:_MAX_CHARACTERS]


@lru_cache(maxsize=4096)
def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis. A double-width character is never halved."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        cut = set_cell_size(text, width - 1).rstrip() + ELLIPSIS
        return cut + " " * (width - cell_len(cut))
    padding = " " * (width - length)
    return padding + text if right else text + padding


def width_of(text: str) -> int:
    """Terminal cells that `text` takes."""
    return cell_len(text)
