"""In the worker: one conversion to one variant, by TensorFlow's converter or by ai-edge-quantizer."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.prepare.faults import missing
from harness.prepare.quantizer import quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray


def convert(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``arguments["output"]``; returns the seconds of the conversion itself, without imports.

     `converter` is ``tensorflow``, ``ai-edge-quantizer``, or ``given file`` to
    take a file as it is."""
    variant, converter, output = arguments["variant"], arguments["converter"], Path(arguments["output"])
    if converter == "given file":
        shutil.copyfile(arguments["base"], output)
        return {"conversion_s": 0.0}
    calibration = np.load(arguments["calibration"], allow_pickle=False)
    _require(converter)
    begin_s = time.monotonic()
    if converter == "tensorflow":
        content = _by_tensorflow(variant, arguments["saved_model"], calibration)
    else:
        content = quantize(variant, Path(arguments["base"]), calibration)
    seconds = time.monotonic() - begin_s
    output.write_bytes(content)
    return {"conversion_s": seconds}


def _require(converter: str) -> None:
    """Import what `converter` needs.

    Raises:
        MissingDependencyError: it is not installed.
    """
    modules = {"tensorflow": ("tensorflow",), "ai-edge-quantizer": ("ai_edge_litert", "ai_edge_quantizer.quantizer")}
    for module in modules[converter]:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise missing(converter) from error


def _by_tensorflow(variant: str, saved_model: str, calibration: NDArray[np.float32]) -> bytes:
    from tensorflow import float16, int8, lite

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for sample in calibration:
            yield [sample[None]]

    converter = lite.TFLiteConverter.from_saved_model(saved_model)
    if variant != "float32":
        converter.optimizations = [lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [float16]
    if variant in ("full_integer", "int8", "int16x8"):
        converter.representative_dataset = representative
    if variant == "int16x8":
        converter.target_spec.supported_ops = [
            lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            lite.OpsSet.TFLITE_BUILTINS,
        ]
    if variant == "int8":
        converter.inference_input_type = converter.inference_output_type = int8
    return bytes(converter.convert())
