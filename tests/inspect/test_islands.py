from __future__ import annotations

from harness.inspect.islands import Island, float_islands
from tests.inspect.factory import Drawn, chain


def _around(drawn: Drawn, source: int) -> int:
    """Two float operators between a DEQUANTIZE and a QUANTIZE."""
    data = drawn.unary("DEQUANTIZE", source, "a", "float32")
    data = drawn.unary("TANH", data, "b")
    data = drawn.unary("ERF", data, "c")
    return drawn.unary("QUANTIZE", data, "d", "int8")


def test_an_island_has_its_borders() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4), "int8")]
    data = drawn.unary("RELU", drawn.inputs[0], "first")
    data = _around(drawn, data)
    drawn.outputs = [drawn.unary("RELU", data, "last")]
    assert float_islands(drawn.graph()) == (Island((2, 3), (1,), (4,)),)


def test_two_islands_are_two() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4), "int8")]
    data = _around(drawn, drawn.inputs[0])
    data = _around(drawn, drawn.unary("RELU", data, "between"))
    assert [island.operators for island in float_islands(drawn.graph())] == [(1, 2), (6, 7)]


def test_branches_of_one_float_tensor_are_one_island() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4), "int8")]
    real = drawn.unary("DEQUANTIZE", drawn.inputs[0], "r", "float32")
    left, right = drawn.unary("TANH", real, "l"), drawn.unary("SIN", real, "r2")
    drawn.unary("QUANTIZE", left, "ql", "int8")
    drawn.unary("QUANTIZE", right, "qr", "int8")
    (island,) = float_islands(drawn.graph())
    assert island.operators == (1, 2)
    assert island.exits == (3, 4)


def test_a_float_head_reaches_the_input_and_a_tail_the_output() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4))]
    data = drawn.unary("MUL", drawn.inputs[0], "scaled")
    data = drawn.unary("QUANTIZE", data, "q", "int8")
    data = drawn.unary("DEQUANTIZE", data, "d", "float32")
    drawn.outputs = [drawn.unary("SOFTMAX", data, "p")]
    head, tail = float_islands(drawn.graph())
    assert (head.at_input, head.at_output, head.exits) == (True, False, (1,))
    assert (tail.at_input, tail.at_output, tail.entries) == (False, True, (2,))


def test_conversions_at_the_ends_are_no_islands() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4))]
    data = drawn.unary("QUANTIZE", drawn.inputs[0], "q", "int8")
    data = drawn.unary("RELU", data, "r")
    drawn.outputs = [drawn.unary("DEQUANTIZE", data, "d", "float32")]
    assert float_islands(drawn.graph()) == ()


def test_float_files_have_none() -> None:
    assert float_islands(chain(["a", "b", "c"]).graph()) == ()
    drawn = Drawn()  # weights alone are quantized
    weights = drawn.unary("DEQUANTIZE", drawn.tensor("w8", (3, 4), "int8", constant=True), "w", "float32")
    drawn.operator("FULLY_CONNECTED", [drawn.tensor("x", (1, 4)), weights], [drawn.tensor("y", (1, 3))])
    assert float_islands(drawn.graph()) == ()


def test_an_operator_with_integer_weights_is_no_island() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4), "int8")]
    data = drawn.unary("DEQUANTIZE", drawn.unary("RELU", drawn.inputs[0], "r"), "a", "float32")
    out = drawn.tensor("y", (1, 3))
    drawn.operator("FULLY_CONNECTED", [data, drawn.tensor("w", (3, 4), "int8", constant=True)], [out])
    assert float_islands(drawn.graph()) == ()
