from __future__ import annotations

from harness.prepare.group import Group, grouped


def test_names_are_grouped_by_technique_and_the_plain_group_is_always_there() -> None:
    assert grouped(["pruned", "int8", "pruned+int8", "qat", "float32"]) == (
        Group("", ("int8", "float32")),
        Group("pruned", ("float32", "int8")),
        Group("qat", ("int8",)),
    )
    assert grouped(["qat"])[0] == Group("", ())


def test_what_is_compiled_of_a_file_asks_for_that_file() -> None:
    assert grouped(["edgetpu", "int8", "qat+edgetpu", "pruned+edgetpu"]) == (
        Group("", ("int8",)),
        Group("qat", ("int8",)),
        Group("pruned", ("int8",)),
    )


def test_what_was_trained_for_integers_has_no_float_file() -> None:
    assert Group("pruned", ("int8",)).base == "float32"
    assert Group("", ("int8",)).base == "float32"
    assert Group("pruned_qat", ("int8",)).base is None


def test_names_are_the_shortest() -> None:
    assert Group("pruned", ("float32", "int8")).names == ("pruned", "pruned+int8")
    assert Group("qat", ("int8", "full_integer")).names == ("qat", "qat+full_integer")
