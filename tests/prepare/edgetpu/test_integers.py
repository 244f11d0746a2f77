from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from harness.prepare.edgetpu.integers import not_integer, uncompilable


def tensor(name: str, dtype: str = "int8", shape: tuple[int, ...] = (1, 4), *, constant: bool = False) -> Any:
    return SimpleNamespace(name=name, dtype=dtype, signature=shape, constant=constant)


def operator(name: str, inputs: list[Any], outputs: list[Any]) -> Any:
    return SimpleNamespace(name=name, inputs=tuple(inputs), outputs=tuple(outputs))


def graph(inputs: list[Any], outputs: list[Any], *operators: Any) -> Any:
    return SimpleNamespace(inputs=tuple(inputs), outputs=tuple(outputs), operators=operators)


def between(name: str, dtype: str, weights: str = "int8") -> Any:
    """An int8 model with one operator that computes in `dtype`."""
    data = [tensor(f"t{number}") for number in range(2)]
    a, b = tensor("a", dtype), tensor("b", dtype)
    return graph(
        data[:1],
        data[1:],
        operator("CONV_2D", [data[0], tensor("w", constant=True), tensor("bias", "int32", constant=True)], [data[0]]),
        operator("DEQUANTIZE", data[:1], [a]),
        operator(name, [a, tensor("k", weights, constant=True)], [b]),
        operator("QUANTIZE", [b], data[1:]),
    )


def test_an_int8_model_is_ready() -> None:
    data = tensor("x")
    whole = graph(
        [data],
        [data],
        operator("CONV_2D", [data, tensor("w", constant=True), tensor("b", "int32", constant=True)], [data]),
        operator("RESHAPE", [data, tensor("shape", "int32", constant=True)], [data]),
        operator("SOFTMAX", [data], [tensor("y", "uint8")]),
    )
    assert not_integer(whole) == []
    assert uncompilable(whole) == ""


def test_the_operator_that_stayed_float_is_named_with_its_place_and_not_the_conversions_around_it() -> None:
    found = between("SOFTMAX", "float32", "float32")
    assert not_integer(found) == ["SOFTMAX #2 computes in float32"]
    assert uncompilable(found) == ""


def test_float_with_integer_weights_is_dynamic_range() -> None:
    assert not_integer(between("CONV_2D", "float32")) == [
        "CONV_2D #2 computes in float32 with integer weights (dynamic range)"
    ]


def test_int16_activations() -> None:
    assert not_integer(between("FULLY_CONNECTED", "int16")) == ["FULLY_CONNECTED #2 computes in int16"]


def test_int4_weights() -> None:
    assert not_integer(between("CONV_2D", "int8", "int4")) == ["CONV_2D #2 has int4 weights"]


def test_float_inputs_and_outputs_are_named_and_do_not_stop_it() -> None:
    x, y, inner = tensor("serving_default_x", "float32"), tensor("y", "float32"), tensor("inner")
    found = graph(
        [x],
        [y],
        operator("QUANTIZE", [x], [inner]),
        operator("RELU", [inner], [inner]),
        operator("DEQUANTIZE", [inner], [y]),
    )
    assert not_integer(found) == ["input `serving_default_x` is float32", "output `y` is float32"]
    assert uncompilable(found) == ""


def test_an_open_shape_is_named() -> None:
    x = tensor("x", "int8", (-1, 224, 224, 3))
    assert not_integer(graph([x], [tensor("y")], operator("RELU", [x], [tensor("y")]))) == [
        "input `x` has the open shape ?x224x224x3"
    ]


def test_operands_that_are_left_out_and_indices_do_not_matter() -> None:
    x, ids = tensor("x"), tensor("ids", "int32")
    found = graph([x], [x], operator("GATHER", [x, ids], [x]), operator("ARG_MAX", [x], [ids]))
    assert not_integer(found) == []


def test_a_model_without_8_bit_operators_is_refused() -> None:
    x = tensor("x", "float32")
    assert "no operator of the model computes in 8-bit" in uncompilable(graph([x], [x], operator("RELU", [x], [x])))
    assert "has no operators" in uncompilable(graph([x], [x]))


def test_conversions_alone_are_nothing_to_compile() -> None:
    x, q = tensor("x", "float32"), tensor("q")
    assert uncompilable(graph([x], [q], operator("QUANTIZE", [x], [q]))) == "the model has no operators"
