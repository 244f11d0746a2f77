"""The dashboard on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path

import pytest

from harness.display.rich_display import RichView, StrayLines
from harness.display.state import DashboardState, reduce
from harness.display.text import width_of
from tests.display.builders import row, row_event, run_finished, run_started

ENTER, LEAVE, SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """A child on a pseudo-terminal, and all it wrote."""

    def __init__(self, argv: list[str], width: int, height: int, **environ: str) -> None:
        self.master, slave = pty.openpty()
        self.resize(width, height, slave)
        self.child = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONUTF8": "1"} | environ,
            start_new_session=True,
        )
        os.close(slave)
        self.raw = b""

    def resize(self, width: int, height: int, descriptor: int | None = None) -> None:
        size = struct.pack("HHHH", height, width, 0, 0)
        ioctl(self.master if descriptor is None else descriptor, termios.TIOCSWINSZ, size)

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    def read_until(self, done: Callable[[str], bool], timeout_s: float = 20.0) -> str:
        end_s = time.monotonic() + timeout_s
        while not done(self.text):
            assert time.monotonic() < end_s, f"not seen in {timeout_s} s: {self.text[-2000:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.raw += os.read(self.master, 65536)
                except OSError:  # the child closed it
                    assert done(self.text), f"ended early: {self.text[-2000:]!r}"
        return self.text

    def close(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self.master)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


class ReadTerminal:
    """A pseudo-terminal for a view in this process, read all the while so that it never blocks."""

    def __enter__(self) -> ReadTerminal:
        self._master, slave = pty.openpty()
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read, name="reader")
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self._reader.join(10)
        os.close(self._master)

    def _read(self) -> None:
        try:
            while part := os.read(self._master, 65536):
                self._parts.append(part)
        except OSError:  # the other end is closed and all is read
            pass

    @property
    def text(self) -> str:
        return b"".join(self._parts).decode()


def replay(speed: float, *more: str) -> list[str]:
    return [sys.executable, "-m", "harness.display.replay", "--speed", str(speed), *more]


def frames(text: str) -> list[list[str]]:
    """The lines of every frame drawn so far, without colours."""
    drawn = text.split(ENTER, 1)[-1].split(LEAVE)[0].split("\x1b[H")
    return [STEERING.sub("", frame).replace("\r", "").split("\n") for frame in drawn if frame.strip()]


def test_a_run_on_a_terminal_that_shrinks_to_twenty_columns(terminals: list[Terminal]) -> None:
    terminal = Terminal(replay(55), 100, 30, COLUMNS="100", LINES="30")
    terminals.append(terminal)
    terminal.read_until(lambda text: len(frames(text)) >= 3 and "Devices" in text)
    wide = frames(terminal.text)[-2]
    assert {width_of(line) for line in wide} == {100}
    assert len(wide) == 30

    seen = len(frames(terminal.text))
    terminal.resize(20, 10)
    terminal.read_until(lambda text: len(frames(text)) >= seen + 4)
    narrow = frames(terminal.text)[-2]
    assert {width_of(line) for line in narrow} == {20}
    assert len(narrow) == 10

    terminal.read_until(lambda text: "Reports" in text.rpartition(LEAVE)[2])
    terminal.read_until(lambda text: "reports/demo-0001" in text.rpartition(LEAVE)[2])
    assert terminal.child.wait(10) == 0
    text = terminal.text
    after = text.rpartition(LEAVE)[2]
    assert text.index(ENTER) < text.index(LEAVE)
    assert text.count(ENTER) == text.count(LEAVE) == 1
    assert SHOW_CURSOR in text
    assert text.rindex("\x1b[?7h") > text.rindex("\x1b[?7l")
    assert "What to look at" in after
    assert max(width_of(STEERING.sub("", line).rstrip("\r")) for line in after.split("\n")) <= 20
    assert "Traceback" not in text


def test_interrupted_it_gives_the_terminal_back(terminals: list[Terminal]) -> None:
    terminal = Terminal(replay(5), 80, 24)
    terminals.append(terminal)
    terminal.read_until(lambda text: len(frames(text)) >= 3)
    terminal.child.send_signal(2)
    terminal.read_until(lambda text: "--resume" in text)
    assert terminal.child.wait(10) == 130
    after = terminal.text.rpartition(LEAVE)[2]
    assert "Interrupted." in after
    assert "Traceback" not in terminal.text


def test_without_colours(terminals: list[Terminal]) -> None:
    terminal = Terminal(replay(400), 80, 24, NO_COLOR="1")
    terminals.append(terminal)
    text = terminal.read_until(lambda text: "reports/demo-0001" in text)
    assert ENTER in text
    assert not re.findall(r"\x1b\[(?:[0-9;]*;)?[34][0-7][;m]", text)


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"TERM": "dumb"}])
def test_plain_lines_where_no_dashboard_can_be(terminals: list[Terminal], environ: dict[str, str]) -> None:
    terminal = Terminal(replay(400), 80, 24, **environ)
    terminals.append(terminal)
    text = terminal.read_until(lambda text: "reports/demo-0001" in text)
    assert ENTER not in text
    assert "[40/40]" in text


def test_asked_for_on_a_pipe_it_goes_on_with_plain_lines() -> None:
    done = subprocess.run(
        replay(400, "--display", "rich"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        encoding="utf-8",
    )
    assert done.stdout.startswith("This is not a terminal that can show the dashboard")
    assert "[40/40]" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_a_defect_in_drawing_costs_the_picture_only() -> None:
    with ReadTerminal() as terminal:
        view = RichView(terminal.stream, environ={"TERM": "xterm"}, resume_command="resume")
        view.start()
        before = state = DashboardState()
        for event in (run_started(), row_event(row())):
            before, state = state, reduce(state, event)
            view.show(event, before, state, 105.0)
        view.tick(object(), 106.0)  # type: ignore[arg-type]
        after = reduce(state, run_finished((row(),)))
        view.show(run_finished((row(),)), state, after, 107.0)
        view.tick(after, 200.0)
        view.stop(after, 200.0)
        view.finish(after)
    told = terminal.text.partition(LEAVE)[2]
    assert told.count("The dashboard could not be drawn (AttributeError") == 1
    assert "going on with plain lines" in told
    assert "run 20260101-000000-vision-ab12 finished" in told
    assert "✓ TRUSTED" in told


def test_a_costly_frame_is_drawn_less_often() -> None:
    cpu_s = iter([0.0, 0.001, 1.0, 1.02, 2.0, 5.0])
    with ReadTerminal() as terminal:
        view = RichView(terminal.stream, environ={"TERM": "xterm"}, resume_command="", cpu_clock=lambda: next(cpu_s))
        view.start()
        intervals = []
        for now_s in (10.0, 20.0, 30.0):
            view.tick(DashboardState(), now_s)
            intervals.append(view.interval_s)
        view.stop(DashboardState(), 40.0)
    assert intervals == [0.5, pytest.approx(2.0), 5.0]


def test_what_others_print_is_kept_for_afterwards(terminals: list[Terminal]) -> None:
    script = (
        "import sys, time\n"
        "from harness.display import open_display\n"
        "from tests.display.builders import run_started\n"
        "with open_display() as display:\n"
        "    display.post(run_started())\n"
        "    time.sleep(0.3)\n"
        "    print('stray line')\n"
        "    print('stray error', file=sys.stderr)\n"
        "    time.sleep(0.7)\n"
        "print('back to normal')\n"
    )
    terminal = Terminal([sys.executable, "-c", script], 80, 24)
    terminals.append(terminal)
    text = terminal.read_until(lambda text: "back to normal" in text)
    assert "stray" not in text.partition(LEAVE)[0]
    assert "stray line" in text.partition(LEAVE)[2]
    assert "stray error" in text.partition(LEAVE)[2]


def test_streams_that_are_no_terminals_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    strays = StrayLines()
    before = (sys.stdout, sys.stderr)
    strays.capture()
    print("to the file")
    strays.release()
    strays.replay()
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "to the file\n"
