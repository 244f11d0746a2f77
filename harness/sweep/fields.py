"""The keys of a sweep file as pydantic models: types, bounds, defaults, descriptions. Used at the file's edge only.

Entries that may be a plain name or a mapping are unions told apart by shape, so that each fault is reported once, at
its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
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
    Backend,
    DeviceSettings,
    EdgeTpuCompiler,
    MeasureSettings,
)
from harness.sweep.field_types import (
    DEVICE,
    KEY,
    ONE_KEY,
    SERVER,
    OneKey,
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

_DEFAULTS = MeasureSettings()
SHORTEST_SUSTAINED_S = 10.0
_CPU = Backend()
_SETTINGS = DeviceSettings()
_COMPILER = EdgeTpuCompiler()

TargetName = Literal["host", "adb", "edgetpu"]
BackendName = Literal["cpu", "gpu", "hexagon", "qnn", "nnapi", "edgetpu"]
RuntimeName = Literal["litert", "benchmark_model", "device_runner", "pycoral"]
CoreClass = Literal["big", "big_cluster", "little", "all"]
Coverage = Literal["full", "partial", "any"]
ExcludedBackend = Literal[
    "cpu", "cpu xnnpack", "cpu builtin", "cpu reference", "gpu", "hexagon", "qnn", "nnapi", "edgetpu", "external"
]


def _distinct(value: list[int]) -> list[int]:
    if len(set(value)) < len(value):
        raise problem("a core is named twice; allowed: each core once")
    return value


CoreIndex = Annotated[int, Field(ge=0, le=1023)]
CoreList = Annotated[list[CoreIndex], Field(min_length=1, max_length=256), AfterValidator(_distinct)]
Threads = Annotated[int, Field(ge=1, le=256)]
Cores = Annotated[
    Annotated[CoreClass, Tag("<name>")] | Annotated[CoreList, Tag("<list>")],
    Discriminator(shape_of),
]


class AdbSelector(Strict):
    """Which phone. Both keys must agree when both are given; any phone when neither is."""

    serial: Text = Field("", description="The serial number as `adb devices` prints it, quoted.")
    model: Text = Field("", description="The phone's model name, such as Pixel 8.")


class AnySelector(Strict):
    """Equal phones that share the models of the sweep."""

    model: Text = Field("", description="The phones' model name; phones of any model when absent.")
    count: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="How many phones at most.")


class EdgeTpuSelector(Strict):
    """Which Edge TPU."""

    device: str = Field("", pattern=DEVICE, description="Device as libedgetpu names it: usb, pci, usb:0, pci:1, :0.")
    count: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="How many Edge TPUs at most; each takes some of the models."
    )


class NoOptions(Strict):
    """A mapping without keys: nothing to choose here."""


class TargetMapping(OneKey):
    """A target with a choice of device."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)  # type: ignore[typeddict-item]

    host: NoOptions | None = Field(None, description="This machine; it takes no options.")
    adb: AdbSelector | None = Field(None, description="An Android phone over adb.")
    any: AnySelector | None = Field(None, description="Several equal phones; each takes some of the models.")
    edgetpu: EdgeTpuSelector | None = Field(None, description="A Coral Edge TPU.")


