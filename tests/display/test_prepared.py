from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from harness.display.prepared import prepared_table
from harness.domain import EdgeTpuMapping, Status, TensorInfo, VariantFile
from tests.display.builders import HOSTILE

TENSOR = TensorInfo("image", "int8", (1, 8, 8, 1), 0.0039, -128)
PLAIN = VariantFile(
    *("digits_cnn", "int8", Status.DONE),
    path="model.tflite",
    size_bytes=104_544,
    gzip_bytes=90_000,
    inputs=(TENSOR,),
    outputs=(TENSOR,),
    data_needed="representative",
    hardware=("CPU", "Edge TPU"),
    sparsity=0.001,
    clusters=255,
)
PRUNED = replace(
    PLAIN,
    variant="pruned+int8",
    technique="pruned",
    sparsity=0.749,
    data_needed="labelled",
    training="fine-tuned 4 epochs",
)
CLUSTERED = replace(PRUNED, variant="clustered", technique="clustered", clusters=16)


def printed(files: list[VariantFile], width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(prepared_table(files, width))
    return stream.getvalue().splitlines()


def test_plain_variants_have_no_columns_of_techniques() -> None:
    header = printed([PLAIN], 300)[0]
    assert "runs on" in header
    assert "needs" in header
    for title in ("sparsity", "clusters", "training"):
        assert title not in header


def test_techniques_bring_theirs() -> None:
    header, plain, pruned, clustered = printed([PLAIN, PRUNED, CLUSTERED], 400)
    for title in ("sparsity", "clusters", "needs", "runs on", "training"):
        assert title in header
    assert "75 %" in pruned
    assert "fine-tuned 4 epochs" in pruned
    assert "labelled" in pruned
    assert "representative" in plain
    assert "CPU, Edge TPU" in plain
    assert " 16 " in clustered
    assert "clusters" not in printed([PLAIN, PRUNED], 400)[0]


def test_what_the_edge_tpu_computes_has_its_columns() -> None:
    mapping = EdgeTpuMapping(mapped=264, on_cpu=3, subgraphs=1, off_chip_bytes=1_500_000)
    compiled = replace(PLAIN, variant="edgetpu", edgetpu=mapping)
    seen = replace(PLAIN, variant="edgetpu", edgetpu=EdgeTpuMapping(subgraphs=1))
    header, plain, full, given = printed([PLAIN, compiled, seen], 400)
    assert header.index("on TPU") < header.index("off-chip MB")
    assert "264/267" in full
    assert "1.500" in full
    assert "1 part" in given
    assert "264" not in plain
    assert "0/" not in given
    assert "on TPU" not in printed([PLAIN], 400)[0]
    whole = replace(compiled, edgetpu=replace(mapping, on_cpu=0, mapped=267, off_chip_bytes=0))
    assert printed([whole], 400)[1].split()[5:7] == ["267/267", "0"]


def test_variants_without_data_need_no_column_for_it() -> None:
    assert "needs" not in printed([replace(PLAIN, variant="float32", data_needed="none")], 300)[0]


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_no_width_is_exceeded_while_the_names_fit(width: int) -> None:
    lines = printed([PLAIN, PRUNED, CLUSTERED], width)
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("model")


def test_what_leaves_first_is_needed_least() -> None:
    narrow = printed([PLAIN, PRUNED], 80)[0]
    assert "sparsity" in narrow
    assert "training" not in narrow


def test_hostile_text_stays_text() -> None:
    for text in HOSTILE:
        lines = printed([replace(PRUNED, training=text, model="m")], 400)
        assert len(lines) == 2
        assert "\x1b" not in "".join(lines)
