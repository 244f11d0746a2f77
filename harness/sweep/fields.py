"""The keys of a sweep file as pydantic models: types, bounds, defaults, descriptions. Used at the file's edge only.

Entries that may be a plain name or a mapping are unions told apart by shape, so that each fault is reported once, at
its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from typing_extensions import Self

from harness.domain import (
    VARIANTS,
    AccuracySettings,
    DeviceSettings,
    MeasureSettings,
)
from harness.sweep.backend_fields import BackendEntry, Threads
from harness.sweep.field_types import (
    SERVER,
    Problem,
    Seconds,
    Slug,
    Strict,
    Text,
    problem,
    problems,
    shape_of,
    span,
)
from harness.sweep.model_fields import ModelEntry, VariantName
from harness.sweep.nightly_fields import Nightly
from harness.sweep.runtime_fields import EdgeTpuCompilerOptions, RuntimeEntry
from harness.sweep.target_fields import TargetEntry

_DEFAULTS = MeasureSettings()
SHORTEST_SUSTAINED_S = 10.0
_SETTINGS = DeviceSettings()

Coverage = Literal["full", "partial", "any"]
ExcludedBackend = Literal[
    "cpu", "cpu xnnpack", "cpu builtin", "cpu reference", "gpu", "hexagon", "qnn", "nnapi", "edgetpu", "external"
]


class Measure(Strict):
    """The protocol: how long and how often. Spans are seconds, or text such as 2s, 500ms, 1min."""

    blocks: int = Field(
        _DEFAULTS.blocks, ge=1, le=1000, description="Timing processes per case, one in each interleaved block."
    )
    min_s: Seconds = span(_DEFAULTS.min_s, 0.001, 3600, "Shortest timed window of a process.")
    min_iterations: int = Field(
        _DEFAULTS.min_iterations, ge=1, le=1_000_000, description="Fewest inferences in the timed window."
    )
    max_s: Seconds = span(_DEFAULTS.max_s, 0.001, 7200, "Longest timed window, min_iterations or not.")
    warmup_min_s: Seconds = span(_DEFAULTS.warmup_min_s, 0, 3600, "Shortest warm-up of a process.")
    warmup_min_iterations: int = Field(
        _DEFAULTS.warmup_min_iterations, ge=0, le=1_000_000, description="Fewest inferences of the warm-up."
    )
    warmup_max_s: Seconds = span(_DEFAULTS.warmup_max_s, 0, 7200, "Longest warm-up.")
    gap_s: Seconds = span(_DEFAULTS.gap_s, 0, 3600, "Pause between processes on a device.")
    timeout_s: Seconds = span(_DEFAULTS.timeout_s, 1, 86400, "Deadline of one process; it is killed then.")
    seed: int = Field(
        _DEFAULTS.seed, ge=0, le=2**63 - 1, description="Seed of the order inside the blocks and of random inputs."
    )
    memory: bool = Field(_DEFAULTS.memory, description="Measure peak memory, in a process of its own.")
    profile: bool = Field(_DEFAULTS.profile, description="Profile the operators, in a process of its own.")
    sentinel: bool = Field(
        _DEFAULTS.sentinel,
        description="Run a small fixed workload in each block, which tells a slower device from a slower model.",
    )
    sustained: Seconds = span(
        _DEFAULTS.sustained_s,
        0,
        21600,
        "How long each case is run in one go at the end, to see where a hot device settles; 0 for not at all.",
    )

    @model_validator(mode="after")
    def _order(self) -> Self:
        if found := list(self._contradictions()):
            raise problems(found)
        return self

    def _contradictions(self) -> Iterator[Problem]:
        for low, high in (("min_s", "max_s"), ("warmup_min_s", "warmup_max_s")):
            low_s, high_s = getattr(self, low), getattr(self, high)
            if low_s > high_s:
                yield f"{low} {low_s:g} is longer than {high} {high_s:g}; allowed: {low} at most {high}", (low, high)
        longest_s = self.warmup_max_s + self.max_s
        if self.timeout_s <= longest_s:
            text = f"timeout_s {self.timeout_s:g} would kill a process that uses all of warmup_max_s and max_s"
            yield f"{text}; allowed: more than {longest_s:g}", ("timeout_s", "max_s", "warmup_max_s")
        if 0 < self.sustained < SHORTEST_SUSTAINED_S:
            text = f"sustained {self.sustained:g} is too short to show anything"
            yield f"{text}; allowed: 0, or {SHORTEST_SUSTAINED_S:g} to 21600", ("sustained",)


class GateOptions(Strict):
    """When a phone may begin a block of invocations."""

    rise_c: Annotated[float, Field(ge=0, le=60)] = Field(
        _SETTINGS.gate.rise_c, description="Degrees Celsius above the start of the run at most."
    )
    max_temp_c: Annotated[float, Field(ge=0, le=120)] | None = Field(
        _SETTINGS.gate.max_temp_c, description="Degrees Celsius at most, whatever the start was."
    )
    min_battery_pct: Annotated[float, Field(ge=0, le=100)] = Field(
        _SETTINGS.gate.min_battery_pct, description="Charge of the battery in percent at least."
    )
    timeout_s: Seconds = span(
        _SETTINGS.gate.timeout_s, 0, 86400, "Longest wait; then the block is run, and its row says so."
    )


class Settings(Strict):
    """What may be changed on a phone while the sweep runs; all of it is put back."""

    stay_awake: bool | None = Field(
        _SETTINGS.stay_awake, description="Keep the screen on while plugged in; null leaves it as it is."
    )
    governor: Slug | None = Field(None, description="CPU frequency governor; needs root.")
    clock_khz: Annotated[int, Field(ge=1, le=20_000_000)] | Literal["max"] | None = Field(
        None, description="Fixed CPU clock in kHz, or max; needs root."
    )
    fixed_performance_mode: bool | None = Field(None, description="Android's fixed performance mode (Android 11).")
    airplane_mode: bool | None = Field(None, description="Airplane mode; refused over TCP, which it would cut.")
    animations: bool | None = Field(None, description="Animations of the user interface.")
    battery_saver: bool | None = Field(None, description="Battery saver; on, it lowers the clocks.")
    brightness: Annotated[int, Field(ge=0, le=255)] | None = Field(None, description="Brightness of the screen.")
    offline_timeout_s: Seconds = span(
        _SETTINGS.offline_timeout_s, 0, 86400, "How long a lost phone is waited for before its cases are given up."
    )
    gate: GateOptions = Field(
        default_factory=lambda: GateOptions.model_validate({}), description="When a block may begin."
    )


class Accuracy(Strict):
    """The accuracy pass, and what it must show."""

    samples: Annotated[int, Field(ge=0, le=10_000_000)] | None = Field(
        AccuracySettings().samples, description="Test samples at most; all when absent or null, 0 for no accuracy pass."
    )
    max_loss: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="How much the leading metric may be worse than float32's, in its own unit."
    )
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="How far outputs may be from the same file's on the host's CPU: share of their RMS."
    )


class Require(Strict):
    """What a row must show to be trusted."""

    coverage: Coverage = Field(
        "partial",
        description="Nodes the delegate must take: full for all, partial for at least one, any for no demand.",
    )


def _one_or_many(item: Any) -> Any:
    many = Annotated[list[item], Field(min_length=1)]
    return Annotated[Annotated[item, Tag("<name>")] | Annotated[many, Tag("<list>")], Discriminator(shape_of)]


class Exclusion(Strict):
    """Leaves out the cases that match every key given; a list matches any of its values."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    model: _one_or_many(Text) = Field(None, description="Model name.")  # type: ignore[valid-type]
    variant: _one_or_many(VariantName) = Field(None, description="Variant name.")  # type: ignore[valid-type]
    target: _one_or_many(Text) = Field(None, description="Target: its kind, or its label such as adb serial=0123.")  # type: ignore[valid-type]
    backend: _one_or_many(ExcludedBackend) = Field(None, description="Backend: cpu means every CPU backend.")  # type: ignore[valid-type]
    threads: _one_or_many(Threads) = Field(None, description="Threads of the CPU backend.")  # type: ignore[valid-type]
    runtime: _one_or_many(Text) = Field(None, description="Runtime: its name, or its label with the interpreter.")  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise problem(f"an empty rule would exclude every case; allowed: {', '.join(type(self).model_fields)}")
        return self


