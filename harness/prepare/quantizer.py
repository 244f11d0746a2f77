"""In the worker: one variant by ai-edge-quantizer, from a float ``.tflite`` file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ConversionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# TensorFlow's converter leaves weights of fewer elements as they are; quantizing them saves nothing and costs accuracy.
MIN_WEIGHT_ELEMENTS = 1024


def quantize(variant: str, base: Path, calibration: NDArray[np.float32]) -> bytes:
    """The bytes of `variant`, made from the float ``.tflite`` file `base`.

    Raises:
        ConversionError: the quantizer gives no model.
    """
    from ai_edge_quantizer import quantizer

    from harness.prepare.signature import with_signature

    model, key, name = with_signature(base)
    engine = quantizer.Quantizer(model)
    _configure(engine, variant)
    statistics = None
    if engine.need_calibration:
        samples = [{name: sample[None]} for sample in calibration]
        statistics = engine.calibrate({key: samples}, num_threads=2)
    result = engine.quantize(statistics)
    if result.quantized_model is None:
        raise ConversionError("ai-edge-quantizer gave no model")
    return bytes(result.quantized_model)


def _configure(engine: Any, variant: str) -> None:
    """Give the quantizer the recipe of `variant`."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    if variant == "dynamic_range":
        weights = qtyping.TensorQuantizationConfig(
            num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
        )
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.INTEGER,
            explicit_dequantize=False,
            min_weight_elements=MIN_WEIGHT_ELEMENTS,
        )
        engine.update_quantization_recipe(".*", everything, config)
    elif variant == "float16":
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        )
        engine.update_quantization_recipe(".*", everything, config, AlgorithmName.FLOAT_CASTING)
    else:
        bits = 16 if variant == "int16x8" else 8
        engine.add_static_config(".*", everything, activation_num_bits=bits, weight_num_bits=8)
        if variant != "int8":
            for boundary in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
                engine.update_quantization_recipe(".*", boundary, None, AlgorithmName.NO_QUANTIZE)