class CpuOptions(Strict):
    """Options of the CPU backend."""

    threads: Threads = Field(_CPU.threads, description="Threads of the interpreter.")
    cores: Cores = Field("big", description="Cores to pin to: a class, or a list of core numbers.")
    xnnpack: bool = Field(_CPU.xnnpack, description="The XNNPACK delegate; false for the runtime's built-in kernels.")
    kernels: Literal["optimized", "reference"] = Field(
        "optimized", description="Built-in kernels to use; reference kernels are slow on purpose and exclude XNNPACK."
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if found := list(self._contradictions()):
            raise problems(found)
        return self

    def _contradictions(self) -> Iterator[Problem]:
        if self.kernels == "reference" and self.xnnpack and "xnnpack" in self.model_fields_set:
            text = "reference kernels run without XNNPACK; allowed: xnnpack: false, or leave it out"
            yield text, ("xnnpack", "kernels")
        if isinstance(self.cores, list) and self.threads > len(self.cores):
            text = f"threads {self.threads} on {len(self.cores)} listed cores; allowed: at most one thread a core"
            yield text, ("threads", "cores")


Rest = Literal["xnnpack", "builtin"]
_REST = "Kernels for the nodes that the delegate leaves on the CPU."
_PARTITIONS = "Partitions the delegate may take at most."
_LIBRARIES = "Folder on this host with the delegate's libraries, relative to the sweep file."
Partitions = Annotated[int, Field(ge=1, le=10_000)]


class GpuOptions(Strict):
    """Options of the GPU delegate; what a runtime does not know makes its cases unsupported."""

    backend: Literal["cl", "gl", "webgpu"] | None = Field(
        None, description="OpenCL, OpenGL or WebGPU; the delegate chooses when absent, and the row says which."
    )
    precision: Literal["float16", "float32", "auto", "default"] | None = Field(
        None, description="Precision of the arithmetic."
    )
    quantized: bool | None = Field(None, description="Run quantized models as float with simulated quantization.")
    sustained: bool | None = Field(None, description="Prefer sustained speed over a fast single answer.")
    serialization: bool | None = Field(None, description="Keep compiled kernels between processes.")
    max_partitions: Partitions | None = Field(None, description=_PARTITIONS)
    allow_partial: bool | None = Field(None, description="Do not demand every node (LiteRT's benchmark_model).")
    rest: Rest | None = Field(None, description=_REST)


class HexagonOptions(Strict):
    """Options of the Hexagon delegate."""

    libraries: Text = Field("", description=_LIBRARIES)
    max_partitions: Partitions | None = Field(None, description=_PARTITIONS)
    rest: Rest | None = Field(None, description=_REST)


class QnnOptions(Strict):
    """Options of Qualcomm's delegate."""

    libraries: Text = Field("", description=_LIBRARIES)
    backend: Literal["htp", "gpu", "dsp"] | None = Field(None, description="Which processor.")
    precision: Literal["quantized", "float16", "float32", "model", "hybrid"] | None = Field(
        None, description="Precision of the arithmetic; htp knows quantized and float16."
    )
    performance: (
        Literal[
            "default",
            "sustained_high",
            "burst",
            "high",
            "normal",
            "low",
            "power_saver",
            "low_power_saver",
            "high_power_saver",
            "low_balanced",
            "balanced",
        ]
        | None
    ) = Field(None, description="Performance mode of the processor.")
    session: Literal["unsigned", "signed", "adaptive"] | None = Field(None, description="Protection domain.")
    optimization: Text | None = Field(None, description="HTP optimization strategy, as the delegate spells it.")
    log_level: Annotated[int, Field(ge=0, le=5)] | None = Field(None, description="Log level of the delegate.")
    allow_partial: bool | None = Field(None, description="Do not demand every node (LiteRT's benchmark_model).")
    rest: Rest | None = Field(None, description=_REST)


class NnapiOptions(Strict):
    """Options of NNAPI."""

    accelerator: Text = Field("", description="Name of the accelerator, as the phone lists it.")
    fp16: bool | None = Field(None, description="Allow float16 arithmetic.")
    preference: Literal["fast_single_answer", "sustained_speed", "low_power"] | None = Field(
        None, description="What to optimise for."
    )
    priority: Literal["default", "low", "medium", "high"] | None = Field(None, description="Priority of the execution.")
    burst: bool | None = Field(None, description="Burst mode.")
    max_partitions: Partitions | None = Field(None, description=_PARTITIONS)
    rest: Rest | None = Field(None, description=_REST)


class EdgeTpuOptions(Strict):
    """Options of the Edge TPU's delegate, for the runtime litert."""

    library: Text = Field("", description="libedgetpu.so.1: a path relative to the sweep file, or a name.")


class ExternalOptions(Strict):
    """Any other delegate with the external delegate interface."""

    path: Text = Field(description="The delegate's library on this host, relative to the sweep file.")
    libraries: Text | None = Field(None, description="Folder with further libraries that it needs.")
    options: dict[Annotated[str, Field(pattern=KEY, max_length=128)], Text] = Field(
        {}, description="Options of the delegate itself, by name."
    )
    rest: Rest | None = Field(None, description=_REST)

    @model_validator(mode="after")
    def _no_hidden_options(self) -> Self:
        taken = sorted({"path", "libraries", "rest"} & set(self.options))
        if taken:
            raise problem(f"the delegate's option '{taken[0]}' has the name of a key of external", "options")
        return self


class BackendMapping(OneKey):
    """A backend with options."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)  # type: ignore[typeddict-item]

    cpu: CpuOptions | None = Field(None, description="The CPU.")
    gpu: GpuOptions | None = Field(None, description="The GPU delegate.")
    hexagon: HexagonOptions | None = Field(None, description="The Hexagon DSP delegate of a phone.")
    qnn: QnnOptions | None = Field(None, description="The Qualcomm QNN delegate of a phone.")
    nnapi: NnapiOptions | None = Field(None, description="Android's NNAPI.")
    edgetpu: EdgeTpuOptions | None = Field(None, description="A Coral Edge TPU; what targets of that kind have anyway.")
    external: ExternalOptions | None = Field(None, description="Any other delegate library.")


class LitertOptions(Strict):
    """Options of the LiteRT runtime."""

    python: Text = Field(
        "",
        description="The interpreter that has the library: a path relative to the sweep file, or a name on PATH.",
    )


class PycoralOptions(Strict):
    """Options of the pycoral runtime."""

    python: Text = Field(
        "",
        description="The interpreter that has Coral's pycoral: a path relative to the sweep file, or a name on PATH.",
    )


class BenchmarkModelOptions(Strict):
    """Options of the benchmark_model runtime."""

    binary: Text = Field(
        "",
        description="The tool, built for the phone, relative to the sweep file; the fetched one when absent.",
    )
    libraries: Text = Field(
        "", description="Folder with libraries that belong to the tool, relative to the sweep file."
    )
    release: Slug = Field("", description="Release of the fetched tool; TensorFlow Lite's before LiteRT's when absent.")


class DeviceRunnerOptions(Strict):
    """Options of the harness's own runner on phones."""

    library: Text = Field(
        "", description="libLiteRt.so or libtensorflowlite_c.so for the phone, relative to the sweep file."
    )
    runner: Text = Field("", description="The runner, built for the phone; built or found in the cache when absent.")


class RuntimeMapping(OneKey):
    """A runtime with options."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)  # type: ignore[typeddict-item]

    litert: LitertOptions | None = Field(None, description="LiteRT, the maintained TensorFlow Lite.")
    benchmark_model: BenchmarkModelOptions | None = Field(None, description="TensorFlow Lite's or LiteRT's tool.")
    device_runner: DeviceRunnerOptions | None = Field(None, description="The harness's own runner, for phones.")
    pycoral: PycoralOptions | None = Field(None, description="Coral's pycoral, for Edge TPUs.")


class EdgeTpuCompilerOptions(Strict):
    """How models are compiled for the Edge TPU."""

    command: Text = Field(
        _COMPILER.command,
        description="edgetpu_compiler's name on PATH or its path, or a command that runs it elsewhere, with "
        "{arguments} and {folder}; see docs/edgetpu.md.",
    )
    min_runtime_version: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Version of the Edge TPU runtime that the model must run on."
    )
    intermediate_tensors: list[Text] = Field([], description="Tensors at which the Edge TPU's part ends.")
    several_subgraphs: bool = Field(False, description="Allow more than one part on the Edge TPU (-a).")
    num_segments: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Parts of a pipeline over as many Edge TPUs."
    )
    search_delegate: bool = Field(False, description="Search for a cut that compiles where the whole model does not.")
    search_step: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Operators the search moves on at a time."
    )
    timeout_s: Seconds = span(_COMPILER.timeout_s, 1, 86400, "Deadline of one compilation.")
    together: bool = Field(False, description="Compile all models for one parameter cache (co-compilation).")


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


TargetEntry = Annotated[
    Annotated[TargetName, Tag("<name>")] | Annotated[TargetMapping, Tag("<mapping>")], Discriminator(shape_of)
]
BackendEntry = Annotated[
    Annotated[BackendName, Tag("<name>")] | Annotated[BackendMapping, Tag("<mapping>")], Discriminator(shape_of)
]
RuntimeEntry = Annotated[
    Annotated[RuntimeName, Tag("<name>")] | Annotated[RuntimeMapping, Tag("<mapping>")], Discriminator(shape_of)
]


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
