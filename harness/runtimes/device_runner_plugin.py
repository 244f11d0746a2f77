"""What a backend needs on the device beside the inference library: a delegate's plugin, files, options, environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.domain import Backend, DeviceFacts
from harness.runtimes.benchmark_model_files import delegate_files
from harness.runtimes.delegate_options import delegate_keys, device_problem, find, option_problem
from harness.runtimes.delegates import TFLITE
from harness.runtimes.litert_protocol import delegate_name

BACKENDS = ("cpu", "gpu", "external", "qnn")
_QNN_PLUGIN = "libQnnTFLiteDelegate.so"
_PRECISION = {"float32": "float32", "float16": "default", "default": "default"}


@dataclass(frozen=True)
class Plugin:
    """A delegate. `name` is its library's file name among `files`; ``{folder}`` and ``{library}`` in values stand for
    their place on the device."""

    name: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    options: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def delegate_flag(backend: Backend) -> str:
    """The runner's word for a backend: everything that is neither CPU nor GPU is a plugin."""
    return delegate_name(backend) if backend.kind in ("cpu", "gpu") else "external"


def plugin_for(backend: Backend, facts: DeviceFacts) -> Plugin | str:
    """What `backend` needs, empty for the CPU, or the sentence that says why it cannot be had."""
    if backend.kind not in BACKENDS:
        return f"the device runner has no {backend.kind} backend; it has {', '.join(BACKENDS)}"
    if backend.kind == "cpu":
        return Plugin() if not backend.options else "the device runner has no options for the cpu backend"
    if backend.kind == "gpu":
        return _gpu(backend)
    row = find(backend, TFLITE)
    if isinstance(row, str):
        return row
    # benchmark_model cannot write every option of an own delegate; the runner can.
    unnamed = f"the {row.kind} backend needs the option {row.folder_option} (a path on this host)"
    named = bool(dict(backend.options).get(row.folder_option))
    problem = (None if named else unnamed) if row.own_options else option_problem(row, backend)
    problem = problem or device_problem(row, facts)
    found = problem or delegate_files(row, backend, facts)
    if isinstance(found, str):
        return found
    name = Path(dict(backend.options)[row.folder_option]).name if row.own_options else _QNN_PLUGIN
    return Plugin(name, found, delegate_keys(row, backend), row.environment)


def _gpu(backend: Backend) -> Plugin | str:
    for name, value in backend.options:
        if name != "precision" or value not in _PRECISION:
            return f"the device runner's gpu does not know {name}: {value}; it knows precision: float32 or float16"
    return Plugin(options=tuple((name, _PRECISION[value]) for name, value in backend.options))


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with each ``{name}`` replaced."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
