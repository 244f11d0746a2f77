from __future__ import annotations

from dataclasses import replace

from harness.inspect.analysis import Report, report_on
from harness.inspect.comparison import DIFFERS, ONLY_LEFT, ONLY_RIGHT, SAME, compare, plain_name
from tests.inspect.factory import Drawn, chain


def _report(drawn: Drawn, sha256: str = "ab" * 32) -> Report:
    return report_on(drawn.file(sha256=sha256))


def test_a_file_and_itself_are_the_same() -> None:
    one = compare(_report(chain(["a", "b"])), _report(chain(["a", "b"])))
    assert one.same_file
    assert {pair.state for pair in (*one.layers, *one.tensors)} == {SAME}


def test_types_and_operators_that_differ() -> None:
    quantized = Drawn()
    quantized.inputs = [quantized.tensor("input", (1, 4, 4, 2))]
    data = quantized.unary("QUANTIZE", quantized.inputs[0], "tfl.quantize", "int8")
    for name in ("a", "b"):
        data = quantized.unary("RELU", data, name)
    one = compare(_report(chain(["a", "b"])), _report(quantized, "cd" * 32))
    assert not one.same_file
    assert [(pair.state, pair.differs) for pair in one.layers] == [
        (DIFFERS, ("type",)),
        (DIFFERS, ("type",)),
        (ONLY_RIGHT, ()),
    ]
    assert one.operators == (("QUANTIZE", 0, 1), ("RELU", 2, 2))
    states = {(pair.left or pair.right).name: pair.state for pair in one.tensors}  # type: ignore[union-attr]
    assert states == {"input": SAME, "a": DIFFERS, "b": DIFFERS, "tfl.quantize": ONLY_RIGHT}


def test_names_that_a_converter_changed_still_match() -> None:
    assert plain_name("net/conv;net/bias") == "net/conv"
    assert plain_name("net/conv_quantized1") == plain_name("net/conv")
    assert plain_name("PartitionedCall:0") == plain_name("PartitionedCall:01")
    left, right = chain(["net/a;net/bias", "net/b"]), chain(["net/a;net/other", "net/b_dequantized"])
    one = compare(_report(left), _report(right, "cd" * 32))
    assert [(pair.left is not None, pair.right is not None) for pair in one.layers] == [(True, True)] * 2


def test_whole_names_match_before_plain_ones() -> None:
    left, right = chain(["n", "n_int8"]), chain(["n_int8", "n"])
    one = compare(_report(left), _report(right, "cd" * 32))
    assert [(pair.left.layer, pair.right.layer) for pair in one.layers if pair.left and pair.right] == [
        ("n", "n"),
        ("n_int8", "n_int8"),
    ]


def test_no_layer_is_in_two_pairs() -> None:
    one = compare(_report(chain(["n", "n", "n"])), _report(chain(["n"]), "cd" * 32))
    assert [pair.state for pair in one.layers] == [SAME, ONLY_LEFT, ONLY_LEFT]


def test_other_weights_of_the_same_shape_differ() -> None:
    drawn = Drawn()
    drawn.tensor("w", (4, 4), constant=True, figures={"minimum": -1.0, "maximum": 1.0})
    other = Drawn()
    other.tensor("w", (4, 4), constant=True, figures={"minimum": -1.0, "maximum": 2.0})
    one = compare(_report(drawn), _report(other, "cd" * 32))
    assert [(pair.state, pair.differs) for pair in one.tensors] == [(DIFFERS, ("values",))]


def test_options_and_versions_differ() -> None:
    left, right = chain(["a"]), chain(["a"])
    right.operators[0] = replace(right.operators[0], version=2, options=(("alpha", 0.5),))
    (pair,) = compare(_report(left), _report(right, "cd" * 32)).layers
    assert pair.differs == ("version", "options")
