"""The runtimes of a sweep file: which inference library, and how models are compiled for the Edge TPU."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from harness.domain import EdgeTpuCompiler
from harness.sweep.field_types import ONE_KEY, OneKey, Seconds, Slug, Strict, Text, shape_of, span

_COMPILER = EdgeTpuCompiler()

RuntimeName = Literal["litert", "benchmark_model", "device_runner", "pycoral"]


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


RuntimeEntry = Annotated[
    Annotated[RuntimeName, Tag("<name>")] | Annotated[RuntimeMapping, Tag("<mapping>")], Discriminator(shape_of)
]
