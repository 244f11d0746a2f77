"""What a matrix of one run holds: ratios of latency against a reference, and what each choice costs. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import ComparisonVerdict, ResultRow, Status, Verdict

AXES = ("backend", "variant", "runtime", "threads", "device")
_DECIDED = (ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT)
_ANSWERS = (*_DECIDED, ComparisonVerdict.SAME)


@dataclass(frozen=True)
class Noise:
    """What is known of a device's A/A noise: the relative change that it stays under, and why its verdicts are not
    believed, empty for a device in good standing."""

    floor: float = 0.0
    quarantine: str = ""


@dataclass(frozen=True)
class Ratio:
    """Latency of one row over that of another: below 1 is faster.

    Attributes:
        low, high: its interval, None without one; it holds at `confidence`.
        verdict: REGRESSION is slower, IMPROVEMENT faster; None with fewer than 8 blocks, and for levels.
        blocks: how many blocks hold both rows; 0 for levels.
        paired: by block. False for the levels of two devices, which cannot share a block.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float
    blocks: int = 0
    verdict: ComparisonVerdict | None = None
    p: float | None = None
    mde: float | None = None
    paired: bool = True
    notes: tuple[str, ...] = ()

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves 1 out; False without an interval."""
        return self.low is not None and self.high is not None and (self.low > 1.0 or self.high < 1.0)

    @property
    def decided(self) -> bool:
        """Whether it may be said which row is faster: told apart, and by the answer too where blocks give one."""
        return self.told_apart and (not self.paired or self.verdict in _DECIDED)

    @property
    def inverse(self) -> Ratio:
        """The same comparison seen from the other row; without its verdict and p value."""
        low = None if self.high is None else 1.0 / self.high
        high = None if self.low is None else 1.0 / self.low
        return Ratio(
            1.0 / self.value,
            low,
            high,
            self.confidence,
            self.blocks,
            mde=self.mde,
            paired=self.paired,
            notes=self.notes,
        )


@dataclass(frozen=True)
class Costs:
    """What a row costs beside its latency, less what the reference costs; None where one of them is not known.

    Attributes:
        start_ms: init and first inference.
        break_even: after how many inferences the slower start has paid off, where one row starts slower and is faster
            for certain; None else.
        memory_mib, gpu_memory_mib: peak resident memory, and what the kernel accounts to the process beside it.
        size_mb: of the model file.
        accuracy_loss: of `metric`, in its own unit, positive is worse; with its 95 % interval where the two were scored
            sample by sample.
    """

    start_ms: float | None = None
    break_even: int | None = None
    memory_mib: float | None = None
    gpu_memory_mib: float | None = None
    size_mb: float | None = None
    metric: str = ""
    accuracy_loss: float | None = None
    accuracy_loss_low: float | None = None
    accuracy_loss_high: float | None = None


@dataclass(frozen=True)
class Cell:
    """One row of the run in the matrix.

    Attributes:
        level: its column, such as ``gpu``.
        name: what tells it from the other rows of its model and device.
        refused: why there is no ratio; empty for the reference and where there is one.
        caveats: what differs although a ratio was formed.
    """

    level: str
    name: str
    row: ResultRow
    is_reference: bool = False
    ratio: Ratio | None = None
    costs: Costs = Costs()
    refused: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def fell_back(self) -> bool:
        """Something else than the backend that was asked for did the work."""
        return self.row.verdict is Verdict.FELL_BACK

    @property
    def may_win(self) -> bool:
        """Whether its latency is that of what its name says: measured, proven, and right."""
        proven = self.row.verdict in (Verdict.TRUSTED, Verdict.NOISY)
        return self.row.status is Status.DONE and proven and bool(self.row.latency_p50_ms)


@dataclass(frozen=True)
class Line:
    """What is the same in all its cells: a model, a device (empty where devices are compared), and `held`."""

    model: str
    device: str
    held: str
    cells: tuple[Cell | None, ...]

    @property
    def title(self) -> str:
        """``mobilenet_v2 · int8 · 1 thread``."""
        return " · ".join(part for part in (self.model, self.held) if part)


@dataclass(frozen=True)
class Choice:
    """The fastest row of a model on a device that may win.

    Attributes:
        best: None where no row may win.
        second: the next that may win, None when there is none.
        ratio: latency of `second` over that of `best`.
        costs: of `best` less those of `second`.
        level_with: names of all that `best` is not known to be faster than.
        barred: (name, why) of rows that measured faster and may not win.
    """

    model: str
    device: str
    best: Cell | None
    second: Cell | None = None
    ratio: Ratio | None = None
    costs: Costs = Costs()
    level_with: tuple[str, ...] = ()
    barred: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Matrix:
    """A run compared along one axis. `levels` name the columns, the reference first; `notes` are doubts about the
    run as a whole."""

    by: str
    reference: str
    levels: tuple[str, ...]
    lines: tuple[Line, ...]
    choices: tuple[Choice, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, line by line."""
        return tuple(cell for line in self.lines for cell in line.cells if cell is not None)

    @property
    def ratios(self) -> int:
        """How many ratios there are."""
        return sum(cell.ratio is not None for cell in self.cells)

    @property
    def answers(self) -> int:
        """How many of them have an answer: slower, faster or the same."""
        return sum(cell.ratio is not None and cell.ratio.verdict in _ANSWERS for cell in self.cells)
