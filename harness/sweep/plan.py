"""The cases of a sweep, and what is left out and why: a pure product in a stable order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from harness.domain import Backend, Case, RuntimeRef, Target
from harness.sweep.model import Sweep, names_of
from harness.variants import edgetpu_variant, mode_of

PHONE_BACKENDS = ("cpu", "gpu", "hexagon", "qnn", "nnapi", "external")
_BACKENDS = {
    "host": ("cpu", "gpu", "external"),
    "adb": PHONE_BACKENDS,
    "any": PHONE_BACKENDS,
    "edgetpu": ("edgetpu",),
}
_RUNTIMES = {
    "host": ("litert", "benchmark_model", "device_runner"),
    "adb": ("benchmark_model", "device_runner"),
    "any": ("benchmark_model", "device_runner"),
    "edgetpu": ("pycoral", "litert"),
}
# Backends and runtimes that belong to one kind of target: a sweep over several targets does not cross them.
_OWN_BACKENDS = {"edgetpu": "edgetpu"}
_OWN_RUNTIMES = {"pycoral": "edgetpu"}
_PHONE_PARTS = {
    "hexagon": "Hexagon is the DSP of a phone; this target has none",
    "qnn": "QNN drives the accelerators of Qualcomm phones; this target has none",
    "nnapi": "NNAPI is part of Android; this target does not have it",
    "edgetpu": "the Edge TPU is a device of its own: name it under targets",
}


@dataclass(frozen=True)
class Skip:
    """A case that will not run, and the reason for the reader."""

    case: Case
    reason: str


@dataclass(frozen=True)
class Plan:
    """The cases that will run, and those that will not, both in the order of the file."""

    cases: tuple[Case, ...]
    skips: tuple[Skip, ...]


def expand(sweep: Sweep, *, available: Callable[[Case], str | None] | None = None) -> Plan:
    """Every combination of model, variant, target, backend and runtime, each once; the last varies fastest.

    `available` says why a case cannot run on the devices at hand, or None; it is asked last, for cases that have no
    other reason. An exclude rule of the file comes first.
    """
    cases: list[Case] = []
    skips: list[Skip] = []
    points = product(dict.fromkeys(sweep.models), dict.fromkeys(sweep.variants), dict.fromkeys(sweep.targets))
    every = (
        Case(model, _variant(variant, target), target, backend, runtime)
        for model, variant, target in points
        for backend in _backends(sweep, target)
        for runtime in _runtimes(sweep, target)
    )
    for case in dict.fromkeys(every):
        reason = _excluded(sweep, case) or skip_reason(case) or (available(case) if available else None)
        if reason:
            skips.append(Skip(case, reason))
        else:
            cases.append(case)
    return Plan(tuple(cases), tuple(skips))


def default_runtime(target: Target) -> str:
    """The runtime of a target for which the sweep names none."""
    return _RUNTIMES[target.kind][0]


def _variant(name: str, target: Target) -> str:
    """On an Edge TPU an int8 model runs compiled, also where the sweep does not say so."""
    return edgetpu_variant(name) or name if target.kind == "edgetpu" else name


def _backends(sweep: Sweep, target: Target) -> tuple[Backend, ...]:
    named = tuple(dict.fromkeys(sweep.backends))
    own = tuple(backend for backend in named if _OWN_BACKENDS.get(backend.kind, target.kind) == target.kind)
    if target.kind in _OWN_BACKENDS.values():
        return tuple(backend for backend in own if backend.kind in _BACKENDS[target.kind]) or (Backend(target.kind),)
    return own or named


def _runtimes(sweep: Sweep, target: Target) -> tuple[RuntimeRef, ...]:
    named = tuple(dict.fromkeys(sweep.runtimes))
    own = tuple(runtime for runtime in named if _OWN_RUNTIMES.get(runtime.name, target.kind) == target.kind)
    if target.kind in _OWN_RUNTIMES.values():
        own = tuple(runtime for runtime in own if runtime.name in _RUNTIMES[target.kind])
    return own or (RuntimeRef(default_runtime(target)),)


def _excluded(sweep: Sweep, case: Case) -> str | None:
    if not sweep.exclude:
        return None
    names = names_of(case)
    for number, rule in enumerate(sweep.exclude, 1):
        if rule.matches(names):
            return f"excluded by rule {number} ({rule.text})"
    return None


def skip_reason(case: Case) -> str | None:
    """Why a case makes no sense whatever device is at hand, or None."""
    backend = case.backend
    return (
        _target_reason(case.target, backend)
        or _runtime_reason(case.target, case.runtime)
        or _variant_reason(case.variant, case.target, backend)
        or _options_reason(backend)
        or _library_reason(backend, case.runtime)
    )


def _target_reason(target: Target, backend: Backend) -> str | None:
    if backend.kind in _BACKENDS[target.kind]:
        return None
    if target.kind == "edgetpu":
        return f"an Edge TPU has one backend, edgetpu, and not {backend.kind}"
    return _PHONE_PARTS[backend.kind]


def _runtime_reason(target: Target, runtime: RuntimeRef) -> str | None:
    allowed = _RUNTIMES[target.kind]
    if runtime.name in allowed:
        return None
    where = {"edgetpu": "on Edge TPUs", "host": "on the host"}.get(target.kind, "on phones")
    return f"{runtime.name} does not run {where}; there it is {' or '.join(allowed)}"


def _variant_reason(variant: str, target: Target, backend: Backend) -> str | None:
    if target.kind == "edgetpu" and not edgetpu_variant(variant):
        return f"the Edge TPU computes 8-bit integers only, inputs and outputs included: int8, not {variant}"
    if target.kind != "edgetpu" and mode_of(variant) == "edgetpu":
        return "compiled for the Edge TPU: nothing else has the operator edgetpu-custom-op"
    if backend.kind == "gpu" and mode_of(variant) == "int16x8":
        return "the GPU accelerator rejects INT16 tensors"
    return None


def _options_reason(backend: Backend) -> str | None:
    """Settings that contradict each other; a sweep file is refused with them, a sweep made in code is not."""
    if backend.kind != "cpu" and backend.threads != 1:
        return f"threads belong to the CPU backend; {backend.kind} has none to choose"
    if backend.kind != "cpu" and not (backend.xnnpack and backend.kernels == "optimized"):
        return f"xnnpack and kernels belong to the CPU backend, not to {backend.kind}"
    if backend.xnnpack and backend.kernels == "reference":
        return "reference kernels run without XNNPACK"
    return None


def _library_reason(backend: Backend, runtime: RuntimeRef) -> str | None:
    if runtime.name == "pycoral" and any(name == "library" for name, _ in backend.options):
        return "library is libedgetpu for the runtime litert; pycoral brings its own: name litert under runtimes"
    return None
