"""Counts against loops that really count."""

from __future__ import annotations

from itertools import product

import pytest

from harness.inspect.cost import macs_of, parameters_of, total_parameters, weights_of
from tests.inspect.factory import Drawn


def count(drawn: Drawn) -> int | None:
    graph = drawn.graph()
    return macs_of(graph, graph.operators[-1])


def _counted(*ranges: int) -> int:
    return sum(1 for _ in product(*map(range, ranges)))


def test_convolution() -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (1, 6, 6, 4)), drawn.tensor("y", (1, 3, 2, 5))
    drawn.operator("CONV_2D", [data, drawn.tensor("w", (5, 3, 2, 4), constant=True)], [out])
    assert count(drawn) == _counted(1, 3, 2, 5, 3, 2, 4)


def test_grouped_convolution_counts_the_channels_of_a_group() -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (1, 6, 6, 8)), drawn.tensor("y", (1, 6, 6, 4))
    drawn.operator("CONV_2D", [data, drawn.tensor("w", (4, 1, 1, 2), constant=True)], [out])
    assert count(drawn) == _counted(6, 6, 4, 2)


def test_depthwise() -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (2, 6, 6, 4)), drawn.tensor("y", (2, 5, 5, 8))
    drawn.operator("DEPTHWISE_CONV_2D", [data, drawn.tensor("w", (1, 3, 2, 8), constant=True)], [out])
    assert count(drawn) == _counted(2, 5, 5, 8, 3, 2)


def test_transposed_convolution_counts_from_its_input() -> None:
    drawn = Drawn()
    shape = drawn.tensor("s", (4,), "int32", constant=True)
    data, out = drawn.tensor("x", (1, 3, 3, 4)), drawn.tensor("y", (1, 6, 6, 2))
    drawn.operator("TRANSPOSE_CONV", [shape, drawn.tensor("w", (2, 3, 3, 4), constant=True), data], [out])
    assert count(drawn) == _counted(3, 3, 4, 3, 3, 2)


def test_dense_and_matrix_products() -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (3, 7)), drawn.tensor("y", (3, 5))
    drawn.operator("FULLY_CONNECTED", [data, drawn.tensor("w", (5, 7), constant=True), -1], [out])
    assert count(drawn) == _counted(3, 5, 7)
    left, right, both = drawn.tensor("l", (2, 7, 4)), drawn.tensor("r", (2, 7, 6)), drawn.tensor("z", (2, 4, 6))
    drawn.operator("BATCH_MATMUL", [left, right], [both], transpose_left=1)
    assert count(drawn) == _counted(2, 4, 6, 7)


def test_three_dimensions() -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (1, 4, 4, 4, 2)), drawn.tensor("y", (1, 3, 3, 3, 5))
    drawn.operator("CONV_3D", [data, drawn.tensor("w", (2, 2, 2, 2, 5), constant=True)], [out])
    assert count(drawn) == _counted(3, 3, 3, 5, 2, 2, 2, 2)


def test_lstm_counts_its_matrices_each_step() -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (1, 9, 4)), drawn.tensor("y", (1, 9, 3))
    weights = [drawn.tensor("w", (3, 4), constant=True), drawn.tensor("r", (3, 3), constant=True)]
    bias = drawn.tensor("b", (3,), constant=True)
    drawn.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", [data, *weights, bias, -1], [out])
    assert count(drawn) == 9 * (12 + 9)


@pytest.mark.parametrize("name", ["ADD", "RESHAPE", "AVERAGE_POOL_2D", "SOFTMAX"])
def test_without_products_it_is_nothing(name: str) -> None:
    drawn = Drawn()
    drawn.unary(name, drawn.tensor("x", (1, 4)), "y")
    assert count(drawn) == 0


@pytest.mark.parametrize(("name", "custom"), [("WHILE", False), ("RNN", False), ("MyOp", True), ("FlexErf", True)])
def test_what_is_not_known_is_not_zero(name: str, custom: bool) -> None:
    drawn = Drawn()
    drawn.unary(name, drawn.tensor("x", (1, 4)), "y", custom=custom)
    assert count(drawn) is None


@pytest.mark.parametrize("weights", [(), (0, 3, 3, 4), (4,), None])
def test_impossible_operands_are_not_counted(weights: tuple[int, ...] | None) -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (1, 4, 4, 4)), drawn.tensor("y", (1, 4, 4, 4))
    operand = -1
    if weights is not None:
        operand = drawn.tensor("w", weights, constant=True)
        object.__setattr__(drawn.tensors[operand], "shape", weights)
    drawn.operator("CONV_2D", [data, operand], [out])
    assert count(drawn) is None


def test_parameters_are_weights_and_biases_and_no_shapes() -> None:
    drawn = Drawn()
    data, out = drawn.tensor("x", (1, 4), "int8"), drawn.tensor("y", (1, 3), "int8")
    weights = drawn.tensor("w", (3, 4), "int8", constant=True)
    bias = drawn.tensor("b", (3,), "int32", constant=True, scales=(0.1,), zero_points=(0,))
    shape = drawn.tensor("s", (2,), "int32", constant=True)
    drawn.operator("FULLY_CONNECTED", [data, weights, bias, shape], [out])
    graph = drawn.graph()
    assert parameters_of(weights_of(graph, graph.operators[0])) == 15
    assert total_parameters((graph,)) == 15


def test_weights_that_are_unpacked_belong_to_their_user_and_count_once() -> None:
    drawn = Drawn()
    small = drawn.tensor("w16", (3, 4), "float16", constant=True)
    weights = drawn.unary("DEQUANTIZE", small, "w", "float32")
    for number in range(2):
        drawn.operator("FULLY_CONNECTED", [drawn.tensor("x", (1, 4)), weights], [drawn.tensor(f"y{number}", (1, 3))])
    graph = drawn.graph()
    assert [parameters_of(weights_of(graph, one)) for one in graph.operators] == [0, 12, 12]
    assert total_parameters((graph,)) == 12
