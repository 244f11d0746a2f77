from harness.domain import Case, ModelRef
from harness.lab.assignment import share

A, B, C = ([Case(ModelRef(name), variant) for variant in ("float32", "int8")] for name in "abc")


def test_a_model_stays_on_one_phone_and_the_phones_are_evenly_loaded() -> None:
    chosen = share([*A, *B, *C], ("adb-1", "adb-2"), {}, {})
    assert [{chosen[case] for case in group} for group in (A, B, C)] == [{"adb-1"}, {"adb-2"}, {"adb-1"}]


def test_the_order_of_the_cases_is_kept() -> None:
    mixed = [A[0], B[0], A[1], B[1]]
    assert list(share(mixed, ("adb-1", "adb-2"), {}, {})) == mixed


def test_a_resumed_case_stays_on_its_phone_and_its_model_with_it() -> None:
    chosen = share([*A, *B], ("adb-1", "adb-2"), {A[1].case_id: "adb-2"}, {})
    assert {chosen[case] for case in A} == {"adb-2"}
    assert {chosen[case] for case in B} == {"adb-1"}


def test_a_phone_that_is_gone_keeps_what_it_began() -> None:
    assert set(share(A, ("adb-1",), {A[0].case_id: "adb-9"}, {}).values()) == {"adb-9"}
