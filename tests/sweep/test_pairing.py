from dataclasses import replace

import pytest

from harness.domain import BASE, CANDIDATE, Backend, ModelRef, RuntimeRef, Target
from harness.sweep import Pairing, Sweep, pair_sweeps, pair_with_itself, series_label
from tests.sweep.sweeps import parse

OLD = Sweep("s", (ModelRef("m", "old.tflite"), ModelRef("n", "n.tflite")), ("int8", "float32"))


def names(pairing: Pairing) -> list[tuple[str, str, str | None, str | None]]:
    return [
        (pair.base.model.name, pair.base.variant, pair.base.model.file, pair.candidate.model.file)
        for pair in pairing.pairs
    ]


def test_a_model_of_the_same_name_is_compared_whatever_its_file() -> None:
    new = replace(OLD, models=(ModelRef("n", "n2.tflite"), ModelRef("m", "new.tflite")))
    assert names(pair_sweeps(OLD, new)) == [
        ("m", "int8", "old.tflite", "new.tflite"),
        ("m", "float32", "old.tflite", "new.tflite"),
        ("n", "int8", "n.tflite", "n2.tflite"),
        ("n", "float32", "n.tflite", "n2.tflite"),
    ]


def test_the_arms_have_names_and_ids_of_their_own() -> None:
    for pairing in (pair_sweeps(OLD, OLD), pair_with_itself(OLD)):
        for pair in pairing.pairs:
            assert (pair.base.arm, pair.candidate.arm) == (BASE, CANDIDATE)
            assert pair.candidate.model.name == f"{pair.base.model.name}-candidate"
            assert pair.candidate.case_id != pair.base.case_id
            assert pair.candidate.model.file == pair.base.model.file


def test_a_recipe_stays_the_recipe_under_its_second_name() -> None:
    pair = pair_with_itself(parse("models: [digits_cnn]\nvariants: [int8]")).pairs[0]
    assert pair.candidate.model == ModelRef("digits_cnn-candidate", recipe="digits_cnn")


def test_a_name_that_is_taken_is_not_taken_twice() -> None:
    sweep = replace(OLD, models=(ModelRef("m"), ModelRef("m-candidate")), variants=("int8",))
    pairs = pair_with_itself(sweep).pairs
    given = [case.model.name for pair in pairs for case in (pair.base, pair.candidate)]
    assert len(set(given)) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"runtimes": (RuntimeRef("litert", "/new/python"),)},
        {"backends": (Backend(threads=4),)},
        {"variants": ("int8",), "models": (ModelRef("other", "o.tflite"),)},
    ],
)
def test_what_one_axis_changes_is_matched_by_its_place(change: dict[str, object]) -> None:
    base = replace(OLD, models=OLD.models[:1], variants=("int8",), runtimes=(RuntimeRef("litert", "/old/python"),))
    pairing = pair_sweeps(base, replace(base, **change))  # type: ignore[arg-type]
    assert len(pairing.pairs) == 1
    assert (pairing.only_base, pairing.only_candidate) == ((), ())


def test_cases_without_a_counterpart_are_told() -> None:
    new = replace(OLD, models=(OLD.models[0], ModelRef("p", "p.tflite")), variants=("int8",))
    pairing = pair_sweeps(OLD, new)
    assert names(pairing) == [("m", "int8", "old.tflite", "old.tflite")]
    assert [(case.model.name, case.variant) for case in pairing.only_base] == [
        ("m", "float32"),
        ("n", "int8"),
        ("n", "float32"),
    ]
    assert [case.model.name for case in pairing.only_candidate] == ["p"]


def test_a_series_is_the_same_from_build_to_build() -> None:
    moved = replace(OLD, models=(ModelRef("m", "/builds/7/m.tflite"),), runtimes=(RuntimeRef("litert", "/py7"),))
    later = replace(OLD, models=(ModelRef("m", "/builds/8/m.tflite"),), runtimes=(RuntimeRef("litert", "/py8"),))
    one, two = pair_with_itself(moved).pairs[0], pair_with_itself(later).pairs[0]
    assert (one.series, one.series_id) == (two.series, two.series_id)
    assert one.series == "m int8 · cpu xnnpack 1 thread · host"


def test_two_series_are_never_called_the_same() -> None:
    sweep = parse(
        "models: [digits_cnn]\nvariants: [int8]\nbackends: [cpu, {cpu: {cores: little}}]\n"
        "runtimes: [litert, {litert: {python: /p}}]"
    )
    series = [pair.series for pair in pair_with_itself(sweep).pairs]
    assert len(set(series)) == 4
    assert series[0].endswith("host")
    assert series[1].endswith("host · /p")


@pytest.mark.parametrize(
    ("runtimes", "told"),
    [
        (("/opt/old/bin/python", "/opt/new/bin/python"), ("old", "new")),
        (("/opt/a/x/python", "/opt/b/x/python", "/opt/c/x/python"), ("a", "b", "c")),
        (("/opt/python3.10", "/opt/python3.11"), ("python3.10", "python3.11")),
    ],
)
def test_what_differs_by_its_path_only_is_called_by_what_tells_the_paths_apart(
    runtimes: tuple[str, ...], told: tuple[str, ...]
) -> None:
    sweep = replace(OLD, runtimes=tuple(RuntimeRef("litert", path) for path in runtimes))
    series = [pair.series for pair in pair_with_itself(sweep).pairs]
    assert series[: len(told)] == [f"m int8 · cpu xnnpack 1 thread · host · {part}" for part in told]


def test_libraries_of_a_delegate_are_told_apart_too() -> None:
    backends = tuple(Backend("gpu", options=(("library", f"/lib/{name}/libdelegate.so"),)) for name in ("v1", "v2"))
    series = [pair.series for pair in pair_with_itself(replace(OLD, backends=backends)).pairs]
    assert [one.rpartition(" · ")[2] for one in series[:2]] == ["v1", "v2"]


def test_a_runtime_that_is_not_the_usual_one_is_named() -> None:
    case = pair_with_itself(replace(OLD, targets=(Target("adb"),), runtimes=(RuntimeRef("device_runner"),))).pairs[0]
    assert series_label(case.base).endswith("adb · device_runner")
