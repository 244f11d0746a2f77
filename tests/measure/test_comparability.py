from __future__ import annotations

from dataclasses import replace

import pytest

from harness.domain import CANDIDATE, MeasureSettings, TensorInfo
from harness.measure.comparability import data_reasons, is_same_data, memory_reasons, timing_reasons
from tests.measure.arms import FACTS, FILE, arm, score


def test_arms_of_one_device_and_protocol_may_be_compared() -> None:
    assert timing_reasons(arm(), arm(CANDIDATE)) == ()
    assert data_reasons(arm(accuracy=score(0.7)), arm(CANDIDATE, accuracy=score(0.6))) == ()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"device_id": "adb-2"}, "the device differs: adb-1 and adb-2"),
        ({"model": "Pixel 9"}, "the device model differs: Pixel 8 and Pixel 9"),
        ({"soc": "Tensor G4"}, "the SoC differs: Tensor G3 and Tensor G4"),
        ({"os_build": "AP1A.2"}, "the OS build differs: AP1A.1 and AP1A.2"),
    ],
)
def test_the_fingerprint_of_the_device_must_agree(facts: dict, reason: str) -> None:
    other = arm(CANDIDATE, facts=replace(FACTS, **facts))
    assert timing_reasons(arm(), other) == memory_reasons(arm(), other) == (reason,)
    assert timing_reasons(arm(), other, apart_from=("device",)) == ()


def test_what_is_not_known_is_no_reason() -> None:
    bare = replace(arm(CANDIDATE), facts=None, file=None, row=replace(arm(CANDIDATE).row, device="", device_id=""))
    assert timing_reasons(arm(measure=MeasureSettings()), bare) == ()
    unsaid = arm(CANDIDATE, facts=replace(FACTS, soc="", os_build=""))
    assert timing_reasons(arm(), unsaid) == ()


def test_without_facts_the_row_names_the_device() -> None:
    stored = replace(arm(), facts=None)
    other = replace(arm(CANDIDATE, row={"device_id": "adb-9"}), facts=None)
    assert timing_reasons(stored, other) == ("the device differs: adb-1 and adb-9",)


@pytest.mark.parametrize(
    "field", ["min_s", "min_iterations", "max_s", "warmup_min_s", "warmup_min_iterations", "warmup_max_s", "gap_s"]
)
def test_the_protocol_must_agree_for_times_and_not_for_memory(field: str) -> None:
    base = arm(measure=MeasureSettings())
    other = arm(CANDIDATE, measure=replace(MeasureSettings(), **{field: getattr(MeasureSettings(), field) + 1}))
    (reason,) = timing_reasons(base, other)
    assert reason.startswith(f"the protocol's {field} differs: ")
    assert memory_reasons(base, other) == ()


@pytest.mark.parametrize("field", ["blocks", "seed", "timeout_s"])
def test_how_many_blocks_there_are_is_no_reason(field: str) -> None:
    other = replace(MeasureSettings(), **{field: 77})
    assert timing_reasons(arm(measure=MeasureSettings()), arm(CANDIDATE, measure=other)) == ()


def test_inputs_must_have_one_shape() -> None:
    larger = replace(FILE, inputs=(TensorInfo("x", "float32", (1, 192, 192, 3)),))
    (reason,) = timing_reasons(arm(), arm(CANDIDATE, file=larger))
    assert reason == "the shape of the inputs differs: 1x224x224x3 and 1x192x192x3"
    renamed = replace(FILE, inputs=(TensorInfo("other", "float32", (1, 224, 224, 3)),))
    assert timing_reasons(arm(), arm(CANDIDATE, file=renamed)) == ()


def test_what_a_sample_holds_must_agree_where_a_call_may_only_queue() -> None:
    timed = {"timed": "call"}
    assert timing_reasons(arm(), arm(CANDIDATE, row=timed)) == ()
    (reason,) = timing_reasons(arm(backend={"kind": "gpu"}), arm(CANDIDATE, backend={"kind": "gpu"}, row=timed))
    assert reason == "what a sample holds differs: call+read and call"


def test_only_known_parts_can_be_left_out() -> None:
    with pytest.raises(ValueError, match="devices: one of device, inputs, protocol, timed"):
        timing_reasons(arm(), arm(CANDIDATE), apart_from=("devices",))


def test_what_the_sweep_names_as_data_must_agree_where_no_content_is_known() -> None:
    def named(path: str, dataset_id: str):  # type: ignore[no-untyped-def]
        made = arm(accuracy=score(0.7, dataset_id=dataset_id))
        model = replace(made.case.model, options=(("data", "imagenet"), ("data.path", path), ("weights", "w")))
        return replace(made, case=replace(made.case, model=model))

    (reason,) = data_reasons(named("/a", ""), named("/b", ""))
    assert "data.path=/a" in reason
    assert data_reasons(named("/a", "d1"), named("/b", "d1")) == (), "the same data in another folder"
    assert is_same_data(named("/a", "d1"), named("/b", "d1"))
    assert not is_same_data(named("/a", "d1"), named("/b", "d2"))
    assert not is_same_data(arm(), named("/b", "d2"))
    assert not is_same_data(named("/a", "d1"), arm(accuracy=score(0.7, samples=9))), "another part of it"
