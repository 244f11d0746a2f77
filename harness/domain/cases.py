"""What a sweep asks for: models, targets, backends, settings, and the cases they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from harness.content import content_id


@dataclass(frozen=True)
class ModelRef:
    """A model as the sweep names it: a recipe, or a file (`.tflite`, `.keras`, SavedModel directory, recipe `.py`).

    `options` go to the recipe (for example ``(("weights", "/data/mobilenet.keras"),)``), to the converters and to the
    data set. `recipe` is the recipe's name where the model is called otherwise.
    """

    name: str
    file: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    recipe: str = ""


@dataclass(frozen=True)
class Target:
    """Where to run. `selector` narrows the choice, such as ``(("serial", "0123"),)``."""

    kind: str = "host"
    selector: tuple[tuple[str, str], ...] = ()

    @property
    def count(self) -> int:
        """How many devices it stands for at most."""
        count = dict(self.selector).get("count", "1")
        return int(count) if count.isdigit() else 1

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
    """The protocol of a sweep. Defaults: statistics of invocations, 2 s windows (see docs/measuring.md).

    `sentinel` adds a small fixed workload to each block; `sustained_s` is how long each case is run in one go at the
    end, 0 for not at all.
    """

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
    sentinel: bool = False
    sustained_s: float = 0.0


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
    """The accuracy pass and what it must show.

    Attributes:
        samples: the number of test samples at most; None means all, 0 means no accuracy pass.
        max_loss: how much the leading metric may be worse than float32's, in its own unit; None for no demand but that
            it does not collapse.
        tolerance: how far outputs may be from those of the same file on the host's CPU: RMS of the difference over RMS
            of the outputs; None for the default of the variant and backend (see harness.measure.output_rules).
    """

    samples: int | None = None
    max_loss: float | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class Case:
    """One point of the sweep's matrix. `arm` is ``base`` or ``candidate`` in a comparison of two builds, else empty."""

    model: ModelRef
    variant: str
    target: Target = Target()
    backend: Backend = Backend()
    runtime: RuntimeRef = RuntimeRef()
    arm: str = ""

    @cached_property
    def case_id(self) -> str:
        """Stable across runs: the hash of what the case is, not of when it ran."""
        parts = {name: vars(getattr(self, name)) for name in ("model", "target", "backend", "runtime")}
        if not self.model.recipe:  # so that cases stored before this field keep their ids
            parts["model"] = {name: value for name, value in parts["model"].items() if name != "recipe"}
        arm = {"arm": self.arm} if self.arm else {}
        return content_id({**parts, "variant": self.variant, **arm})

    @property
    def label(self) -> str:
        """``mobilenet_v2 int8 · cpu xnnpack 1 thread · host``; at the end a runtime that is not the default."""
        threads = f"{self.backend.threads} thread{'s' if self.backend.threads != 1 else ''}"
        runtime = "" if self.runtime == RuntimeRef() else f" · {self.runtime.label}"
        arm = f" · {self.arm}" if self.arm else ""
        return f"{self.model.name} {self.variant} · {self.backend.label} {threads} · {self.target.label}{runtime}{arm}"
