from __future__ import annotations

import errno
import io

from harness.display.output import Output, open_console


class Broken(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.tries = error, 0

    def write(self, text: str) -> int:
        self.tries += 1
        raise self.error

    def flush(self) -> None:
        raise self.error


def test_a_closed_pipe_and_a_full_disk_silence_the_output() -> None:
    for error in (BrokenPipeError(), OSError(errno.ENOSPC, "no space left"), ValueError("closed file")):
        stream = Broken(error)
        output = Output(stream)
        output.line("one")
        output.line("two")
        assert output.broken
        assert stream.tries == 1


def test_a_flush_that_fails_silences_too() -> None:
    class BadFlush(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    output = Output(BadFlush())
    output.line("one")
    assert output.broken


def test_what_an_encoding_lacks_is_replaced() -> None:
    raw = io.BytesIO()
    output = Output(io.TextIOWrapper(raw, encoding="ascii"))
    output.line("✓ TRUSTED 12.3 ±0.1 · 日")
    output.flush()
    assert raw.getvalue() == b"+ TRUSTED 12.3 ~0.1 - ?\n"


def test_the_console_parses_nothing() -> None:
    stream = io.StringIO()
    open_console(Output(stream), {}, width=80).print("[red]x[/red] :smile: 'quoted' 12")
    assert stream.getvalue() == "[red]x[/red] :smile: 'quoted' 12\n"
