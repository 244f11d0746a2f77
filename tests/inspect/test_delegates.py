from __future__ import annotations

from typing import Any

import pytest

from harness.inspect import delegate_operators
from harness.inspect.delegates import EXPECTED, NOT_EXPECTED, TABLE, UNKNOWN, Expectation, expectations, kind_of
from tests.inspect.factory import Drawn, chain

RULES = {rules.delegate: rules for rules in TABLE}


def judged(drawn: Drawn, delegate: str, at: int = -1) -> Expectation:
    return expectations(drawn.graph(), RULES[delegate])[at]


def conv(
    dtype: str = "float32", weights: str | None = None, *, bias: bool = True, computed: bool = False, **options: Any
) -> Drawn:
    """A convolution of `dtype` with weights of a type, its options over the usual ones."""
    drawn = Drawn()
    data, out = drawn.tensor("x", (1, 8, 8, 4), dtype), drawn.tensor("y", (1, 8, 8, 4), dtype)
    filters = drawn.tensor("w", (4, 3, 3, 4), weights or dtype, constant=not computed)
    kind = "float32" if dtype == "float32" else "int32"
    operands = [data, filters, drawn.tensor("b", (4,), kind, constant=True) if bias else -1]
    usual = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1, "activation": "NONE"}
    drawn.operator("CONV_2D", operands, [out], **{**usual, **options})
    return drawn


def test_every_name_is_an_operator_of_the_schema() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs ai-edge-litert")
    for name in ("XNNPACK_FLOAT", "XNNPACK_INTEGER", "GPU", "GPU_NEWER", "NNAPI", "HEXAGON", "EDGE_TPU"):
        listed = getattr(delegate_operators, name)
        assert not listed - set(vars(schema.BuiltinOperator)), name
    assert delegate_operators.XNNPACK_INTEGER < delegate_operators.XNNPACK_FLOAT
    assert not delegate_operators.GPU & delegate_operators.GPU_NEWER


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float32", {"XNNPACK", "GPU", "NNAPI"}),
        ("int8", {"XNNPACK", "GPU", "NNAPI", "Hexagon", "Edge TPU"}),
        ("uint8", {"XNNPACK", "GPU", "NNAPI", "Hexagon", "Edge TPU"}),
        ("int16", set()),
    ],
)
def test_a_plain_convolution(dtype: str, expected: set[str]) -> None:
    drawn = conv(dtype, "int8" if dtype == "int16" else None)
    assert {name for name in RULES if judged(drawn, name).answer == EXPECTED} == expected


def test_dynamic_range() -> None:
    drawn = conv("float32", "int8")
    assert kind_of(drawn.graph(), drawn.operators[0]) == "dynamic"
    assert judged(drawn, "XNNPACK").answer == EXPECTED
    assert judged(drawn, "GPU").answer == UNKNOWN
    assert judged(drawn, "Edge TPU").answer == NOT_EXPECTED


@pytest.mark.parametrize(
    ("delegate", "drawn", "reason"),
    [
        ("XNNPACK", conv(activation="TANH"), "a fused TANH"),
        ("XNNPACK", conv(bias=False), "no bias"),
        ("XNNPACK", conv(computed=True), "weights that are computed"),
        ("Hexagon", conv("int8", stride_h=4), "a stride above 3"),
        ("Edge TPU", conv("int8", dilation_h=2), "another dilation"),
    ],
)
def test_limits_of_a_convolution(delegate: str, drawn: Drawn, reason: str) -> None:
    found = judged(drawn, delegate)
    assert found.answer == NOT_EXPECTED
    assert reason in found.reason


@pytest.mark.parametrize(
    ("delegate", "operator", "dtype", "answer"),
    [
        ("XNNPACK", "SOFTMAX", "float32", EXPECTED),
        ("XNNPACK", "SOFTMAX", "int8", NOT_EXPECTED),
        ("XNNPACK", "AVERAGE_POOL_2D", "int8", NOT_EXPECTED),
        ("XNNPACK", "ERF", "float32", NOT_EXPECTED),
        ("GPU", "TOPK_V2", "float32", UNKNOWN),
        ("GPU", "WHERE", "float32", NOT_EXPECTED),
        ("NNAPI", "GELU", "float32", NOT_EXPECTED),
        ("Hexagon", "GELU", "int8", NOT_EXPECTED),
        ("Edge TPU", "HARD_SWISH", "int8", NOT_EXPECTED),
        ("Edge TPU", "LOGISTIC", "int8", EXPECTED),
    ],
)
def test_lists(delegate: str, operator: str, dtype: str, answer: str) -> None:
    assert judged(chain(["y"], operator, dtype), delegate).answer == answer


def test_five_dimensions() -> None:
    drawn = Drawn()
    drawn.unary("RELU", drawn.tensor("x", (1, 2, 3, 4, 5)), "y")
    assert judged(drawn, "GPU").answer == judged(drawn, "NNAPI").answer == NOT_EXPECTED
    assert judged(drawn, "XNNPACK").answer == EXPECTED


def test_the_edge_tpu_takes_one_partition() -> None:
    drawn = Drawn()
    data = drawn.unary("QUANTIZE", drawn.tensor("x", (1, 4, 4, 2)), "q", "int8")
    data = drawn.unary("RELU", data, "a")
    data = drawn.unary("HARD_SWISH", data, "b")
    drawn.unary("DEQUANTIZE", drawn.unary("RELU", data, "c"), "d", "float32")
    found = expectations(drawn.graph(), RULES["Edge TPU"])
    assert [one.answer for one in found] == [NOT_EXPECTED, EXPECTED, NOT_EXPECTED, NOT_EXPECTED, NOT_EXPECTED]
    assert "one partition" in found[3].reason


def test_an_open_dimension_keeps_off_the_edge_tpu() -> None:
    drawn = Drawn()
    drawn.unary("RELU", drawn.tensor("x", (-1, 4), "int8"), "y")
    assert "open dimension" in judged(drawn, "Edge TPU").reason


def test_custom_operators() -> None:
    drawn = chain(["y"], "MyOp")
    object.__setattr__(drawn.operators[0], "custom", True)
    assert {judged(drawn, name).answer for name in RULES} == {NOT_EXPECTED}
    compiled = chain(["y"], "edgetpu-custom-op", "uint8")
    object.__setattr__(compiled.operators[0], "custom", True)
    assert judged(compiled, "Edge TPU").answer == EXPECTED
    assert judged(compiled, "XNNPACK").answer == NOT_EXPECTED


def test_what_the_compiler_left_on_the_cpu_stays_there() -> None:
    """LOGISTIC is in the list of what the Edge TPU takes; here the compiler has decided."""
    drawn = Drawn()
    data = drawn.unary("edgetpu-custom-op", drawn.tensor("x", (1, 4, 4, 2), "int8"), "a", custom=True)
    data = drawn.unary("LOGISTIC", data, "b")
    drawn.unary("edgetpu-custom-op", data, "c", custom=True)
    found = expectations(drawn.graph(), RULES["Edge TPU"])
    assert [one.answer for one in found] == [EXPECTED, NOT_EXPECTED, EXPECTED]
    assert found[1].reason == "left on the CPU by edgetpu_compiler"


def test_half_precision_weights_are_unpacked_by_the_delegates() -> None:
    drawn = Drawn()
    drawn.unary("DEQUANTIZE", drawn.tensor("w", (4, 4), "float16", constant=True), "w32", "float32")
    assert judged(drawn, "XNNPACK").answer == judged(drawn, "GPU").answer == EXPECTED


def test_every_table_says_where_it_is_from() -> None:
    assert all(rules.source and rules.note for rules in TABLE)