class SweepFile(Strict):
    """A sweep: models, variants, targets and backends to combine, and how to measure them."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["runtime", "runtimes"]}})

    name: Slug = Field("", description="Name of the sweep in results; the file's stem when absent.")
    models: list[ModelEntry] = Field(min_length=1, description="Models: recipe names, files, or recipes with options.")
    variants: list[VariantName] = Field(list(VARIANTS), min_length=1, description="Quantization variants.")
    targets: list[TargetEntry] = Field(["host"], min_length=1, description="Where to run.")
    backends: list[BackendEntry] = Field(["cpu"], min_length=1, description="What computes: the CPU or a delegate.")
    runtime: RuntimeEntry | None = Field(
        None,
        description="The inference library; when absent litert on the host, benchmark_model on phones, pycoral on "
        "Edge TPUs.",
    )
    runtimes: list[RuntimeEntry] = Field(
        [], min_length=1, description="Several inference libraries to compare; instead of runtime."
    )
    measure: Measure = Field(
        default_factory=lambda: Measure.model_validate({}), description="The protocol: how long and how often."
    )
    accuracy: Accuracy = Field(default_factory=lambda: Accuracy.model_validate({}), description="The accuracy pass.")
    require: Require = Field(
        default_factory=lambda: Require.model_validate({}), description="What a row must show to be trusted."
    )
    exclude: list[Exclusion] = Field([], description="Cases to leave out.")
    adb_server: Annotated[str, Field(pattern=SERVER)] | None = Field(
        None, description="The adb server that the phones are attached to, host:port; this host's when absent."
    )
    settings: Settings = Field(
        default_factory=lambda: Settings.model_validate({}), description="What may be changed on phones."
    )
    edgetpu_compiler: EdgeTpuCompilerOptions = Field(
        default_factory=lambda: EdgeTpuCompilerOptions.model_validate({}),
        description="How models are compiled for the Edge TPU.",
    )
    nightly: Nightly = Field(
        default_factory=lambda: Nightly.model_validate({}), description="How its nights are run and judged."
    )
