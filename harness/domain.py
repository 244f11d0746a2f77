"""The words all rooms share: frozen values without I/O.

A *case* is one model variant on one target with one backend and runtime. It is measured by *invocations*, one process
each. Everything that is known about an invocation is in `InvocationResult`; everything a reader sees of a case is in
`ResultRow`, made from its invocations by `harness.measure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from harness.content import content_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VARIANTS = ("float32", "dynamic_range", "float16", "full_integer", "int8", "int16x8")
INTEGER_VARIANTS = ("full_integer", "int8", "int16x8")
THERMAL_STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")  # Android's, from 0 on


class Status(str, Enum):
    """How a case, an invocation or a conversion ended."""

    DONE = "DONE"
    FAILED = "FAILED"
    UNSUPPORTED = "UNSUPPORTED"
    TIMEOUT = "TIMEOUT"
    CRASHED = "CRASHED"
    OOM = "OOM"
    OFFLINE = "OFFLINE"
    SKIPPED = "SKIPPED"
    INTERRUPTED = "INTERRUPTED"

    def __str__(self) -> str:
        return self.value


class Verdict(str, Enum):
    """How far the number of a row can be believed, worst first."""

    WRONG_OUTPUT = "WRONG_OUTPUT"
    FELL_BACK = "FELL_BACK"
    THROTTLED = "THROTTLED"
    NOISY = "NOISY"
    UNVERIFIED = "UNVERIFIED"
    TRUSTED = "TRUSTED"

    def __str__(self) -> str:
        return self.value


class Purpose(str, Enum):
    """What one invocation is for. Timing, memory and profile never share a process."""

    OUTPUTS = "outputs"
    TIMING = "timing"
    MEMORY = "memory"
    PROFILE = "profile"

    def __str__(self) -> str:
        return self.value


# ---- what a sweep asks for -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelRef:
    """A model as the sweep names it: a recipe, or a file (`.tflite`, `.keras`, SavedModel directory, recipe `.py`).

    `options` go to the recipe (for example ``(("weights", "/data/mobilenet.keras"),)``).
    """

    name: str
    file: str | None = None
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Target:
    """Where to run. `selector` narrows the choice, such as ``(("serial", "0123"),)``."""

    kind: str = "host"
    selector: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """``host``, ``adb serial=0123``."""
        return " ".join([self.kind, *(f"{key}={value}" for key, value in self.selector)])


@dataclass(frozen=True)
class Backend:
    """Which delegate computes, on which cores. `cores` is a class name or explicit indices.

    On the CPU `xnnpack` chooses between the XNNPACK delegate and the built-in kernels; `kernels` is ``reference`` to
    ask for the runtime's reference kernels (a diagnosis: they are slow on purpose).
    """

    kind: str = "cpu"
    threads: int = 1
    cores: str | tuple[int, ...] = "big"
    xnnpack: bool = True
    kernels: str = "optimized"
    options: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """``cpu xnnpack``, ``cpu builtin``, ``cpu reference``, ``gpu``, ``gpu precision=float32``."""
        if self.kind != "cpu":
            # Paths would drown what tells two settings of a delegate apart.
            told = [f"{name}={value}" for name, value in self.options if "/" not in value]
            return " ".join([self.kind, *told])
        if self.kernels == "reference":
            return "cpu reference"
        return "cpu xnnpack" if self.xnnpack else "cpu builtin"

    @property
    def cores_label(self) -> str:
        """``big`` or ``0,3``."""
        return self.cores if isinstance(self.cores, str) else ",".join(map(str, self.cores))


@dataclass(frozen=True)
class RuntimeRef:
    """Which inference library: `python` is the interpreter that has it, None for the harness's own.

    On phones `options` name the files: ``(("binary", "/path/benchmark_model"),)``.
    """

    name: str = "litert"
    python: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """``litert``, ``litert (/opt/old/bin/python)`` or ``benchmark_model (/opt/tools/benchmark_model)``."""
        files = [path for path in (self.python, *(value for _, value in self.options)) if path]
        return f"{self.name} ({', '.join(files)})" if files else self.name


@dataclass(frozen=True)
class MeasureSettings:
    """The protocol of a sweep. Defaults: statistics of invocations, 2 s windows (see docs/measuring.md)."""

    blocks: int = 8
    min_s: float = 2.0
    min_iterations: int = 50
    max_s: float = 10.0
    warmup_min_s: float = 1.0
    warmup_min_iterations: int = 10
    warmup_max_s: float = 8.0
    gap_s: float = 0.0
    timeout_s: float = 120.0
    seed: int = 1
    memory: bool = True
    profile: bool = True


@dataclass(frozen=True)
class Gate:
    """When a phone may begin a block: as cool as at the start (within `rise_c`), thermal status none, charged enough.

    `max_temp_c` is an absolute ceiling, None for none. After `timeout_s` of waiting the block is run and marked.
    """

    rise_c: float = 3.0
    max_temp_c: float | None = None
    min_battery_pct: float = 20.0
    timeout_s: float = 600.0


@dataclass(frozen=True)
class DeviceSettings:
    """What a sweep may change on a phone; None leaves a setting as it is.

    Only `stay_awake` is changed without being asked for: a sleeping screen lowers the clocks. `governor` and
    `clock_khz` (a fixed clock of the measured cluster, or ``max``) need root. `brightness` is 0 to 255.
    A lost phone is waited for `offline_timeout_s` before its cases are given up.
    """

    stay_awake: bool | None = True
    governor: str | None = None
    clock_khz: int | str | None = None
    fixed_performance_mode: bool | None = None
    airplane_mode: bool | None = None
    animations: bool | None = None
    battery_saver: bool | None = None
    brightness: int | None = None
    offline_timeout_s: float = 300.0
    gate: Gate = Gate()


@dataclass(frozen=True)
class AccuracySettings:
    """`samples` is the number of test samples at most; None means all, 0 means no accuracy pass."""

    samples: int | None = None


@dataclass(frozen=True)
class Case:
    """One point of the sweep's matrix."""

    model: ModelRef
    variant: str
    target: Target = Target()
    backend: Backend = Backend()
    runtime: RuntimeRef = RuntimeRef()

    @cached_property
    def case_id(self) -> str:
        """Stable across runs: the hash of what the case is, not of when it ran."""
        parts = {name: vars(part) for name, part in vars(self).items() if name != "variant" and name != "case_id"}
        return content_id({**parts, "variant": self.variant})

    @property
    def label(self) -> str:
        """``mobilenet_v2 int8 · cpu xnnpack 1 thread · host``; at the end a runtime that is not the default."""
        threads = f"{self.backend.threads} thread{'s' if self.backend.threads != 1 else ''}"
        runtime = "" if self.runtime == RuntimeRef() else f" · {self.runtime.label}"
        return f"{self.model.name} {self.variant} · {self.backend.label} {threads} · {self.target.label}{runtime}"


