"""One process on a device: what it is asked, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.domain.cases import Backend, MeasureSettings, RuntimeRef
from harness.domain.files import OutputError
from harness.domain.words import Purpose, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class InvocationRequest:
    """Everything one process needs. OUTPUTS also has `inputs_path` (.npy, float32 (n, *shape)) and `outputs_path`."""

    purpose: Purpose
    model_path: str
    backend: Backend
    runtime: RuntimeRef
    measure: MeasureSettings
    inputs_path: str | None = None
    outputs_path: str | None = None
    seed: int = 1


@dataclass(frozen=True)
class Coverage:
    """How much of the graph the delegate took. Counts are None when the runtime gives no evidence.

    `stated` is the coverage as the runtime says it in words where it gives no counts, otherwise empty.
    """

    delegate: str
    delegated_nodes: int | None = None
    total_nodes: int | None = None
    partitions: int | None = None
    stated: str = field(default="", kw_only=True)

    @property
    def kind(self) -> str:
        """``full``, ``partial``, ``none`` or ``unknown``."""
        if self.delegated_nodes is None or self.total_nodes is None:
            return self.stated or "unknown"
        if self.delegated_nodes == 0:
            return "none"
        return "full" if self.delegated_nodes >= self.total_nodes else "partial"


@dataclass(frozen=True)
class OperatorTime:
    """Time of one operator of one inference in a profile pass; `kernel` names what computed it, if known."""

    name: str
    total_us: float
    share: float
    count: int = 1
    kernel: str = ""


@dataclass(frozen=True)
class Evidence:
    """What was seen around one invocation; None where the device could not say.

    `clock_*_ghz` are the clocks of the pinned core at both ends, `clock_share` its clock over its highest, from
    `clock_source`: ``time_in_state`` (a mean over the window; the ends are then readings of the current frequency or of
    the add chain), ``scaling_cur_freq``, ``add_chain``, or ``gpuclk`` of the GPU that computes.
    `foreign_load` is the share of the pinned cores' time taken by others during the timed window, in [0, 1].
    `wait_share` is the share of the window in which the process was runnable but not running.
    `thermal_status` is the highest of Android's levels (0 none to 6 shutdown) during it, or how many of its trip points
    an Edge TPU module had reached, `battery_pct` the charge at its end, `telemetry_load` the share of one core that
    observing took.
    """

    cpus: tuple[int, ...] = ()
    cpus_verified: bool = False
    clock_source: str | None = None
    clock_start_ghz: float | None = None
    clock_end_ghz: float | None = None
    clock_share: float | None = None
    temp_start_c: float | None = None
    temp_end_c: float | None = None
    foreign_load: float | None = None
    wait_share: float | None = None
    output_read_us: float | None = None
    notes: tuple[str, ...] = ()
    thermal_status: int | None = None
    battery_pct: float | None = None
    telemetry_load: float | None = None
    offline_cpus: tuple[int, ...] = ()
    clock_cap_ghz: float | None = None


@dataclass(frozen=True)
class ToolTiming:
    """What a tool that keeps its samples to itself says of one process; None for what it does not print.

    `count` inferences, times in microseconds. `first_us`, `std_us` and the percentiles depend on the tool's version.
    """

    count: int
    avg_us: float
    min_us: float | None = None
    max_us: float | None = None
    std_us: float | None = None
    p5_us: float | None = None
    median_us: float | None = None
    p95_us: float | None = None


@dataclass(frozen=True)
class SustainedSlice:
    """The place of one process in a sustained pass. Times are seconds since the pass began, on the lane's clock.

    Attributes:
        busy_s: how long inferences ran in it one after another, warm-up included.
        inferences: how many were timed; the samples may be every second or tenth of them.
        wanted_s: how long the whole pass was to be.
    """

    start_s: float
    end_s: float
    busy_s: float
    inferences: int
    wanted_s: float


@dataclass(frozen=True)
class InvocationResult:
    """What came back from one process. Arrays are int64 nanoseconds in order of time; empty unless TIMING.

    `timed` says what a sample holds: ``call+read`` (the outputs were read on the CPU inside the sample), or ``call``
    when the backend is proven synchronous. `tool` stands in for samples where a tool gives only their summary.
    `gpu_memory_mib` is what the kernel accounts to the process beside its resident memory. `sustained` is there in a
    sustained pass only.
    """

    status: Status
    error: str = ""
    init_us: float | None = None
    first_inference_us: float | None = None
    samples_ns: NDArray[np.int64] | None = field(default=None, compare=False)
    warmup_ns: NDArray[np.int64] | None = field(default=None, compare=False)
    warmup_capped: bool = False
    timed: str = "call+read"
    peak_rss_mib: float | None = None
    pss_mib: float | None = None
    operators: tuple[OperatorTime, ...] = ()
    coverage: Coverage | None = None
    evidence: Evidence = Evidence()
    runtime_version: str = ""
    accelerator: str = ""
    wall_s: float = 0.0
    log: str = ""
    tool: ToolTiming | None = None
    gpu_memory_mib: float | None = None
    sustained: SustainedSlice | None = None


@dataclass(frozen=True)
class InvocationRecord:
    """An invocation as the store keeps it."""

    case_id: str
    purpose: Purpose
    block: int
    order: int
    attempt: int
    started_at: str
    result: InvocationResult


@dataclass(frozen=True)
class ScoredChunk:
    """The scores of one chunk of a data set on one case: one record a sample, of the same length as `sample_ids`."""

    index: int
    dataset_id: str
    sample_ids: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class ChangedSample:
    """A sample that two arms score differently: `reference` and `value` are its own figures."""

    sample_id: str
    reference: float
    value: float


@dataclass(frozen=True)
class AccuracyDifference:
    """How much worse (positive) or better the leading metric is than float32's on the same samples.

    `low` and `high` are a 95 % interval, by `method`. `better` and `worse` count samples; `changed` names the ones that
    changed most.
    """

    metric: str
    loss: float
    low: float
    high: float
    p_value: float | None
    method: str
    samples: int
    better: int
    worse: int
    changed: tuple[ChangedSample, ...] = ()


@dataclass(frozen=True)
class AccuracyResult:
    """The score of one case on its task. `metrics` holds all figures by name, `metric` names the leading one.

    `dataset_id` is the hash of the data set's content; empty in what was stored before it was kept.
    """

    metric: str
    value: float
    samples: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    higher_is_better: bool = True
    dataset_id: str = ""


@dataclass(frozen=True)
class OutputsCheck:
    """What the outputs of one case showed, on the device and delegate that was timed.

    `reference` is the distance to the source model's float outputs on the check inputs, `same_file` that to the outputs
    of the same file on the host's CPU; `finite` is False when an output was NaN or infinite. `accuracy` comes from the
    accuracy pass, `difference` compares it with float32's.
    """

    reference: OutputError | None = None
    accuracy: AccuracyResult | None = None
    finite: bool = True
    same_file: OutputError | None = None
    difference: AccuracyDifference | None = None
