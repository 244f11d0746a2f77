"""What a running sweep says while it runs: immutable events, from the lanes to whatever displays or records them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import Case, Purpose, ResultRow, Status, VariantFile


@dataclass(frozen=True)
class RunStarted:
    """`total_invocations` counts what is left to do; `done_invocations` is what a resumed run finished before.

    A sustained pass counts as one of them; `sustained_s` is how long each lasts, 0 where there are none.
    """

    run_id: str
    name: str
    cases: tuple[Case, ...]
    device_ids: tuple[str, ...]
    total_invocations: int
    done_invocations: int
    blocks: int
    at_s: float
    sustained_s: float = 0.0


@dataclass(frozen=True)
class PrepareStarted:
    """Preparation of `total` variant files begins."""

    total: int
    at_s: float


@dataclass(frozen=True)
class VariantPrepared:
    """One variant file is there, from the cache or converted, or failed."""

    file: VariantFile
    at_s: float


@dataclass(frozen=True)
class InvocationStarted:
    """A process begins on a device. `index` counts from 0 within the run."""

    device_id: str
    case: Case
    purpose: Purpose
    block: int
    index: int
    expected_s: float
    at_s: float


@dataclass(frozen=True)
class TasksPlanned:
    """Which files have a data set is known: `total_invocations` is what is left to do, instead of RunStarted's."""

    total_invocations: int
    at_s: float


@dataclass(frozen=True)
class AccuracyProgress:
    """The accuracy pass of a case has scored `samples` of `total`."""

    device_id: str
    case: Case
    samples: int
    total: int
    at_s: float


@dataclass(frozen=True)
class SustainedProgress:
    """The sustained pass of a case has run for `elapsed_s` of `wanted_s`; the rest is of its last slice, None where the
    device does not offer it."""

    device_id: str
    case: Case
    elapsed_s: float
    wanted_s: float
    median_ms: float | None
    clock_ghz: float | None
    clock_share: float | None
    temp_c: float | None
    thermal_status: int | None
    at_s: float


@dataclass(frozen=True)
class InvocationFinished:
    """It ended and is durable in the store. Clock and temperature are None where the device does not offer them."""

    device_id: str
    case: Case
    purpose: Purpose
    block: int
    index: int
    status: Status
    error: str
    median_ms: float | None
    clock_ghz: float | None
    temp_c: float | None
    wall_s: float
    at_s: float


@dataclass(frozen=True)
class RowUpdated:
    """A case has a new provisional (`final` False) or final row."""

    row: ResultRow
    case: Case
    final: bool
    at_s: float


@dataclass(frozen=True)
class Waiting:
    """A lane waits; `reason` is for the reader (``cooling: 41.0 C, gate 38.0 C``). An empty reason ends the wait."""

    device_id: str
    reason: str
    at_s: float


@dataclass(frozen=True)
class Message:
    """A line for the event log. `level` is ``info``, ``warning`` or ``error``."""

    level: str
    text: str
    at_s: float
    device_id: str = ""


@dataclass(frozen=True)
class RunFinished:
    """The run ended. `state` is ``finished``, ``incomplete`` or ``interrupted``; `rows` are final, in plan order."""

    run_id: str
    state: str
    rows: tuple[ResultRow, ...]
    report_dir: str
    at_s: float


Event = (
    RunStarted
    | PrepareStarted
    | VariantPrepared
    | InvocationStarted
    | TasksPlanned
    | AccuracyProgress
    | SustainedProgress
    | InvocationFinished
    | RowUpdated
    | Waiting
    | Message
    | RunFinished
)
