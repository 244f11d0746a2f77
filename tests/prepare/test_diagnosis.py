from __future__ import annotations

import pytest

from harness.errors import MissingDependencyError, UsageError
from harness.prepare.converters import Toolbox
from harness.prepare.diagnosis import diagnose_model, require_diagnosable
from harness.variants import parse_variant


@pytest.mark.parametrize("name", ["float32", "float16", "pruned", "pruned+float16"])
def test_float_variants_have_nothing_to_diagnose(name: str) -> None:
    with pytest.raises(UsageError, match="no quantized layers"):
        require_diagnosable(parse_variant(name))


@pytest.mark.parametrize("name", ["qat", "pruned_qat+full_integer"])
def test_variants_trained_for_integers_have_no_float_file(name: str) -> None:
    with pytest.raises(UsageError, match="trained for integers"):
        require_diagnosable(parse_variant(name))


@pytest.mark.parametrize("name", ["int8", "int16x8", "dynamic_range", "weight_only_int4", "pruned+int8"])
def test_every_other_variant_can_be_diagnosed(name: str) -> None:
    require_diagnosable(parse_variant(name))


def test_the_quantizer_is_needed() -> None:
    from harness.domain import ModelRef

    with pytest.raises(MissingDependencyError, match="ai-edge-quantizer"):
        diagnose_model(ModelRef("digits_cnn"), tools=Toolbox({"tensorflow": "2.21.0", "ai-edge-litert": "2.1"}))
