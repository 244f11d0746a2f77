"""From a request to the command line of `benchmark_model`. Pure.

A flag that was asked for and that the binary does not know is a problem before the run: the tool itself would print a
warning, run on the CPU and exit with 0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from harness.domain import InvocationRequest, MeasureSettings, Purpose, TensorInfo
from harness.runtimes.delegate_options import Setting, settings
from harness.runtimes.delegates import LITERT, TFLITE, Delegate

MEMORY_MAX_S = 1.0  # long enough for an observer that looks every 50 ms
PROFILE_MAX_S = 2.0
ENABLING = ("use_", "external_delegate_path", "stable_delegate_loader_settings")


@dataclass(frozen=True)
class Paths:
    """Where things are on the device. `folder` and `library` are the delegate's, `libraries` the runtime's own."""

    binary: str
    model: str
    folder: str = ""
    library: str = ""
    libraries: str = ""
    work: str = ""
    token: str = ""


@dataclass(frozen=True)
class Command:
    """What to run, as a list: nothing of it passes a shell unquoted."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


def flavour_of(flags: Collection[str]) -> str:
    """Which tool a binary is, by the flags that it offers: LiteRT's has accelerators, not delegates."""
    return LITERT if "use_npu" in flags and "use_xnnpack" not in flags else TFLITE


def build(request: InvocationRequest, row: Delegate, paths: Paths, flags: Collection[str]) -> Command | str:
    """The command for one pass of `request`, or the sentence that says why this binary cannot do it.

    Args:
        flags: the names of the flags that the binary knows, from its ``--help``.
    """
    wanted = [
        Setting("graph", paths.model, True),
        Setting("num_threads", str(request.backend.threads), True),
        *settings(row, request.backend),
        *_pass(request.purpose, request.measure, flavour_of(flags)),
    ]
    unknown = [setting.flag for setting in wanted if setting.asked and setting.flag not in flags]
    if unknown:
        return unknown_flags(unknown, flags)
    placed = [(setting.flag, _placed(setting.value, paths)) for setting in wanted if setting.flag in flags]
    problem = _path_problem(paths, row)
    if problem:
        return problem
    return Command((paths.binary, *(f"--{flag}={value}" for flag, value in placed)), _environment(row, paths))


def unknown_flags(unknown: Sequence[str], flags: Collection[str]) -> str:
    """``this benchmark_model does not know --use_gpu; it offers --use_xnnpack, …``."""
    offered = sorted(flag for flag in flags if flag.startswith(ENABLING))
    names = ", ".join(f"--{flag}" for flag in unknown)
    choices = ", ".join(f"--{flag}" for flag in offered) or "no delegate"
    return (
        f"this benchmark_model does not know {names} (it is older, or was built without that part); to choose what "
        f"computes it offers {choices}"
    )


def _pass(purpose: Purpose, measure: MeasureSettings, flavour: str) -> list[Setting]:
    if purpose is Purpose.TIMING:
        return _window(measure.min_iterations, measure.min_s, measure.max_s, measure)
    if purpose is Purpose.MEMORY:
        # Known or not, the device observes the process; the tool's own thread reads the same high-water mark.
        window = _window(5, min(measure.min_s, MEMORY_MAX_S), measure.max_s, measure)
        return [*window, Setting("report_peak_memory_footprint", "true", False)]
    if purpose is Purpose.PROFILE:
        window = _window(measure.min_iterations, min(measure.min_s, PROFILE_MAX_S), measure.max_s, measure)
        return [*window, Setting("use_profiler" if flavour == LITERT else "enable_op_profiling", "true", True)]
    return _flags(num_runs="1", min_secs="0", warmup_runs="0", warmup_min_secs="0")


def _window(runs: int, min_s: float, max_s: float, measure: MeasureSettings) -> list[Setting]:
    """Both the runs and the seconds are reached, unless `max_s` ends it; the tool has one limit for both windows."""
    return _flags(
        num_runs=str(runs),
        min_secs=f"{min_s:g}",
        max_secs=f"{max_s:g}",
        warmup_runs=str(measure.warmup_min_iterations),
        warmup_min_secs=f"{measure.warmup_min_s:g}",
    )


def _flags(**values: str) -> list[Setting]:
    return [Setting(flag, value, True) for flag, value in values.items()]


def _placed(value: str, paths: Paths) -> str:
    for name in ("folder", "library", "work", "token"):
        value = value.replace("{" + name + "}", getattr(paths, name))
    return value


def _path_problem(paths: Paths, row: Delegate) -> str | None:
    in_options = paths.folder if any("{folder}" in value for _, value in row.keys) else ""
    for mark in ";:":
        if mark in in_options:
            return f"the folder {paths.folder!r} has a {mark!r}, at which benchmark_model splits a delegate's options"
    if any(mark in paths.folder + paths.libraries for mark in ";:") and row.environment:
        return f"the folder {paths.folder or paths.libraries!r} has a separator of LD_LIBRARY_PATH in its name"
    return None


def _environment(row: Delegate, paths: Paths) -> dict[str, str]:
    made = {name: _placed(value, paths) for name, value in row.environment}
    if paths.libraries:
        made["LD_LIBRARY_PATH"] = ":".join(filter(None, (made.get("LD_LIBRARY_PATH", ""), paths.libraries)))
    return made


# ---- outputs ---------------------------------------------------------------------------------------------------------


def outputs_problem(flags: Collection[str], inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> str | None:
    """Why the outputs of a model cannot be had from this binary, or None."""
    needed = ("input_layer", "input_layer_shape", "input_layer_value_files", "output_filepath")
    missing = [flag for flag in needed if flag not in flags]
    if missing:
        return f"{unknown_flags(missing, flags)}: without them it cannot be given inputs, or cannot write outputs"
    if len(inputs) != 1 or len(outputs) != 1:
        return f"the outputs pass needs one input and one output, the model has {len(inputs)} and {len(outputs)}"
    for tensor in (*inputs, *outputs):
        if any(size < 0 for size in tensor.shape[1:]) or not tensor.shape:
            return f"the tensor {tensor.name!r} has an open shape; convert the model with a fixed shape"
    return None


def input_flags(tensor: TensorInfo) -> tuple[str, ...]:
    """The flags that name the input; the tool takes its shape only together with its name."""
    shape = ",".join(str(max(size, 1)) for size in tensor.shape)
    return (f"--input_layer={_input_name(tensor)}", f"--input_layer_shape={shape}")


def value_files_prefix(tensor: TensorInfo) -> str:
    """``--input_layer_value_files=NAME:``, to which the file's path is added; a colon in the name is doubled."""
    return f"--input_layer_value_files={_input_name(tensor).replace(':', '::')}:"


def _input_name(tensor: TensorInfo) -> str:
    # Inputs are matched by position; a name that the tool's lists cannot hold would only be taken apart.
    safe = tensor.name and tensor.name.isascii() and not set(tensor.name) & set(", \t\r\n\\\"'")
    return tensor.name if safe and not tensor.name.endswith(":") else "input"
