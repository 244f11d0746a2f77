"""Writing to a stream that may be closed, full, slow or unable to show a character: it never ends a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

from rich.console import Console

_ASCII = str.maketrans(
    {"·": "-", "—": "-", "–": "-", "…": "~", "±": "~", "✓": "+", "✗": "x", "●": "*", "◌": "~", "○": "o"}
    | {"━": "=", "─": "-", "°": "", "→": ">"}
    | dict.fromkeys("▏▎▍▌▋▊▉█", "#")
)


def in_encoding(text: str, encoding: str) -> str:
    """`text` with a plain stand-in for each character that `encoding` lacks."""
    return text.translate(_ASCII).encode(encoding, "replace").decode(encoding, "replace")


class Output:
    """A text stream for rich and for plain lines.

    A character that the stream's encoding lacks is replaced; after an error of the operating system (closed pipe,
    full disk) it stays silent.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.broken = False

    @property
    def encoding(self) -> str:
        """Of the stream; UTF-8 where it has none."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether a terminal is behind it."""
        try:
            return self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Of the stream."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write what can be written."""
        if self.broken:
            return len(text)
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._write_replaced(text)
        except (OSError, ValueError):
            self.broken = True
        return len(text)

    def _write_replaced(self, text: str) -> None:
        try:
            self._stream.write(in_encoding(text, self.encoding))
        except (OSError, ValueError):
            self.broken = True

    def flush(self) -> None:
        """Flush, if there is still someone to flush to."""
        if self.broken:
            return
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self.broken = True

    def line(self, text: str) -> None:
        """Write one line and flush it."""
        self.write(text + "\n")
        self.flush()


def open_console(output: Output, environ: Mapping[str, str], *, width: int | None = None) -> Console:
    """A rich console on `output` that parses no markup, no emoji codes, and highlights nothing."""
    return Console(
        file=output,  # type: ignore[arg-type]  # rich uses write, flush, isatty, fileno and encoding only
        width=width,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
        _environ=environ,
    )
