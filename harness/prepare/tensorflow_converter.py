"""In the worker: one mode by TensorFlow's converter, from a SavedModel or, for integers, from the float file of one.

The public call spends most of its time on loading the SavedModel twice for statistics, and makes an integer file in
two parts: the float file, then calibration and quantization of that. So the conversion itself is called without the
loading, and the second part alone where the float file is there already. The functions are TensorFlow's own, and give
the same weights and outputs, but are not public: where they are missing or raise, the public call is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.prepare.signature import in_name_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.prepare.interface import Interface

INTEGER = ("full_integer", "int8", "int16x8")


def from_saved_model(mode: str, saved_model: str, feeds: Callable[[], Iterator[dict[str, Any]]], *, qat: bool) -> bytes:
    """The bytes of `mode`, by the public converter.

    Args:
        mode: one of TensorFlow's modes.
        saved_model: its folder.
        feeds: the calibration samples, by the names of the inputs.
        qat: the model was trained for integers: its ranges are in the graph and no samples are needed.
    """
    from tensorflow import int8, lite

    converter = _asked(lite.TFLiteConverter.from_saved_model(saved_model), mode)
    if mode in INTEGER and not qat:
        converter.representative_dataset = feeds
    if mode == "int16x8":
        converter.target_spec.supported_ops = [
            lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            lite.OpsSet.TFLITE_BUILTINS,
        ]
    if mode == "int8":
        converter.inference_input_type = converter.inference_output_type = int8
    return in_name_order(bytes(converter.convert()))


def without_loading(mode: str, saved_model: str) -> bytes:
    """The bytes of ``float32``, ``dynamic_range`` or ``float16`` of a SavedModel with one signature.

    Raises:
        Exception: whatever TensorFlow raises, or because this version has no such functions.
    """
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.lite.python.lite import TFLiteSavedModelConverterV2

    converter = _asked(TFLiteSavedModelConverterV2(saved_model, {"serve"}, ["serving_default"]), mode)
    # The graph is for statistics, and to find out that a model was trained for integers.
    return in_name_order(bytes(converter._convert_from_saved_model(GraphDef())))


def _asked(converter: Any, mode: str) -> Any:
    """The converter with the optimizations of `mode`."""
    from tensorflow import float16, lite

    if mode != "float32":
        converter.optimizations = [lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [float16]
    return converter


def from_float_file(mode: str, base: Path, calibration: Path, interface: Interface) -> bytes:
    """The bytes of an integer `mode`, from the float file at `base`, as the public converter goes on from there.

    Raises:
        Exception: whatever TensorFlow raises, or because this version has no such functions.
    """
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.python.util import modify_model_io_type
    from tensorflow.python.framework import dtypes

    if mode == "int16x8":
        quantized = _calibrator(base).calibrate_and_quantize(
            _lists(calibration, interface), dtypes.float32, dtypes.float32, True, dtypes.int16, dtypes.int64
        )
        return in_name_order(bytes(modify_model_io_type(quantized, dtypes.float32, dtypes.float32)))
    outside = dtypes.int8 if mode == "int8" else dtypes.float32
    calibrated = _calibrated(base, calibration, interface)
    return in_name_order(bytes(mlir_quantize(calibrated, input_data_type=outside, output_data_type=outside)))


@lru_cache(maxsize=1)
def _calibrated(base: Path, calibration: Path, interface: Interface) -> Any:
    """The float file with the ranges of its tensors, which full_integer and int8 share."""
    return _calibrator(base).calibrate(_lists(calibration, interface))


def _calibrator(base: Path) -> Any:
    from tensorflow.lite.python.optimize import calibrator

    return calibrator.Calibrator(calibrator.add_intermediate_tensors(base.read_bytes()), [], [])


def _lists(calibration: Path, interface: Interface) -> Callable[[], Iterator[list[Any]]]:
    """The samples in the order of the file's inputs: given by name, the calibrator would take them by tensor number."""
    samples = np.load(calibration, allow_pickle=False)
    return lambda: ([part[None] for part in unbatched] for unbatched in zip(*interface.unpack(samples), strict=True))


def feeds_of(interface: Interface, calibration: NDArray[np.float32]) -> Callable[[], Iterator[dict[str, Any]]]:
    """A representative data set as TensorFlow takes it: a function to an iterator of inputs by name."""

    def feeds() -> Iterator[dict[str, Any]]:
        for sample in calibration:
            yield interface.by_name(sample)

    return feeds
