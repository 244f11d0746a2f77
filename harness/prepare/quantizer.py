"""In the worker: one variant by ai-edge-quantizer, from a float ``.tflite`` file."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ConversionError
from harness.prepare.float_layers import Layer, kept_layers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# TensorFlow's converter leaves weights of fewer elements as they are; quantizing them saves nothing and costs accuracy
# (MobileNetV2, weights in 8 bits: 22.2 dB against 18.9 dB).
MIN_WEIGHT_ELEMENTS = 1024
THREADS = 2
# Bits of the weights, and whether the kernel computes with them as integers or makes floats of them first.
WEIGHT_MODES = {
    "dynamic_range": (8, True),
    "dynamic_range_int4": (4, True),
    "weight_only_int8": (8, False),
    "weight_only_int4": (4, False),
}
# Bits of the activations; weights have 8.
ACTIVATION_BITS = {"full_integer": 8, "int8": 8, "int16x8": 16}
MODES = ("float16", *WEIGHT_MODES, *ACTIVATION_BITS)

Statistics = Mapping[str, Mapping[str, Any]]
"""The ranges of the tensors by name, as ``min`` and ``max``."""


def quantize(mode: str, base: Path, calibration: NDArray[np.float32], keep_float: Sequence[str] = ()) -> bytes:
    """The bytes of `mode`, made from the float ``.tflite`` file `base`.

    `calibration` are samples float32 (n, *shape), or packed (n, elements) in the order of the file's inputs.
    `keep_float` are operators (``SOFTMAX``), or parts of tensor names, that stay float.

    Raises:
        ConversionError: the quantizer gives no model, or `keep_float` names what the model does not have.
    """
    model = FloatModel(base, mode)
    kept = kept_layers(model.layers, keep_float)
    return model.quantized(model.statistics(calibration), kept)


class FloatModel:
    """A float file, read once, of which variants of one mode are made.

    Attributes:
        layers: its operators in the order of the file.
    """

    def __init__(self, path: Path, mode: str) -> None:
        """Read `path`.

        Raises:
            ConversionError: the quantizer has no such mode.
        """
        if mode not in MODES:
            raise ConversionError(f"ai-edge-quantizer does not make {mode}")
        from harness.prepare.signature import with_signature

        self.mode, self._path = mode, path
        self._content, self._key = with_signature(path)
        operators = list(_operators(self._content))
        self.layers = tuple(layer for layer, _ in operators)
        self._operations = dict(operators)

    def quantizable(self) -> tuple[Layer, ...]:
        """The layers that the mode quantizes, as far as their kind decides on it."""
        from ai_edge_quantizer.algorithm_manager import AlgorithmName

        rules = _rules(self._engine(()))
        return tuple(
            layer
            for layer in self.layers
            if (operation := self._operations[layer]) is not None
            and rules.get_quantization_configs(operation, layer.scope)[0] != AlgorithmName.NO_QUANTIZE
        )

    def statistics(self, samples: NDArray[np.float32]) -> Statistics | None:
        """The ranges of all tensors over `samples`; None where the mode needs none.

        They are the smallest and the largest value over all samples. The quantizer's own way, a moving average that
        gives the first sample half of the weight, cuts off what other samples reach (MobileNetV2 with random weights:
        int8 11.6 dB against 14.1 dB, int16x8 13.0 dB against 18.9 dB).
        """
        from ai_edge_quantizer import calibrator

        from harness.prepare.litert_run import Model

        engine = self._engine(())
        if not engine.need_calibration:
            return None
        feeds = list(Model(self._path).feeds(samples))
        with _keeping_all_tensors():
            reader = calibrator.Calibrator(memoryview(self._content), num_threads=THREADS, qsv_update_func=_wider)
            reader.calibrate({self._key: feeds}, _rules(engine))
        ranges: Statistics = reader.get_model_qsvs()
        return ranges

    def quantized(self, statistics: Statistics | None, kept: Iterable[Layer] = ()) -> bytes:
        """The bytes of the variant in which `kept` stay float.

        Raises:
            ConversionError: the quantizer gives no model.
        """
        with _keeping_all_tensors():
            result = self._engine(kept).quantize(statistics)
        if result.quantized_model is None:
            raise ConversionError("ai-edge-quantizer gave no model")
        return bytes(result.quantized_model)

    def _engine(self, kept: Iterable[Layer]) -> Any:
        from ai_edge_quantizer import quantizer
        from ai_edge_quantizer.algorithm_manager import AlgorithmName

        engine = quantizer.Quantizer(self._content)
        _configure(engine, self.mode)
        by_operation: dict[Any, list[str]] = {}
        for layer in kept:
            if self._operations[layer] is not None:
                by_operation.setdefault(self._operations[layer], []).append(re.escape(layer.scope))
        for operation, scopes in by_operation.items():
            pattern = rf"\A(?:{'|'.join(scopes)})\Z"
            engine.update_quantization_recipe(pattern, operation, None, AlgorithmName.NO_QUANTIZE)
        return engine


@contextlib.contextmanager
def _keeping_all_tensors() -> Iterator[None]:
    """Without LiteRT's warning that all tensors are kept: to read their ranges is what it is for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        yield


def _operators(content: bytearray) -> Iterable[tuple[Layer, Any]]:
    """Every operator of the file, and what the quantizer calls its kind; None where it leaves it alone anyway."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as flatbuffers

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    model = flatbuffers.read_model(memoryview(content))
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            layer = Layer(names.get(code, str(code)), flatbuffers.get_op_scope(operator, graph.tensors))
            yield layer, flatbuffers.TFL_OP_CODE_TO_NAME.get(code)


def _rules(engine: Any) -> Any:
    """The engine's recipe in the form in which it can be asked about one operator."""
    from ai_edge_quantizer import recipe_manager

    rules = recipe_manager.RecipeManager()
    rules.load_quantization_recipe(engine.get_quantization_recipe())
    return rules


def _wider(known: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """The range that holds both."""
    import numpy as np

    if not known:
        return more
    return {"min": np.minimum(known["min"], more["min"]), "max": np.maximum(known["max"], more["max"])}


def _configure(engine: Any, mode: str) -> None:
    """Give the quantizer the recipe of `mode`."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    if mode in WEIGHT_MODES:
        engine.update_quantization_recipe(".*", everything, _weights_only(*WEIGHT_MODES[mode]))
        return
    if mode == "float16":
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        )
        engine.update_quantization_recipe(".*", everything, config, AlgorithmName.FLOAT_CASTING)
        return
    engine.add_static_config(".*", everything, activation_num_bits=ACTIVATION_BITS[mode], weight_num_bits=8)
    if mode != "int8":
        for boundary in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            engine.update_quantization_recipe(".*", boundary, None, AlgorithmName.NO_QUANTIZE)


def _weights_only(bits: int, integer: bool) -> Any:
    """Weights in `bits` bits, one scale a channel; `integer` kernels quantize the activations as they run."""
    from ai_edge_quantizer import qtyping

    weights = qtyping.TensorQuantizationConfig(
        num_bits=bits, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
    )
    precision = qtyping.ComputePrecision.INTEGER if integer else qtyping.ComputePrecision.FLOAT
    return qtyping.OpQuantizationConfig(
        weight_tensor_config=weights,
        compute_precision=precision,
        explicit_dequantize=not integer,
        min_weight_elements=MIN_WEIGHT_ELEMENTS,
    )
