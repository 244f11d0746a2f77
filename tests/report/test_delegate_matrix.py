from __future__ import annotations

from dataclasses import replace

from harness.domain import Backend, RunView, Verdict
from harness.report import delegate_matrix as module
from harness.report.delegate_matrix import LINES_SHOWN, Square, delegate_matrix
from tests.report.factory import BUILTIN, DIGITS, MOBILENET, XNNPACK, Model, run_view


def squares(view: RunView) -> dict[tuple[str, str], Square]:
    return {
        (title, one.level): one
        for device in delegate_matrix(view).devices
        for title, line in device.lines
        for one in line
    }


def test_a_ratio_is_paired_and_against_the_cpu() -> None:
    found = delegate_matrix(run_view(models=(DIGITS,)))
    assert found.paired
    assert found.reference == "cpu xnnpack"
    square = squares(run_view(models=(DIGITS,)))["digits_cnn · float32", "cpu builtin"]
    assert square.ratio.startswith("1.9")
    assert square.word == "slower"
    assert square.classes.startswith("w")


def test_no_ratio_where_nothing_can_be_compared() -> None:
    crashed = squares(run_view(models=(MOBILENET,)))["mobilenet_v2 · int16x8", "cpu builtin"]
    assert crashed.ratio == ""
    assert crashed.doubt == "crashed"
    assert crashed.word == ""
    assert "none" in crashed.classes


def test_coverage_and_doubt_stand_beside_the_figure() -> None:
    view = run_view(models=(MOBILENET,), variants=("float32", "int8"), backends=(XNNPACK, BUILTIN))
    gpu = tuple(
        replace(one, coverage="partial", delegated_nodes=60, partitions=2) if one.backend == "cpu xnnpack" else one
        for one in view.rows
    )
    found = squares(replace(view, rows=gpu))
    covered = found["mobilenet_v2 · float32", "cpu xnnpack"]
    assert covered.mark == "◐"
    assert covered.covered == "60/62 in 2 parts"
    fell_back = found["mobilenet_v2 · int8", "cpu builtin"]
    assert fell_back.doubt == "fell back"
    assert "hollow" in fell_back.classes
    assert view.rows[fell_back.anchor or 0].verdict is Verdict.FELL_BACK


def test_one_backend_is_no_matrix() -> None:
    assert delegate_matrix(run_view(models=(DIGITS,), backends=(XNNPACK,), blocks=2)).devices == ()


def test_a_large_run_compares_levels_and_folds_lines() -> None:
    models = [Model(f"m{index}", 1.0, 1.0) for index in range(14)]
    view = run_view(models=models, blocks=4, samples=20)
    assert len(view.invocations) > module.PAIRED_UP_TO
    found = delegate_matrix(view)
    assert not found.paired
    (device,) = found.devices
    assert len(device.lines) == LINES_SHOWN
    assert device.folded == 14 * 6 - LINES_SHOWN
    first = dict(device.lines)["m0 · float32"][1]
    assert first.ratio.startswith("1.9")
    assert first.word == ""


def test_each_device_has_its_own_columns() -> None:
    view = run_view(models=(DIGITS,), devices=("phone-a", "phone-b"), blocks=2)
    rows = tuple(replace(one, device_id=one.device) for one in view.rows)
    kept = tuple(one for one in rows if one.device == "phone-a" or one.backend == "cpu xnnpack")
    found = delegate_matrix(replace(view, rows=kept))
    assert [device.device for device in found.devices] == ["phone-a", "phone-b"]
    assert [len(device.levels) for device in found.devices] == [2, 1]


def test_backend_names_are_from_the_rows() -> None:
    view = run_view(models=(DIGITS,), backends=(XNNPACK, Backend(kind="gpu")), blocks=2)
    gpu = squares(view)["digits_cnn · float32", view.rows[1].backend]
    assert gpu.doubt == "unsupported"
    assert gpu.latency == "—"
