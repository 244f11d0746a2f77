"""Plain lines, for pipes, logs and CI: a line a finished case, and a heartbeat so that nobody thinks it hangs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

from harness.display import eta
from harness.display.ending import print_ending
from harness.display.labels import describe_file, describe_row, describe_sustained
from harness.display.layout import format_stamp
from harness.display.output import Output, open_console
from harness.display.state import Activity, DashboardState, Lane
from harness.display.sustained import progress_text
from harness.display.text import clean
from harness.domain import Purpose
from harness.events import Event, Message, PrepareStarted, RowUpdated, RunFinished, RunStarted, VariantPrepared, Waiting
from harness.units import format_duration

# A log has no width; 120 keeps the table whole in most viewers.
_WIDTH_WITHOUT_TERMINAL = 120


class PlainView:
    """Writes lines stamped with the time since the start of the run."""

    interval_s = 0.5

    def __init__(
        self, stream: IO[str], *, environ: Mapping[str, str], resume_command: str, heartbeat_s: float = 30.0
    ) -> None:
        self._output, self._environ, self._resume_command = Output(stream), environ, resume_command
        self._heartbeat_s = heartbeat_s
        self._beat_s: float | None = None

    def start(self) -> None:
        """Nothing is taken."""

    def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
        """Write the line of `event`, if it has one."""
        if self._beat_s is None:
            self._beat_s = now_s
        text = line_of(event, before, after)
        if text:
            self._line(after, event.at_s, text)

    def tick(self, state: DashboardState, now_s: float) -> None:
        """Write a heartbeat when one is due."""
        if self._beat_s is None or state.end is not None or now_s - self._beat_s < self._heartbeat_s:
            return
        self._beat_s = now_s
        self._line(state, now_s, heartbeat(state, now_s))

    def stop(self, state: DashboardState, now_s: float) -> None:
        """Nothing was taken."""

    def finish(self, state: DashboardState) -> None:
        """Print the ending."""
        width = None
        if not self._output.isatty() and not self._environ.get("COLUMNS", "").isdigit():
            width = _WIDTH_WITHOUT_TERMINAL
        print_ending(open_console(self._output, self._environ, width=width), state, self._resume_command)
        self._output.flush()

    def _line(self, state: DashboardState, at_s: float, text: str) -> None:
        self._output.line(f"[{format_stamp(at_s - (state.started_s or 0.0))}] {text}")


def line_of(event: Event, before: DashboardState, after: DashboardState) -> str:
    """The line of one event, or an empty text: pure."""
    if isinstance(event, RunStarted):
        return _start_line(event)
    if isinstance(event, PrepareStarted):
        return f"preparing {event.total} model files"
    if isinstance(event, VariantPrepared) and after.preparation is not None:
        return clean(f"prepared {after.preparation.done}/{after.preparation.total} {describe_file(event.file)}")
    if isinstance(event, RowUpdated):
        return _row_line(event, before, after)
    if isinstance(event, Waiting) and event.reason:
        return clean(f"{event.device_id}: waiting: {event.reason}")
    if isinstance(event, Message):
        return _message_line(event)
    if isinstance(event, RunFinished):
        return clean(f"run {event.run_id} {event.state}")
    return ""


def _start_line(event: RunStarted) -> str:
    devices = ", ".join(event.device_ids)
    resumed = f", {event.done_invocations} done before" if event.done_invocations else ""
    return clean(
        f"run {event.run_id} ({event.name}): {len(event.cases)} cases on {devices}, "
        f"{event.total_invocations} invocations in {event.blocks} blocks{resumed}"
    )


def _row_line(event: RowUpdated, before: DashboardState, after: DashboardState) -> str:
    known = before.rows.get(event.row.case_id)
    if known is not None and known.final:
        told = describe_sustained(event.row) if known.row.sustained_first_ms is None else ""
        return clean(f"{event.case.label}: {told}") if told else ""
    if not event.final:
        return ""
    finished = sum(after.counts.values())
    total = max(len(after.cases), len(after.rows))
    return clean(f"[{finished}/{total}] {event.case.label}: {describe_row(event.row)}")


def _message_line(event: Message) -> str:
    level = "" if event.level == "info" else f"{event.level}: "
    device = f"{event.device_id}: " if event.device_id else ""
    return clean(f"{level}{device}{event.text}")


def heartbeat(state: DashboardState, now_s: float) -> str:
    """``61 % (88/144 invocations), 3 min 05 s left; host-lab3: mobilenet_v2 int8 timing 3/8``: pure."""
    left_s = eta.eta_s(state, now_s)
    left = "no estimate yet" if left_s is None else f"{format_duration(left_s)} left"
    figures = f"{eta.done_invocations(state)}/{eta.planned_invocations(state)} invocations"
    if state.preparing and state.preparation is not None:
        figures = f"preparing {state.preparation.done}/{state.preparation.total}"
    lanes = "".join(f"; {_lane_text(state, lane)}" for lane in state.lanes.values())
    return clean(f"{100 * eta.progress(state):.0f} % ({figures}), {left}{lanes}")


def _lane_text(state: DashboardState, lane: Lane) -> str:
    if lane.activity in (Activity.WAITING, Activity.OFFLINE) or lane.case is None:
        return f"{lane.device_id}: {lane.activity}" + (f" ({lane.reason})" if lane.reason else "")
    block = f" {lane.block + 1}/{max(state.blocks, lane.block + 1)}" if lane.purpose is Purpose.TIMING else ""
    block = f" {lane.scored:,}/{lane.to_score:,}" if lane.to_score else block
    if lane.sustained:
        block = f" {100 * eta.sustained_share(lane):.0f} % ({progress_text(lane)})"
    return f"{lane.device_id}: {lane.case.model.name} {lane.case.variant} {lane.purpose}{block}"
