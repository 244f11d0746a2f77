"""Every mode of ai-edge-quantizer, and operators that stay float, on small files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.domain import ModelRef, Status
from harness.errors import ConversionError
from harness.prepare import inspect_model, prepare
from harness.prepare.judgement import agreement, objection

pytestmark = [pytest.mark.prepare, pytest.mark.timeout(600)]

MODES = (
    *("float16", "dynamic_range", "full_integer", "int8", "int16x8"),
    *("weight_only_int8", "weight_only_int4", "dynamic_range_int4"),
)


class Source:
    """The float file of digits_cnn, its calibration samples, and its outputs on the check samples."""

    def __init__(self, folder: Path) -> None:
        (row,) = prepare([ModelRef("digits_cnn")], ["float32"], cache_dir=folder / "cache")
        assert row.status is Status.DONE, row.reason
        self.base, self._folder = Path(row.path or ""), folder
        source = Path(row.check_path or "").parent
        self.calibration = np.load(source / "calibration.npy")
        with np.load(source / "check.npz") as arrays:
            self.inputs, self.outputs = arrays["inputs"], arrays["outputs"]

    def written(self, content: bytes) -> Path:
        path = self._folder / "made.tflite"
        path.write_bytes(content)
        return path

    def sqnr_db(self, content: bytes, mode: str = "int8") -> float:
        from harness.prepare.litert_run import Model

        found = agreement(self.outputs, Model(self.written(content)).run(self.inputs))
        assert objection(mode, found) == ""
        return found.sqnr_db


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("quantizer"))


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_is_what_it_claims_and_agrees_with_its_source(source: Source, mode: str) -> None:
    from harness.prepare.quantizer import quantize

    content = quantize(mode, source.base, source.calibration)
    assert source.sqnr_db(content, mode) > (15 if mode.endswith("int4") else 30)
    info = inspect_model(str(source.written(content)))
    assert info.variant == mode
    kinds = {tensor.dtype for tensor in (*info.inputs, *info.outputs)}
    assert kinds == ({"int8"} if mode == "int8" else {"float32"})
    if mode in ("full_integer", "int8", "int16x8"):
        assert info.float_operators == ()


def test_four_bits_are_smaller_than_eight(source: Source) -> None:
    from harness.prepare.quantizer import quantize

    sizes = {mode: len(quantize(mode, source.base, source.calibration)) for mode in MODES}
    assert sizes["weight_only_int4"] < 0.65 * sizes["weight_only_int8"]
    assert sizes["dynamic_range_int4"] < 0.65 * sizes["dynamic_range"]
    assert sizes["weight_only_int8"] < 0.35 * source.base.stat().st_size


def test_an_unknown_mode_is_refused(source: Source) -> None:
    from harness.prepare.quantizer import quantize

    with pytest.raises(ConversionError, match="does not make int3"):
        quantize("int3", source.base, source.calibration)


@pytest.mark.parametrize("mode", MODES)
def test_a_kind_of_operator_stays_float_in_every_mode(source: Source, mode: str) -> None:
    from harness.prepare.quantizer import quantize

    plain, kept = (quantize(mode, source.base, source.calibration, names) for names in ((), ["FULLY_CONNECTED"]))
    source.sqnr_db(kept, mode)
    assert len(kept) > len(plain) + 100_000
    info = inspect_model(str(source.written(kept)))
    assert info.variant == mode
    if mode in ("full_integer", "int8", "int16x8"):
        assert info.float_operators == ("FULLY_CONNECTED",)
    if mode == "int8":
        assert {tensor.dtype for tensor in (*info.inputs, *info.outputs)} == {"int8"}


def test_one_layer_stays_float_by_a_part_of_its_name(source: Source) -> None:
    from harness.prepare.float_layers import short_names
    from harness.prepare.quantizer import FloatModel, quantize

    layers = FloatModel(source.base, "int8").layers
    convolutions = [name for name, layer in zip(short_names(layers), layers, strict=True) if layer.kind == "CONV_2D"]
    assert len(convolutions) == 3
    info = inspect_model(str(source.written(quantize("int8", source.base, source.calibration, convolutions[1:2]))))
    assert info.float_operators == ("CONV_2D (1 of 3)",)
    with pytest.raises(ConversionError, match="no operator or layer is called 'SOFTMAX'"):
        quantize("int8", source.base, source.calibration, ["SOFTMAX"])


def test_everything_in_float_gives_the_float_outputs(source: Source) -> None:
    from harness.prepare.quantizer import FloatModel, quantize

    kinds = {layer.kind for layer in FloatModel(source.base, "full_integer").layers}
    content = quantize("full_integer", source.base, source.calibration, sorted(kinds))
    assert source.sqnr_db(content, "full_integer") > 80


def test_ranges_are_those_of_all_samples(source: Source) -> None:
    """A later sample that reaches further must count in full: an average over samples cuts it off."""
    from harness.prepare.quantizer import FloatModel

    model = FloatModel(source.base, "int8")
    quiet, loud = source.calibration[:20] * 0.5, source.calibration[:1]
    name = next(iter(model.statistics(loud) or {}))
    assert name
    alone, after, before = (
        model.statistics(samples) for samples in (loud, np.concatenate([quiet, loud]), np.concatenate([loud, quiet]))
    )
    assert alone is not None
    assert after is not None
    assert before is not None
    for tensor, ranges in alone.items():
        assert (after[tensor]["max"] >= ranges["max"]).all(), tensor
        assert (after[tensor]["min"] <= ranges["min"]).all(), tensor
        np.testing.assert_array_equal(after[tensor]["max"], before[tensor]["max"])


def test_modes_of_weights_need_no_samples(source: Source) -> None:
    from harness.prepare.quantizer import FloatModel

    assert FloatModel(source.base, "weight_only_int4").statistics(source.calibration) is None


def test_keep_float_goes_through_a_whole_preparation(source: Source, tmp_path: Path) -> None:
    options = (("keep_float", "FULLY_CONNECTED"),)
    ref = ModelRef("net", file=str(source.base), options=options)
    wrong = ModelRef("net", file=str(source.base), options=(("keep_float", "conv_99"),))
    (row,) = prepare([ref], ["int8"], cache_dir=tmp_path)
    assert (row.status, row.reason) == (Status.DONE, "")
    assert row.float_operators == ("FULLY_CONNECTED",)
    (row,) = prepare([wrong], ["int8"], cache_dir=tmp_path)
    assert row.status is Status.FAILED
    assert "no operator or layer is called 'conv_99'" in row.reason
    assert "Operators: CONV_2D" in row.reason
