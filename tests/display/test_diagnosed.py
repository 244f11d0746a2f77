from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.display.diagnosed import diagnosis_lines, layers_table
from harness.domain.diagnosis import Diagnosis, GroupOfLayers, LayerError, MeasuredFile, MetricFigures
from tests.display.builders import HOSTILE

LAYERS = (
    LayerError("block_1_depthwise_relu", "DEPTHWISE_CONV_2D", 10.0, 16.5, 2.5, 17.0, 43.21),
    LayerError("head", "FULLY_CONNECTED", 12.345, 14.0, 0.0, math.inf, 0.0),
    LayerError("late", "ADD", 30.0),
)
ALL = MeasuredFile(14.0, 0.1, 4_012_000, 3_600_000, ())
CHOSEN = MeasuredFile(20.5, 0.05, 4_222_000, 3_800_000, ("DEPTHWISE_CONV_2D (1 of 17)",))
FOUND = Diagnosis(
    *("mobilenet_v2", "int8", 10, 60.2, 13_995_220, ALL, 25.0, LAYERS, (), True, 20.0, True),
    keep_float=("block_1_depthwise_relu", "Call_1:0"),
    chosen=CHOSEN,
)


def printed(layers: tuple[LayerError, ...], width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(layers_table(layers, width))
    return stream.getvalue().splitlines()


def test_the_table_says_what_each_layer_costs() -> None:
    header, first, second, third = (" ".join(line.split()) for line in printed(LAYERS, 120))
    assert header == "layer cost operator in float dB gain dB alone dB here dB"
    assert first == "block_1_depthwise_relu 43.2 % DEPTHWISE_CONV_2D 16.50 2.50 17.00 10.00"
    assert second == "head 0.0 % FULLY_CONNECTED 14.00 0.00 exact 12.35"
    assert third == "late ADD 30.00"


@pytest.mark.parametrize("width", [14, 25, 40, 60, 80, 100])
def test_no_width_is_exceeded(width: int) -> None:
    hostile = tuple(replace(LAYERS[0], name=text, kind="ADD") for text in HOSTILE)
    for layers in (LAYERS, hostile):
        lines = printed(layers, width)
        assert len(lines) == len(layers) + 1
        assert all(cell_len(line) <= width for line in lines)
    assert printed((), width)[0].startswith("layer")


def test_the_choice_is_ready_to_be_used() -> None:
    lines = list(diagnosis_lines(FOUND))
    assert lines == [
        "mobilenet_v2 int8: 14.00 dB, 4.012 MB with all quantized, 25.00 dB with every layer in float; "
        "float32 13.995 MB.",
        "With 2 layers in float: 20.50 dB, 4.222 MB, enough for 20.00 dB. In a sweep file, or --keep-float:",
        '  keep_float: [block_1_depthwise_relu, "Call_1:0"]',
    ]


def test_what_is_missing_is_said() -> None:
    group = GroupOfLayers("first", "fifth", 5, 15.0, 1.0)
    short = replace(FOUND, complete=False, reached=False, groups=(group,))
    text = "\n".join(diagnosis_lines(short))
    assert "In 1 min 00 s, 2 of 3 layers were measured" in text
    assert "5 layers from first to fifth in float: 15.00 dB, +1.00 dB." in text
    assert "the best found; 20.00 dB was not reached" in text
    assert "20.00 dB was not reached." in "\n".join(diagnosis_lines(replace(short, keep_float=())))
    none = "\n".join(diagnosis_lines(replace(FOUND, keep_float=(), everything=CHOSEN)))
    assert "No layer has to stay in float for 20.00 dB." in none


def test_the_metric_follows() -> None:
    metric = MetricFigures("top1", 200, (("float32", 0.99), ("all quantized", 0.985)))
    assert list(diagnosis_lines(replace(FOUND, metric=metric)))[-3:] == [
        "top1 on 200 samples:",
        "  0.9900  float32",
        "  0.9850  all quantized",
    ]


def test_names_from_files_are_safe_in_the_option() -> None:
    for text in filter(None, HOSTILE):
        option = list(diagnosis_lines(replace(FOUND, keep_float=(text,))))[-1]
        assert "\x1b" not in option
        assert "\n" not in option