# ---- model files -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TensorInfo:
    """A model input or output. `scale` is 0.0 for a float tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class OutputError:
    """Distance of outputs from a float reference on the same inputs, in the units of the (dequantized) outputs.

    `rmse` and `max_abs` are absolute; `cosine` is the cosine similarity of the flattened outputs in [-1, 1].
    `reference_rms` is the root mean square of the reference, to which `rmse` compares; None if it was not kept.
    """

    max_abs: float
    rmse: float
    cosine: float
    samples: int
    reference_rms: float | None = None


@dataclass(frozen=True)
class VariantFile:
    """One variant of one model after preparation; a failed conversion has its status, a reason, and no path.

    `check_path` is an .npz with float32 ``inputs`` (n, *shape without batch) and ``outputs`` of the source model.
    `data_path` is an .npz with the held-out test split: float32 ``inputs`` and int64 ``labels``; None without a task.
    """

    model: str
    variant: str
    status: Status
    reason: str = ""
    path: str | None = None
    sha256: str = ""
    size_bytes: int = 0
    gzip_bytes: int = 0
    reduction_pct: float | None = None
    conversion_s: float = 0.0
    converter: str = ""
    cached: bool = False
    float_operators: tuple[str, ...] = ()
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()
    weights: str = ""
    task: str | None = None
    source_error: OutputError | None = None
    check_path: str | None = None
    data_path: str | None = None


# ---- what a device says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Core:
    """A CPU core. `capacity` is the kernel's relative capacity (1024 the biggest), `max_khz` the highest clock."""

    index: int
    online: bool = True
    capacity: int | None = None
    max_khz: int | None = None
    cluster: int | None = None


