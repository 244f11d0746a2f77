"""Which rows stand in one line."""

from __future__ import annotations

import random
from typing import Any

import pytest

from harness.domain import Backend, Case, ModelRef, RuntimeRef, Target, Verdict
from harness.measure.matrix import compare_inside
from harness.measure.matrix_axes import Axis, Entry
from harness.measure.matrix_lines import group_lines, is_free
from harness.measure.matrix_values import Cell, Matrix
from tests.measure.matrices import BUILTIN, GPU, case, row, view

TPU = Target("edgetpu", (("device", "usb:0"),))


def entries(seed: int, count: int = 60) -> list[Entry]:
    draw = random.Random(seed)
    found: dict[str, Entry] = {}
    for _ in range(count):
        backend = draw.choice([Backend(threads=draw.choice([1, 2, 4])), BUILTIN, GPU, Backend("hexagon")])
        made = case(backend, draw.choice(["float32", "int8"]), draw.choice("abc"), draw.choice(["", "one", "two"]))
        found[made.case_id] = (made, row(made, 10.0))
    return list(found.values())


def by_looking_at_each_pair(axis: Axis) -> list[set[str]]:
    """The lines as one would find them by hand: every accelerator held against every line."""

    def key(entry: Entry, apart_from: tuple[str, ...] = ()) -> tuple[Any, ...]:
        place = () if axis.by == "device" else (entry[1].device_id,)
        return (entry[1].model, place, tuple(part for part in axis.held(entry) if part[0] not in apart_from))

    fixed: dict[Any, list[Entry]] = {}
    for entry in axis.entries:
        if not is_free(entry, axis.by):
            fixed.setdefault(key(entry), []).append(entry)
    alone: dict[Any, list[Entry]] = {}
    for entry in axis.entries:
        if is_free(entry, axis.by):
            cpu = ("threads", "cores")
            homes = [home for home in fixed.values() if key(home[0], cpu) == key(entry, cpu)]
            for home in homes or [alone.setdefault(key(entry), [])]:
                home.append(entry)
    return [{entry[0].case_id for entry in line} for line in (*fixed.values(), *alone.values())]


@pytest.mark.parametrize("by", ["backend", "variant", "threads", "device", "runtime"])
def test_lines_are_those_that_one_finds_pair_by_pair(by: str) -> None:
    for seed in range(12):
        axis = Axis(by, tuple(entries(seed)))
        ours = [{entry[0].case_id for entry in line} for line in group_lines(axis)]
        expected = by_looking_at_each_pair(axis)
        assert sorted(map(sorted, ours)) == sorted(map(sorted, expected))


# ---- Edge TPU --------------------------------------------------------------------------------------------------------


def on_edge_tpu(variant: str = "edgetpu", latency_ms: float = 2.0, runtime: str = "pycoral", **changes: Any) -> Any:
    made = Case(ModelRef("net"), variant, TPU, Backend("edgetpu"), RuntimeRef(runtime))
    told = {"device": "Coral USB Accelerator", "device_id": "edgetpu-lab-usb0", "model_sha256": "c" * 64}
    return made, latency_ms, {"runtime_version": "2.0.0", **told, **changes}


def levels(matrix: Matrix) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in matrix.cells:
        found.setdefault(cell.level, []).append(cell)
    return found


@pytest.mark.parametrize(("compiled", "source"), [("edgetpu", "int8"), ("qat+edgetpu", "qat")])
def test_an_edge_tpu_stands_beside_the_file_that_its_own_was_compiled_from(compiled: str, source: str) -> None:
    rows = [
        (case(variant="float32"), 40.0, {}),
        (case(variant=source), 10.0, {}),
        (case(Backend(threads=4), source), 4.0, {}),
        on_edge_tpu(compiled),
    ]
    matrix = compare_inside(view(rows), "backend")
    cells = levels(matrix)["edgetpu"]
    assert [cell.ratio.value for cell in cells if cell.ratio] == pytest.approx([0.2, 0.5])
    assert all(compiled in cell.name and cell.row.variant == compiled for cell in cells)
    assert all(not cell.ratio.paired and cell.ratio.verdict is None for cell in cells if cell.ratio)
    assert all(any("shares no block" in told for told in cell.caveats) for cell in cells)
    assert any("runtime version differs" in told for told in cells[0].caveats)
    titles = [line.title for line in matrix.lines]
    assert titles == ["net · float32 · 1 thread", f"net · {source} · 1 thread", f"net · {source} · 4 threads"]


def test_devices_are_compared_with_an_edge_tpu_line_by_line() -> None:
    rows = [(case(variant="int8"), 10.0, {}), (case(variant="int8", serial="one"), 20.0, {}), on_edge_tpu()]
    matrix = compare_inside(view(rows), "device")
    (line,) = matrix.lines
    assert line.title == "net · int8"
    ratios = {cell.level: cell.ratio.value for cell in line.cells if cell is not None and cell.ratio is not None}
    assert ratios == pytest.approx({"Pixel 8": 2.0, "Coral USB Accelerator": 0.2})


def test_the_edge_tpu_may_be_the_best_choice_of_its_model_on_this_host() -> None:
    (choice,) = compare_inside(view([(case(variant="int8"), 10.0, {}), on_edge_tpu()]), "backend").choices
    assert choice.best is not None
    assert choice.best.level == "edgetpu"
    assert choice.ratio is not None
    assert choice.ratio.value == pytest.approx(5.0)
    wrong = on_edge_tpu(verdict=Verdict.FELL_BACK)
    (choice,) = compare_inside(view([(case(variant="int8"), 10.0, {}), wrong]), "backend").choices
    assert choice.best is not None
    assert choice.best.level == "cpu xnnpack"


def test_two_runtimes_of_one_edge_tpu_have_a_line_each_and_none_is_lost() -> None:
    rows = [(case(variant="int8"), 10.0, {}), on_edge_tpu(), on_edge_tpu(latency_ms=2.5, runtime="litert")]
    cells = levels(compare_inside(view(rows), "backend"))["edgetpu"]
    assert [cell.ratio.value for cell in cells if cell.ratio] == pytest.approx([0.2, 0.25])


def test_an_edge_tpu_without_its_source_beside_it_stands_alone() -> None:
    matrix = compare_inside(view([(case(variant="float32"), 10.0, {}), on_edge_tpu()]), "backend")
    (cell,) = levels(matrix)["edgetpu"]
    assert cell.ratio is None
    assert "there is no cpu xnnpack beside it" in cell.refused[0]
    phone = compare_inside(view([(case(variant="int8", serial="one"), 10.0, {}), on_edge_tpu()]), "backend")
    assert phone.ratios == 0
