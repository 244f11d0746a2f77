from __future__ import annotations

import pytest

from harness.errors import ConversionError
from harness.prepare.float_layers import Layer, kept_layers, short_names

LAYERS = (
    Layer("CONV_2D", "net/conv_1/Relu;net/conv_1/BiasAdd;"),
    Layer("CONV_2D", "net/conv_10/Relu;net/conv_10/BiasAdd;"),
    Layer("ADD", "net/sum.(1)/add;"),
    Layer("SOFTMAX", "StatefulPartitionedCall:0;"),
)


def test_an_operator_s_kind_keeps_all_of_it() -> None:
    assert kept_layers(LAYERS, ["CONV_2D"]) == LAYERS[:2]


def test_a_part_of_a_name_is_plain_text() -> None:
    assert kept_layers(LAYERS, ["conv_1"]) == LAYERS[:2]
    assert kept_layers(LAYERS, ["conv_1/", "SOFTMAX"]) == (LAYERS[0], LAYERS[3])
    assert kept_layers(LAYERS, ["sum.(1)"]) == (LAYERS[2],)
    for trap in ("conv_.", ".*", "sum.[(]1", "^net"):
        with pytest.raises(ConversionError):
            kept_layers(LAYERS, [trap])


def test_a_semicolon_stands_for_the_begin_or_the_end_of_a_name() -> None:
    assert kept_layers(LAYERS, [";net/conv_1/BiasAdd;"]) == (LAYERS[0],)
    with pytest.raises(ConversionError):
        kept_layers(LAYERS, [";conv_1"])


def test_a_name_that_is_not_there_says_what_is_near() -> None:
    with pytest.raises(ConversionError, match="'conv_2'") as caught:
        kept_layers(LAYERS, ["conv_1/", "conv_2"])
    assert "conv_1" in caught.value.remedy
    assert "Operators: ADD, CONV_2D, SOFTMAX." in caught.value.remedy
    with pytest.raises(ConversionError) as caught:
        kept_layers(LAYERS, ["softmax"])
    assert "Near: SOFTMAX" in caught.value.remedy
    with pytest.raises(ConversionError):
        kept_layers(LAYERS, [""])


def test_short_names_mean_one_layer_each() -> None:
    names = short_names(LAYERS)
    assert names == ("conv_1/Relu", "conv_10", "add", "StatefulPartitionedCall:0")
    for name, layer in zip(names, LAYERS, strict=True):
        assert kept_layers(LAYERS, [name]) == (layer,)


def test_a_name_inside_another_one_is_written_with_its_ends() -> None:
    layers = (Layer("ADD", "a;"), Layer("ADD", "ba;"), Layer("ADD", "x,y;"), Layer("ADD", "ADD;"))
    names = short_names(layers)
    assert names[:2] == (";a;", "ba")
    assert names[3] == ";ADD;"
    assert kept_layers(layers, [names[0]]) == (layers[0],)
    assert kept_layers(layers, [names[3]]) == (layers[3],)
