from dataclasses import replace

import pytest

from harness.domain import Backend, Case, ModelRef, RunRecord, Status, VariantFile
from harness.errors import UsageError
from harness.lab.same import require_same_file, wanted_variants

RUN = RunRecord("r1", "trial", "", "", "{}", "0", "2026-01-01T00:00:00Z")
DONE = VariantFile("m", "int8", Status.DONE, sha256="a" * 64, converter="tensorflow 2")
FAILED = replace(DONE, status=Status.FAILED, sha256="", reason="no kernel")


@pytest.mark.parametrize(
    ("before", "now"),
    [(None, DONE), (DONE, DONE), (FAILED, DONE), (FAILED, FAILED), (DONE, replace(FAILED, status=Status.INTERRUPTED))],
)
def test_a_run_goes_on_with_the_same_file_or_the_first_one(before: VariantFile | None, now: VariantFile) -> None:
    require_same_file(RUN, before, now)


@pytest.mark.parametrize("now", [replace(DONE, sha256="b" * 64), FAILED])
def test_another_file_is_refused(now: VariantFile) -> None:
    with pytest.raises(UsageError, match="m int8 is not the file"):
        require_same_file(RUN, DONE, now)


def test_only_what_a_case_needs_is_converted() -> None:
    first, second, third = (ModelRef(name) for name in "abc")
    cases = [
        Case(first, "float32"),
        Case(first, "int8"),
        Case(first, "int8", backend=Backend(threads=2)),
        Case(second, "float32"),
        Case(third, "float32"),
        Case(third, "int8"),
    ]
    assert wanted_variants(cases) == {("float32", "int8"): [first, third], ("float32",): [second]}


def test_what_is_compiled_together_stands_apart_with_all_its_models() -> None:
    one, two = ModelRef("one"), ModelRef("two")
    cases = [Case(one, "int8"), Case(one, "edgetpu"), Case(two, "edgetpu"), Case(two, "qat+edgetpu")]
    assert wanted_variants(cases) == {("int8", "edgetpu"): [one], ("edgetpu", "qat+edgetpu"): [two]}
    assert wanted_variants(cases, together=True) == {
        ("int8",): [one],
        ("edgetpu",): [one, two],
        ("qat+edgetpu",): [two],
    }
