"""In the worker: one conversion to one mode, by TensorFlow's converter or by ai-edge-quantizer."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import MissingDependencyError
from harness.prepare import tensorflow_converter
from harness.prepare.converters import QUANTIZER, TENSORFLOW
from harness.prepare.faults import missing
from harness.prepare.interface import Interface
from harness.prepare.quantizer import quantize


def convert(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``arguments["output"]``; returns the seconds of the conversion itself, without imports.

    `converter` is ``tensorflow``, ``ai-edge-quantizer``, or ``given file`` to take a file as it is. `otherwise` is the
    one that is tried when that one refuses the model, or empty; the result says which it was. `source` is the folder of
    the source, `base` the float32 file of it, where there is one, `qat` says that the source was trained for integers,
    and `keep_float` names what stays float.
    """
    converter, output = arguments["converter"], Path(arguments["output"])
    if converter == "given file":
        shutil.copyfile(arguments["base"], output)
        return {"conversion_s": 0.0, "converter": converter}
    try:
        seconds, content = _timed(converter, arguments)
    except (MemoryError, MissingDependencyError):
        raise
    except Exception as error:
        converter = arguments["otherwise"]
        if not converter:
            raise
        print(f"{arguments['converter']} refuses the model: {error}", file=sys.stderr)
        seconds, content = _timed(converter, arguments)
    output.write_bytes(content)
    return {"conversion_s": seconds, "converter": converter}


def _timed(converter: str, arguments: Mapping[str, Any]) -> tuple[float, bytes]:
    _require(converter)
    begin_s = time.monotonic()
    content = _by_tensorflow(arguments) if converter == TENSORFLOW else _by_quantizer(arguments)
    return time.monotonic() - begin_s, content


def _require(converter: str) -> None:
    """Import what `converter` needs.

    Raises:
        MissingDependencyError: it is not installed.
    """
    modules = {TENSORFLOW: ("tensorflow",), QUANTIZER: ("ai_edge_litert", "ai_edge_quantizer.quantizer")}
    for module in modules[converter]:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise missing(converter) from error


def _by_quantizer(arguments: Mapping[str, Any]) -> bytes:
    calibration = np.load(Path(arguments["source"]) / "calibration.npy", allow_pickle=False)
    return quantize(arguments["mode"], Path(arguments["base"]), calibration, arguments["keep_float"])


def _by_tensorflow(arguments: Mapping[str, Any]) -> bytes:
    mode, source = arguments["mode"], Path(arguments["source"])
    try:
        content = None if arguments["qat"] else _quickly(mode, source, Path(arguments["base"]))
    except Exception as error:  # not public, so anything may change: the public call says what is really wrong
        print(f"TensorFlow's parts cannot be called one by one: {error}", file=sys.stderr)
        content = None
    if content is not None:
        return content
    calibration = np.load(source / "calibration.npy", allow_pickle=False)
    feeds = tensorflow_converter.feeds_of(Interface.read(source), calibration)
    return tensorflow_converter.from_saved_model(mode, str(source / "saved_model"), feeds, qat=arguments["qat"])


def _quickly(mode: str, source: Path, base: Path) -> bytes | None:
    """The bytes of `mode` by the parts of TensorFlow's converter that it needs; None where there is no such way."""
    if mode not in tensorflow_converter.INTEGER:
        return tensorflow_converter.without_loading(mode, str(source / "saved_model"))
    if not base.is_file():
        return None
    return tensorflow_converter.from_float_file(mode, base, source / "calibration.npy", Interface.read(source))
