from dataclasses import asdict, replace

import pytest

from harness.content import content_id
from harness.domain import Backend, Case, Coverage, ModelRef, RuntimeRef, Target

CASE = Case(
    ModelRef("a", "/m/a.tflite", (("weights", "random"),)),
    "int8",
    Target("adb", (("serial", "0123"),)),
    Backend(threads=4, cores=(1, 2), xnnpack=False),
    RuntimeRef("litert", "/opt/python"),
)


def test_a_case_id_is_the_hash_of_the_whole_value() -> None:
    plain = asdict(CASE)
    del plain["model"]["recipe"], plain["arm"]
    assert CASE.case_id == content_id(plain), "cases stored before a model had a recipe, or an arm, keep their ids"
    assert CASE.case_id == replace(CASE).case_id, "asking once does not change it"
    assert len(CASE.case_id) == 12


@pytest.mark.parametrize(
    "change",
    [
        {"variant": "float32"},
        {"model": ModelRef("b")},
        {"model": replace(CASE.model, recipe="digits_cnn")},
        {"target": Target()},
        {"backend": Backend(threads=2)},
        {"runtime": RuntimeRef()},
        {"arm": "candidate"},
    ],
)
def test_every_part_of_a_case_is_in_its_id(change: dict[str, object]) -> None:
    assert replace(CASE, **change).case_id != CASE.case_id  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("delegated", "total", "kind"),
    [(None, 66, "unknown"), (0, None, "unknown"), (0, 66, "none"), (1, 66, "partial"), (66, 66, "full")],
)
def test_coverage_kinds(delegated: int | None, total: int | None, kind: str) -> None:
    assert Coverage("XNNPACK", delegated, total).kind == kind


def test_labels_are_for_people() -> None:
    assert CASE.label == "a int8 · cpu builtin 4 threads · adb serial=0123 · litert (/opt/python)"
    assert replace(CASE, runtime=RuntimeRef()).label.endswith("adb serial=0123"), "the usual runtime is not named"
    assert Backend(kernels="reference", xnnpack=False).label == "cpu reference"
    assert Backend("gpu").label == "gpu"
    assert CASE.backend.cores_label == "1,2"
