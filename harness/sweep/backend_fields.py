"""The backends of a sweep file: what computes, with its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from typing_extensions import Self

from harness.domain import Backend
from harness.sweep.field_types import KEY, ONE_KEY, OneKey, Problem, Strict, Text, problem, problems, shape_of

_CPU = Backend()

BackendName = Literal["cpu", "gpu", "hexagon", "qnn", "nnapi", "edgetpu"]
CoreClass = Literal["big", "big_cluster", "little", "all"]


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


BackendEntry = Annotated[
    Annotated[BackendName, Tag("<name>")] | Annotated[BackendMapping, Tag("<mapping>")], Discriminator(shape_of)
]