@dataclass(frozen=True)
class DeviceFacts:
    """What identifies a device and what it can guarantee.

    `fingerprint` fields are what must agree for two rows to be compared. `notes` are sentences for the reader, such as
    "homogeneous cores: core 1 chosen by index". `abis` are what binaries a phone runs, best first; `details` further
    figures for the reader, by name.
    """

    device_id: str
    kind: str
    model: str
    soc: str = ""
    os_build: str = ""
    cores: tuple[Core, ...] = ()
    memory_mib: float = 0.0
    virtual_machine: bool = False
    governor: str | None = None
    clock_source: str | None = None
    gpus: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    abis: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> dict[str, str]:
        """The identity that comparisons require to agree."""
        return {"device_id": self.device_id, "model": self.model, "soc": self.soc, "os_build": self.os_build}


# ---- one invocation --------------------------------------------------------------------------------------------------


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
    `thermal_status` is the highest of Android's levels (0 none to 6 shutdown) during it, `battery_pct` the charge at
    its end, `telemetry_load` the share of one core that observing took.
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
class InvocationResult:
    """What came back from one process. Arrays are int64 nanoseconds in order of time; empty unless TIMING.

    `timed` says what a sample holds: ``call+read`` (the outputs were read on the CPU inside the sample), or ``call``
    when the backend is proven synchronous. `tool` stands in for samples where a tool gives only their summary.
    `gpu_memory_mib` is what the kernel accounts to the process beside its resident memory.
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
class AccuracyResult:
    """The score of one case on its task. `metrics` holds all figures by name, `metric` names the leading one."""

    metric: str
    value: float
    samples: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputsCheck:
    """What the outputs pass of one case showed, on the device and delegate that was timed.

    `reference` is the distance to the source model's float outputs on the check inputs; `finite` is False when an
    output was NaN or infinite.
    """

    reference: OutputError | None = None
    accuracy: AccuracyResult | None = None
    finite: bool = True


@dataclass(frozen=True)
class RunRecord:
    """One sweep run. Times are ISO 8601 UTC; `state` is running, finished, incomplete (a device was lost) or
    interrupted.
    """

    run_id: str
    name: str
    sweep_text: str
    sweep_sha256: str
    settings_json: str
    harness_version: str
    started_at: str
    finished_at: str | None = None
    state: str = "running"
    git_commit: str = ""


@dataclass(frozen=True)
class RunView:
    """Everything the reports need of one run, as values. `checks` and `rows` are keyed by and ordered like `cases`."""

    run: RunRecord
    cases: tuple[Case, ...]
    rows: tuple[ResultRow, ...]
    files: tuple[VariantFile, ...]
    facts: tuple[DeviceFacts, ...]
    invocations: tuple[InvocationRecord, ...]
    measure: MeasureSettings
    estimated_s: float | None = None


# ---- what a reader sees ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResultRow:
    """One line of summary.csv, in its column order (fixed; new columns are appended only). None is an empty cell."""

    run_id: str
    case_id: str
    status: Status
    verdict: Verdict | None
    reasons: str
    target: str
    device: str
    model: str
    variant: str
    backend: str
    threads: int
    cores: str
    latency_p50_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_ci_low_ms: float | None = None
    latency_ci_high_ms: float | None = None
    invocations: int = 0
    samples: int = 0
    init_ms: float | None = None
    first_inference_ms: float | None = None
    peak_rss_mib: float | None = None
    model_size_mb: float | None = None
    model_size_gzip_mb: float | None = None
    coverage: str = ""
    delegated_nodes: int | None = None
    total_nodes: int | None = None
    partitions: int | None = None
    accuracy_metric: str = ""
    accuracy: float | None = None
    reference_error: float | None = None
    clock_ghz: float | None = None
    clock_share: float | None = None
    temp_start_c: float | None = None
    temp_end_c: float | None = None
    remedy: str = ""
    weights: str = ""
    runtime: str = ""
    runtime_version: str = ""
    accelerator: str = ""
    converter: str = ""
    timed: str = ""
    pss_mib: float | None = None
    top1: float | None = None
    top5: float | None = None
    reference_max_abs: float | None = None
    reference_cosine: float | None = None
    latency_min_ms: float | None = None
    foreign_load: float | None = None
    clock_source: str = ""
    minimum_detectable_effect_pct: float | None = None
    model_sha256: str = ""
    accuracy_samples: int | None = None
    device_id: str = ""
    thermal_status: int | None = None
    battery_pct: float | None = None
    telemetry_load: float | None = None
    notes: str = ""
    gpu_memory_mib: float | None = None
