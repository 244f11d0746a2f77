from __future__ import annotations

import io

import pytest

from harness.display import KINDS, choose_kind, open_display
from harness.display.json_display import JsonView
from harness.display.plain import PlainView
from harness.display.quiet import QuietView
from harness.display.rich_display import RichView
from harness.display.threaded import ThreadedDisplay
from harness.errors import UsageError


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class AsciiTerminal(Terminal):
    encoding = "ascii"  # type: ignore[assignment]


GOOD = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("stream", "environ", "kind"),
    [
        (Terminal(), GOOD, "rich"),
        (Terminal(), GOOD | {"NO_COLOR": "1"}, "rich"),
        (Terminal(), GOOD | {"CI": "false"}, "rich"),
        (Terminal(), GOOD | {"CI": "true"}, "plain"),
        (Terminal(), {"TERM": "dumb"}, "plain"),
        (Terminal(), {}, "plain"),
        (AsciiTerminal(), GOOD, "plain"),
        (io.StringIO(), GOOD, "plain"),
    ],
)
def test_who_gets_the_dashboard(stream: io.StringIO, environ: dict[str, str], kind: str) -> None:
    assert choose_kind(stream, environ) == kind


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert choose_kind(stream, GOOD) == "plain"


@pytest.mark.parametrize(
    ("kind", "view"), [("rich", RichView), ("plain", PlainView), ("json", JsonView), ("none", QuietView)]
)
def test_an_explicit_kind_wins(kind: str, view: type) -> None:
    display = open_display(kind, stream=io.StringIO(), environ={"CI": "1"})
    assert isinstance(display, ThreadedDisplay)
    assert isinstance(display._view, view)
    assert kind in KINDS


def test_another_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no display 'curses'") as refusal:
        open_display("curses")
    assert "rich, plain, json, none" in refusal.value.remedy
