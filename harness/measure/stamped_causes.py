"""Causes that were chosen or installed: device, model file, runtime, options. Each has a fixed likelihood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.domain import ContextDifference
from harness.measure.arm import Arm
from harness.measure.latency_change import is_amount

UNKNOWN, UNSET = "not known", "default"


@dataclass(frozen=True)
class Stamp:
    """Something that was chosen or installed. It can explain a change in any direction, and then with `likelihood`."""

    name: str
    read: Callable[[Arm], str]
    likelihood: float
    explains: str


def stamped_differences(base: Arm, candidate: Arm) -> Iterator[ContextDifference]:
    """Every stamp and every option that differs."""
    for stamp in STAMPS:
        yield from _stamped(stamp, base, candidate)
    yield from _options(base, candidate)


def _model_name(arm: Arm) -> str:
    return "" if arm.case.arm else arm.row.model  # the arms of a comparison have names of their own


def _size(arm: Arm) -> str:
    return "" if not is_amount(arm.row.model_size_mb) else f"{arm.row.model_size_mb:.4g} MB"


def _fact(name: str) -> Callable[[Arm], str]:
    def read(arm: Arm) -> str:
        return str(getattr(arm.facts, name) or "") if arm.facts is not None else ""

    return read


STAMPS = (
    Stamp("device", lambda arm: arm.row.device_id, 0.97, "another device was measured"),
    Stamp("device model", lambda arm: arm.row.device, 0.97, "another kind of device was measured"),
    Stamp("SoC", _fact("soc"), 0.97, "another chip was measured"),
    Stamp("accelerator", lambda arm: arm.row.accelerator, 0.9, "something else computed the model"),
    Stamp("variant", lambda arm: arm.row.variant, 0.88, "another variant has other operators and other arithmetic"),
    Stamp("backend", lambda arm: arm.row.backend, 0.87, "another backend computed the model"),
    Stamp("threads", lambda arm: str(arm.row.threads), 0.86, "the work was spread over another number of threads"),
    Stamp("cores", lambda arm: arm.row.cores, 0.85, "it ran on other cores"),
    Stamp("model", _model_name, 0.82, "it is another model"),
    Stamp("model file", lambda arm: arm.row.model_sha256[:12], 0.8, "the model file is another one"),
    Stamp("runtime", lambda arm: arm.case.runtime.name, 0.76, "another runtime computed the model"),
    Stamp("runtime version", lambda arm: arm.row.runtime_version, 0.75, "the runtime is another version or binary"),
    Stamp("Python", lambda arm: arm.case.runtime.python or "", 0.55, "the runtime was loaded by another interpreter"),
    Stamp("OS build", _fact("os_build"), 0.6, "a system update brings other drivers, governors and thermal limits"),
    Stamp("governor", _fact("governor"), 0.55, "another governor chooses other clocks"),
    Stamp("what a sample holds", lambda arm: arm.row.timed, 0.5, "reading the outputs is timed in one arm only"),
    Stamp("converter", lambda arm: arm.row.converter, 0.45, "another converter may choose other operators"),
    Stamp("model size", _size, 0.3, "a file of another size has other weights to read"),
    Stamp("weights", lambda arm: arm.row.weights, 0.1, "other weights take other times only where zeros are skipped"),
)
_OF_THE_FILE = ("converter", "model size", "weights")


def _stamped(stamp: Stamp, base: Arm, candidate: Arm) -> Iterator[ContextDifference]:
    one, other = stamp.read(base), stamp.read(candidate)
    # A runtime that is silent about its accelerator may have found none; other gaps are gaps of knowledge.
    if one == other or (stamp.name != "accelerator" and not (one and other)):
        return
    likelihood = stamp.likelihood if one and other else stamp.likelihood / 2
    if stamp.name in _OF_THE_FILE and base.row.model_sha256 and base.row.model_sha256 == candidate.row.model_sha256:
        likelihood = 0.0  # the file is the same, whatever is told of how it was made
    explains = stamp.explains if likelihood else ""
    yield ContextDifference(stamp.name, one or UNKNOWN, other or UNKNOWN, likelihood, explains)


_OPTIONS: tuple[tuple[str, Callable[[Arm], tuple[tuple[str, str], ...]], float], ...] = (
    ("backend", lambda arm: arm.case.backend.options, 0.74),
    ("runtime", lambda arm: arm.case.runtime.options, 0.74),
    ("model", lambda arm: arm.case.model.options, 0.5),
)


def _options(base: Arm, candidate: Arm) -> Iterator[ContextDifference]:
    """Settings of delegate, runtime and model, one by one. Those that are files are called by what they are."""
    for whose, read, likelihood in _OPTIONS:
        one, other = dict(read(base)), dict(read(candidate))
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                title, explains = _option_words(whose, name, one.get(name, ""), other.get(name, ""))
                yield ContextDifference(title, one.get(name, UNSET), other.get(name, UNSET), likelihood, explains)


def _option_words(whose: str, name: str, one: str, other: str) -> tuple[str, str]:
    if name == "binary":
        return "runtime binary", "another program measured the model"
    if whose == "backend" and ("/" in one or "/" in other):
        return f"delegate {name}", "the delegate's own files are others"
    return f"{whose} option {name}", f"the {whose} was set otherwise"
