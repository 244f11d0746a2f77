"""How a model is compiled for the Edge TPU, and what the compiler mapped."""

from __future__ import annotations

from dataclasses import dataclass

MAPPED = "Mapped to Edge TPU"


@dataclass(frozen=True)
class EdgeTpuCompiler:
    """Where ``edgetpu_compiler`` is and what it is asked for.

    Attributes:
        command: its name on PATH, its path, or a command template that runs it elsewhere (a container, ssh). In a
            template ``{arguments}`` stands for its arguments, ``{folder}`` for the folder with inputs and outputs.
        min_runtime_version: of libedgetpu, that the compiled model must run on; the compiler's own when None.
        intermediate_tensors: names at which the Edge TPU's part ends.
        several_subgraphs: allow more than one part on the Edge TPU (``-a``, undocumented).
        num_segments: parts of a pipeline over as many Edge TPUs.
        search_delegate: let the compiler look for a cut that compiles when the whole model does not.
        search_step: operators that the search moves on at a time; the compiler's own when None.
        timeout_s: deadline of one compilation.
        together: compile all models of the sweep for one parameter cache (co-compilation).
    """

    command: str = "edgetpu_compiler"
    min_runtime_version: int | None = None
    intermediate_tensors: tuple[str, ...] = ()
    several_subgraphs: bool = False
    num_segments: int = 1
    search_delegate: bool = False
    search_step: int | None = None
    timeout_s: float = 180.0
    together: bool = False


@dataclass(frozen=True)
class MappedOperator:
    """A line of the compiler's operation log: `count` operators of one kind with one `status`, in its own words."""

    name: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        """Whether the Edge TPU computes them."""
        return self.status == MAPPED


@dataclass(frozen=True)
class EdgeTpuMapping:
    """What the compiler says it did, and what the compiled file shows; None where neither says it.

    Attributes:
        mapped, on_cpu: operators of the source model.
        subgraphs: parts on the Edge TPU: the custom operators that are in the file.
        on_chip_used_bytes: parameters cached on the chip; off_chip_bytes are streamed at each inference.
        together: names of the models whose parameters share the cache.
    """

    compiler_version: str = ""
    min_runtime_version: str = ""
    mapped: int | None = None
    on_cpu: int | None = None
    subgraphs: int = 0
    on_chip_used_bytes: int | None = None
    on_chip_remaining_bytes: int | None = None
    off_chip_bytes: int | None = None
    operators: tuple[MappedOperator, ...] = ()
    together: tuple[str, ...] = ()
