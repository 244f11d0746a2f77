from __future__ import annotations

import pytest

from harness.accuracy.base import TaskSpec
from harness.accuracy.task_options import check_names, choice, number, whole_number
from harness.errors import TaskError

SPEC = TaskSpec("landmarks", (("layout", "wflw98"), ("count", "12"), ("share", "0.25"), ("empty", "")))


def test_values_and_defaults() -> None:
    check_names(SPEC, ("layout", "count", "share", "empty", "other"))
    assert choice(SPEC, "layout", ("wflw98", "ibug68"), "ibug68") == "wflw98"
    assert choice(SPEC, "other", ("a", "b"), "b") == "b"
    assert whole_number(SPEC, "count", 3, least=0, most=12) == 12
    assert whole_number(SPEC, "other", 3, least=0, most=12) == 3
    assert number(SPEC, "share", 0.5, least=0.0, most=1.0) == 0.25
    assert number(SPEC, "other", 0.1) == 0.1


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TaskError, match="landmarks has no option 'share'") as caught:
        check_names(SPEC, ("layout", "count"))
    assert "count, layout" in caught.value.remedy


@pytest.mark.parametrize(("least", "most"), [(0, 11), (13, 20)])
def test_a_number_out_of_range_is_refused(least: int, most: int) -> None:
    with pytest.raises(TaskError, match=r"'count' of the task landmarks cannot be '12'") as caught:
        whole_number(SPEC, "count", least, least=least, most=most)
    assert f"from {least} to {most}" in caught.value.remedy
    with pytest.raises(TaskError):
        number(SPEC, "count", least, least=least, most=most)


@pytest.mark.parametrize("text", ["", "abc", "1.5", "nan", "inf", "1e400"])
def test_no_number(text: str) -> None:
    spec = TaskSpec("speech", (("blank", text),))
    with pytest.raises(TaskError, match="blank"):
        whole_number(spec, "blank", 0, least=0, most=10)
    if text != "1.5":
        with pytest.raises(TaskError, match="blank"):
            number(spec, "blank", 0.0)


def test_another_word_is_refused_with_those_allowed() -> None:
    with pytest.raises(TaskError, match="layout") as caught:
        choice(SPEC, "layout", ("ibug68", "cofw29"), "ibug68")
    assert "ibug68, cofw29" in caught.value.remedy
