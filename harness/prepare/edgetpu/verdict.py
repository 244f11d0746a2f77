"""Whether a call of the compiler gave what it was asked for, by its text and by the files that it wrote. Pure.

The exit code alone decides nothing: what it means is not documented.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence

from harness.devices.base import ProcessResult
from harness.domain import EdgeTpuCompiler, EdgeTpuMapping, Status, TensorInfo
from harness.prepare.edgetpu.failures import INSTALL, Failure, failure_in
from harness.prepare.edgetpu.log import CompilerLog, printable
from harness.prepare.edgetpu.proof import FileFacts
from harness.prepare.edgetpu.readiness import listed
from harness.prepare.steps import INTERRUPTED, signal_name
from harness.units import format_duration

_NOT_FOUND, _NOT_EXECUTABLE, _SIGNALS = 127, 126, 128
_SAYS_NOTHING = ("Edge TPU Compiler version", "Started a compilation timeout timer")
_TRY_OTHERWISE = (
    "Try search_delegate, intermediate_tensors or several_subgraphs; the log says why each operator was left."
)
_CHECK_COMMAND = "See whether `edgetpu_compiler: command` names the compiler, and try the command by hand."


def text_of(result: ProcessResult) -> str:
    """What a process printed, both streams."""
    return f"{result.stdout.decode(errors='replace')}\n{result.stderr.decode(errors='replace')}"


def call_failure(result: ProcessResult, log: CompilerLog, *, timeout_s: float, tries: int = 1) -> Failure | None:
    """Why the call gave nothing; None when the compiler said that it did."""
    if result.cancelled:
        return Failure(Status.INTERRUPTED, INTERRUPTED)
    if result.timed_out:
        what = f"the compiler gave no result within {format_duration(timeout_s)} and was killed"
        return Failure(Status.TIMEOUT, what, "Raise timeout_s of edgetpu_compiler, or try search_delegate.")
    if log.succeeded:
        return None
    text = text_of(result)
    if result.oom:
        return Failure(Status.OOM, "the compiler ran out of memory", "Compile fewer models together, or elsewhere.")
    attempts = f"at each of {tries} attempts" if tries > 1 else "once"
    return failure_in(text, machine=platform.machine(), attempts=attempts) or _by_exit(result, log, text)


def _by_exit(result: ProcessResult, log: CompilerLog, text: str) -> Failure:
    code, said = result.returncode, _said(text)
    if code < 0 or _SIGNALS < code < _SIGNALS + 65:
        name = signal_name(-code if code < 0 else code - _SIGNALS)
        return Failure(Status.CRASHED, f"the compiler was ended by {name}{said}", _TRY_OTHERWISE)
    if code in (_NOT_FOUND, _NOT_EXECUTABLE):
        return Failure(Status.FAILED, f"the compiler could not be started{said}", INSTALL)
    if log.version:
        what = f"the compiler {log.version} left with exit code {code} and says neither success nor failure{said}"
        return Failure(Status.FAILED, what, "Try fewer num_segments, or search_delegate.")
    what = f"what ran printed nothing that edgetpu_compiler prints (exit code {code}){said}"
    return Failure(Status.FAILED, what, _CHECK_COMMAND)


def _said(text: str) -> str:
    told = (line for line in reversed(text.splitlines()) if line.strip() and not line.startswith(_SAYS_NOTHING))
    last = next(told, "")
    words = " ".join(printable(last).split())
    return f": {words[:200]}" if words else ""


def result_failure(source: FileFacts, results: Sequence[FileFacts], mapping: EdgeTpuMapping) -> Failure | None:
    """Why the files of a call that says it succeeded are of no use."""
    if mapping.subgraphs == 0 or mapping.mapped == 0:
        return _nothing_mapped(source, mapping)
    for kind, wanted, found in (
        ("inputs", source.inputs, [one.inputs for one in results]),
        ("outputs", source.outputs, [one.outputs for one in results]),
    ):
        if not _same(wanted, found):
            have = "; ".join(_shown(tensors) for tensors in found)
            what = f"the compiled file has other {kind} than its source: {have} instead of {_shown(wanted)}"
            return Failure(Status.FAILED, what, "Compile it again; keep the log for a report if it stays so.")
    return None


def _nothing_mapped(source: FileFacts, mapping: EdgeTpuMapping) -> Failure:
    what = "the compiler says that it succeeded, but nothing is mapped to the Edge TPU"
    left = [f"{one.count} {one.name}: {one.status}" for one in mapping.operators if not one.mapped]
    if mapping.mapped and mapping.subgraphs == 0:
        what = f"the compiler says that it mapped {mapping.mapped} operators, but the file has no edgetpu-custom-op"
        left = []
    causes = [listed(left)] if left else []
    causes += [_not_8_bit(source)] if source.not_integer else []
    return Failure(Status.FAILED, f"{what} ({'; '.join(causes)})" if causes else what, _TRY_OTHERWISE)


def _not_8_bit(source: FileFacts) -> str:
    return f"not 8-bit: {listed(source.not_integer)}"


def _same(wanted: Sequence[TensorInfo], found: Sequence[Sequence[TensorInfo]]) -> bool:
    """One file has the very tensors; the segments of a pipeline have them somewhere, by name."""
    if len(found) == 1:
        return [_kind(one) for one in wanted] == [_kind(one) for one in found[0]]
    there = {(one.name, *_kind(one)) for tensors in found for one in tensors}
    return all((one.name, *_kind(one)) in there for one in wanted)


def _kind(tensor: TensorInfo) -> tuple[object, ...]:
    return tensor.dtype, tensor.shape, tensor.scale, tensor.zero_point


def _shown(tensors: Sequence[TensorInfo]) -> str:
    return ", ".join(f"{one.dtype} {'x'.join(map(str, one.shape))}" for one in tensors) or "none"


def runtime_failure(runtime_version: int | None, settings: EdgeTpuCompiler) -> Failure | None:
    """Why a file cannot run on the runtime that was asked for."""
    asked = settings.min_runtime_version
    if asked is None or runtime_version is None or runtime_version <= asked:
        return None
    what = f"the file needs version {runtime_version} of the Edge TPU runtime, and {asked} was asked for"
    return Failure(Status.FAILED, what, "Compile its source with min_runtime_version, or install a newer libedgetpu.")


def runtime_note(runtime_version: int | None) -> str:
    """Which runtime a file needs, as far as it says so."""
    if runtime_version is None:
        return "which runtime it needs is not in the file, and is known only when it runs"
    return f"it needs version {runtime_version} of the Edge TPU runtime or a newer one"


def partial_note(source: FileFacts, mapping: EdgeTpuMapping) -> str:
    """What stays on the CPU and why, for a row that is usable all the same; empty when nothing does."""
    if not mapping.on_cpu:
        return ""
    total = f" of {mapping.on_cpu + mapping.mapped}" if mapping.mapped is not None else ""
    left = [f"{one.count} {one.name} ({one.status})" for one in mapping.operators if not one.mapped]
    causes = f"; {_not_8_bit(source)}" if source.not_integer else ""
    what = f": {listed(left)}" if left else ""
    return f"{mapping.on_cpu}{total} operators stay on the CPU{what}{causes}"
