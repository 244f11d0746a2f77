"""Landmarks by hand, and the area under the curve against the trapezoidal rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy import TaskSpec, open_task
from harness.accuracy.landmarks import LAYOUTS, Landmarks
from harness.errors import TaskError

EYES = ((0,), (1,))
TASK = Landmarks(output="coordinates", eyes=EYES)
FACE = [[10.0, 20.0], [50.0, 20.0], [30.0, 40.0], [30.0, 60.0]]


def spec(**options: str) -> TaskSpec:
    return TaskSpec("landmarks", tuple(options.items()))


def moved(*shifts: tuple[float, float]) -> np.ndarray:
    return np.array([np.add(FACE, shift) for shift in shifts], np.float32)


def test_a_face_by_hand() -> None:
    """Eyes 40 pixels apart; two points are 3-4-5 triangles off, two are exact."""
    output = np.array([FACE], np.float32)
    output[0, 2] += (3, 4)
    output[0, 3] += (-6, 8)
    record = TASK.score((output,), [{"points": FACE}])[0]
    assert record == {"nme": pytest.approx((5 + 10) / 4 / 40)}
    assert TASK.summarise([record]) == {
        "nme_pct": pytest.approx(9.375),
        "failure_rate": 0.0,
        "auc": pytest.approx(1 - 0.9375),
        "nan_samples": 0.0,
    }


def test_the_box_is_normalised_by_the_side_of_an_equal_square() -> None:
    task = Landmarks(output="coordinates", normalise="box")
    truth = {"points": FACE, "box": [0, 0, 20, 80]}
    assert task.score((moved((4, 0)),), [truth])[0]["nme"] == pytest.approx(4 / 40)


@pytest.mark.parametrize(
    ("layout", "normalise", "left", "right"),
    [
        ("wflw98", "inter_ocular", [60], [72]),
        ("wflw98", "inter_pupil", [96], [97]),
        ("ibug68", "inter_ocular", [36], [45]),
        ("ibug68", "inter_pupil", [36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]),
        ("cofw29", "inter_ocular", [8], [9]),
    ],
)
def test_which_points_of_a_layout_are_the_eyes(layout: str, normalise: str, left: list[int], right: list[int]) -> None:
    """Everything off by one pixel: the error is 1 over the distance of the means of these points."""
    points = np.random.default_rng(3).uniform(0, 100, (LAYOUTS[layout].points, 2))
    distance = np.hypot(*(points[left].mean(axis=0) - points[right].mean(axis=0)))
    for named in (layout, ""):
        task = Landmarks(output="coordinates", normalise=normalise, layout=named)
        record = task.score((np.add(points, (0, 1))[None].astype(np.float32),), [{"points": points.tolist()}])[0]
        assert record["nme"] == pytest.approx(1 / distance, rel=1e-4)


def test_heatmaps_are_decoded_at_the_stride() -> None:
    heat = np.zeros((1, 16, 16, 4), np.float32)
    for point, (x, y) in enumerate(FACE):
        heat[0, int(y // 4), int(x // 4), point] = 1
    task = open_task(spec(output="heatmaps", stride="4", eye_left="0", eye_right="1"))
    # 10 lies in the cell from 8 to 12, whose middle is 10; 20, 50, 40, 30 and 60 are 2, 0, 2, 0 and 2 off their middles
    assert task.score((heat,), [{"points": FACE}])[0]["nme"] == pytest.approx((2 + 2 + 2 + 2) / 4 / 40)


def test_the_area_is_the_trapezoid_of_the_curve() -> None:
    errors = np.random.default_rng(0).gamma(3.0, 0.02, 400)
    grid = np.linspace(0, 0.10, 100_001)
    curve = (np.sort(errors)[None, :] <= grid[::100, None]).mean(axis=1)
    expected = np.sum((curve[1:] + curve[:-1]) / 2) * (grid[100] - grid[0]) / 0.10
    found = TASK.summarise([{"nme": error} for error in errors])
    assert 0.3 < expected < 0.6
    assert found["auc"] == pytest.approx(expected, abs=1e-3)
    assert found["failure_rate"] == pytest.approx((errors > 0.10).mean())
    assert found["nme_pct"] == pytest.approx(100 * errors.mean())


def test_a_failure_is_above_the_limit() -> None:
    records = [{"nme": error} for error in (0.05, 0.08, 0.0801, 0.2)]
    assert Landmarks(failure_at=0.08).summarise(records)["failure_rate"] == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_sample_without_numbers_is_a_failure_and_counts_as_the_worst(bad: float) -> None:
    output = moved((2, 0), (8, 0), (0, 0))
    output[2, 1, 0] = bad
    records = TASK.score((output,), [{"points": FACE}] * 3)
    assert records[2] == {"nme": None}
    found = TASK.summarise(records)
    assert found["nme_pct"] == pytest.approx(100 * (0.05 + 0.2 + 0.2) / 3)
    assert found["failure_rate"] == pytest.approx(2 / 3)
    assert found["auc"] == pytest.approx(0.5 / 3)
    assert found["nan_samples"] == 1.0
    assert TASK.values(records).tolist() == pytest.approx([5.0, 20.0, 20.0])
    few = TASK.summarise([records[0], records[2]])
    assert (few["nme_pct"], few["failure_rate"]) == (pytest.approx(7.5), 0.5)
    with pytest.raises(TaskError, match="all 1 samples hold NaN"):
        TASK.summarise(records[2:])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=8),
    st.floats(0.25, 4.0),
    st.integers(0, 9),
)
def test_properties(shifts: list[tuple[float, float]], zoom: float, seed: int) -> None:
    truths: list[Any] = [{"points": FACE}] * len(shifts)
    output = moved(*shifts).astype(np.float64)
    records = TASK.score((output,), truths)
    whole = TASK.summarise(records)
    assert whole["nme_pct"] == pytest.approx(float(TASK.values(records).mean()))
    zoomed = [{"points": (np.array(FACE) * zoom).tolist()}] * len(shifts)
    assert TASK.summarise(TASK.score((output * zoom,), zoomed))["nme_pct"] == pytest.approx(whole["nme_pct"])
    order = np.random.default_rng(seed).permutation(len(shifts))
    assert TASK.summarise(TASK.score((output[order],), truths)) == pytest.approx(whole)
    cut = len(shifts) // 2
    assert TASK.score((output[:cut],), truths[:cut]) + TASK.score((output[cut:],), truths[cut:]) == records
    perfect = TASK.summarise(TASK.score((moved((0, 0)),), truths[:1]))
    assert perfect == {"nme_pct": 0.0, "failure_rate": 0.0, "auc": 1.0, "nan_samples": 0.0}


@pytest.mark.parametrize(
    ("task", "output", "truth", "sentence"),
    [
        (TASK, moved((0, 0)), {"points": FACE[:3]}, "the model has 4 points, the truth has 3 points"),
        (TASK, moved((0, 0)), {"points": "here"}, "the truth has points of shape"),
        (TASK, moved((0, 0)), {"points": [*FACE[:3], [math.nan, 0]]}, "not finite"),
        (TASK, moved((0, 0)), {}, "no 'points'"),
        (TASK, moved((0, 0)), {"points": [[1, 1]] * 4}, "inter_ocular is 0 pixels"),
        (TASK, np.zeros((1, 4, 3)), {"points": FACE}, "not coordinates"),
        (Landmarks(), moved((0, 0)), {"points": FACE}, "not heatmaps"),
        (Landmarks(output="coordinates"), moved((0, 0)), {"points": FACE}, "4 points, no layout is known"),
        (
            Landmarks(output="coordinates", layout="ibug68"),
            moved((0, 0)),
            {"points": FACE},
            "4 points, the layout ibug68 has 68",
        ),
        (
            Landmarks(output="coordinates", eyes=((0,), (7,))),
            moved((0, 0)),
            {"points": FACE},
            "the model has points 0 to 3",
        ),
        (Landmarks(output="coordinates", normalise="box"), moved((0, 0)), {"points": FACE}, "no 'box'"),
        (
            Landmarks(output="coordinates", normalise="box"),
            moved((0, 0)),
            {"points": FACE, "box": [5, 5, 1, 9]},
            "box is 0 pixels",
        ),
    ],
)
def test_what_does_not_fit_is_refused(task: Landmarks, output: Any, truth: Any, sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        task.score((output,), [truth])


def test_options() -> None:
    task = open_task(
        spec(output="coordinates", normalise="inter_pupil", eye_left="[36, 37]", eye_right="42", failure_at="0.08")
    )
    assert task == Landmarks("coordinates", "inter_pupil", eyes=((36, 37), (42,)), failure_at=0.08)
    for wrong in (
        {"output": "heatmap", "stride": "4"},
        {"output": "coordinates", "failure_at": "0"},
        {"output": "coordinates", "failure_at": "nan"},
        {"output": "coordinates", "eye_left": "1"},
        {"output": "coordinates", "eye_left": "1", "eye_right": "-2"},
        {"output": "coordinates", "layout": "ibug"},
    ):
        with pytest.raises(TaskError):
            open_task(spec(**wrong))
    with pytest.raises(TaskError, match="needs the option 'stride'"):
        open_task(spec())
