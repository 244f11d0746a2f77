from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.display.codec import encode
from harness.display.demo import demo_events
from harness.display.image import export_svg
from harness.display.replay import main, play, read_events, state_at
from harness.display.state import DashboardState
from harness.errors import ParseError
from harness.events import Event, Message
from tests.display.builders import HOSTILE, case, failed, row_event, run_started, state_of


def recording(path: Path, *, cut: int = 0) -> Path:
    text = "".join(encode(event) + "\n" for event in demo_events())
    path.write_text(text[: len(text) - cut], encoding="utf-8")
    return path


def test_a_recording_is_read(tmp_path: Path) -> None:
    assert read_events(recording(tmp_path / "run.jsonl")) == tuple(demo_events())


def test_a_recording_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    assert len(read_events(recording(tmp_path / "run.jsonl", cut=50))) == len(list(demo_events())) - 1


def test_a_line_in_the_middle_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(f"{encode(run_started())}\nnonsense\n{encode(run_started())}\n")
    with pytest.raises(ParseError) as refusal:
        read_events(path)
    assert refusal.value.where == f"{path}:2"


class Sink:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def post(self, event: Event) -> None:
        self.events.append(event)


def test_play_keeps_the_pace() -> None:
    now_s = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now_s[0] += seconds

    sink = Sink()
    events = [Message("info", "a", 10.0), Message("info", "b", 14.0), Message("info", "c", 13.0)]
    play(events, sink, speed=2.0, clock=lambda: now_s[0], sleep=sleep)  # type: ignore[arg-type]
    assert sink.events == events
    assert slept == [2.0]


def test_the_state_at_a_share_of_the_time() -> None:
    events = list(demo_events())
    half, now_s = state_at(events, 0.5)
    assert now_s == pytest.approx(events[-1].at_s / 2)
    assert 0 < half.finished_invocations < state_at(events, 1.0)[0].finished_invocations
    assert state_at(events, 7.0)[0].end is not None
    assert state_at([], 0.5)[0].run_id == ""


def test_the_command_draws_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "frame.svg"
    source = recording(tmp_path / "run.jsonl")
    assert main([str(source), "--svg", str(picture), "--at", "0.9", "--width", "100", "--height", "30"]) == 0
    ElementTree.parse(picture)
    assert "made-up" in picture.read_text(encoding="utf-8")


def test_the_command_replays(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--display", "plain", "--speed", "100000"]) == 0
    out = capsys.readouterr().out
    assert out.count("[40/40]") == 1
    assert "What to look at" in out


def test_the_command_refuses_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "missing.jsonl")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--speed", "0"])


def test_hostile_names_do_not_break_the_picture() -> None:
    cases = tuple(case(name, name) for name in HOSTILE)
    state = state_of(
        run_started(cases, name="<script>&"),
        *(row_event(failed(of, reasons=name), of) for of, name in zip(cases, HOSTILE, strict=True)),
    )
    root = ElementTree.fromstring(export_svg(state, 120, 40))
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    assert "@font-face" not in ElementTree.tostring(root, encoding="unicode")
    assert "<script>&" in "".join(root.itertext()).replace("\xa0", " ")


def test_an_empty_state_has_a_picture() -> None:
    ElementTree.fromstring(export_svg(DashboardState(), 80, 24))
