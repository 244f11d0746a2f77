from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.domain import MappedOperator
from harness.prepare.edgetpu.log import CompilerLog, ModelLog, parse_log, with_operation_log
from harness.units import parse_size_bytes

LOGS = Path(__file__).with_name("logs")
PUBLISHED = {path.stem: path.read_text(encoding="utf-8") for path in sorted(LOGS.glob("*.txt"))}


def only(name: str) -> ModelLog:
    [block] = parse_log(PUBLISHED[name]).models
    return block


def test_counts_and_memory_of_a_partly_mapped_model() -> None:
    log = parse_log(PUBLISHED["16.0_partial"])
    block = only("16.0_partial")
    assert (log.version, log.succeeded) == ("16.0.384591198", True)
    assert (block.input, block.output, block.operation_log) == ("m.tflite", "m_edgetpu.tflite", "m_edgetpu.log")
    assert (block.mapped, block.on_cpu, block.operations, block.subgraphs) == (264, 3, 267, 1)
    assert block.on_chip_used_bytes == round(4.21 * 2**20)
    assert block.on_chip_remaining_bytes == round(3.29 * 2**20)
    assert block.off_chip_bytes == 0


def test_without_count_lines_everything_is_mapped() -> None:
    block = only("16.0_whole")
    assert (block.mapped, block.on_cpu) == (50, 0)
    assert block.on_chip_used_bytes == round(604.5 * 1024)
    assert block.off_chip_bytes == round(3.45 * 2**20)


def test_without_count_lines_and_subgraphs_nothing_is_mapped() -> None:
    text = PUBLISHED["16.0_whole"].replace("subgraphs: 1", "subgraphs: 0")
    [block] = parse_log(text).models
    assert (block.mapped, block.on_cpu) == (0, 50)


def test_a_paragraph_on_partial_mapping_without_its_counts_says_nothing_of_them() -> None:
    text = re.sub("Number of operations that will run on .*\n", "", PUBLISHED["16.0_partial"])
    [block] = parse_log(text).models
    assert (block.mapped, block.on_cpu) == (None, None)


def test_nothing_mapped_in_spite_of_success() -> None:
    log = parse_log(PUBLISHED["16.0_nothing"])
    assert log.succeeded
    assert (log.models[0].mapped, log.models[0].on_cpu, log.models[0].subgraphs) == (0, 368, 0)


def test_the_table_of_operators_with_several_rows_of_one_kind() -> None:
    block = only("2.1_table")
    assert MappedOperator("CONCATENATION", 1, "More than one subgraph is not supported") in block.operators
    assert MappedOperator("CONCATENATION", 3, "Mapped to Edge TPU") in block.operators
    assert sum(one.count for one in block.operators) == 93
    assert sum(one.count for one in block.operators if one.mapped) == block.mapped == 83
    assert (
        MappedOperator("RESHAPE", 6, "Tensor has unsupported rank (up to 3 innermost dimensions mapped)")
        in block.operators
    )


def test_the_words_of_version_2_for_what_is_left_on_the_chip() -> None:
    block = only("2.0")
    assert block.on_chip_remaining_bytes == round(7.96 * 2**20)
    assert (block.mapped, block.on_cpu) == (24, 0)


def test_models_that_were_compiled_together_have_a_block_each() -> None:
    log = parse_log(PUBLISHED["16.0_together"])
    assert log.succeeded
    first, second = log.of("1_edgetpu.tflite"), log.of("2_edgetpu.tflite")
    assert first is not None
    assert second is not None
    assert (first.operations, second.operations) == (57, 6)
    assert log.of("3_edgetpu.tflite") is None


def test_a_search_that_fails_first_succeeds() -> None:
    log = parse_log(PUBLISHED["16.0_search"])
    assert log.succeeded
    assert [one.count for one in log.models[0].operators] == [80, 4]


@pytest.mark.parametrize("end", ["Compilation failed! ", "Internal compiler error. Aborting! "])
def test_what_fails_last_failed(end: str) -> None:
    assert not parse_log(f"{PUBLISHED['16.0_whole']}\n{end}\n").succeeded


def test_counts_that_contradict_their_total_are_not_believed() -> None:
    text = PUBLISHED["16.0_partial"].replace("on CPU: 3", "on CPU: 4")
    [block] = parse_log(text).models
    assert (block.mapped, block.on_cpu) == (None, None)


def test_line_ends_of_other_systems_and_bytes_that_are_no_text() -> None:
    text = PUBLISHED["16.0_partial"].replace("\n", "\r\n") + "\ufffd\x00\x1b[31m\r\n"
    assert parse_log(text) == parse_log(PUBLISHED["16.0_partial"])


def test_the_operation_log_fills_in_for_a_table_that_was_not_printed() -> None:
    text = "Edge TPU Compiler version 16.0.384591198\nInput: m.tflite\nOutput: m_edgetpu.tflite\n\n"
    text += "Operator                       Count      Status\n\nADD                   2          Mapped to Edge TPU\n"
    block = with_operation_log(only("16.0_partial"), text)
    assert block.operators == (MappedOperator("ADD", 2, "Mapped to Edge TPU"),)
    assert with_operation_log(only("2.1_table"), text) == only("2.1_table")
    assert with_operation_log(only("16.0_partial"), "nothing of use") == only("16.0_partial")


def test_what_could_command_a_terminal_does_not_come_through() -> None:
    text = "Input model: \x1b[31mm.tflite\nOperator  Count  Status\nADD\x1b[2J    1    Map\x07ped\n"
    [block] = parse_log(text).models
    assert block.input == "[31mm.tflite"
    assert block.operators == (MappedOperator("ADD [2J", 1, "Map ped"),)


def test_an_empty_text_says_nothing() -> None:
    assert parse_log("") == CompilerLog()


# ---- any text --------------------------------------------------------------------------------------------------------

Edit = tuple[int, int, str]
_EDITS = st.lists(
    st.tuples(
        st.integers(0, 2000), st.integers(0, 60), st.text(max_size=12) | st.sampled_from(["\n", "9", ": ", "MiB"])
    ),
    max_size=8,
)


def mutated(text: str, edits: list[Edit]) -> str:
    for at, cut, put in edits:
        text = text[:at] + put + text[at + cut :]
    return text


def numbers_in(text: str) -> set[int]:
    """Every number that stands in `text`, and every size, in bytes."""
    found = {int(one) for one in re.findall(r"[0-9]+", text)}
    for begin in re.finditer(r"(?=([0-9]{1,9}(?:\.[0-9]{1,6})?\s?(?:B|KiB|MiB|GiB)))", text, re.ASCII):
        found.add(parse_size_bytes(begin[1]))
    return found


def numbers_of(block: ModelLog) -> set[int]:
    values = [block.on_chip_used_bytes, block.on_chip_remaining_bytes, block.off_chip_bytes, block.subgraphs]
    values += [block.operations, block.counted_mapped, block.counted_on_cpu, *(one.count for one in block.operators)]
    return {value for value in values if value is not None}


@given(st.sampled_from(sorted(PUBLISHED)), _EDITS)
def test_a_damaged_log_gives_no_number_that_is_not_in_it(name: str, edits: list[Edit]) -> None:
    text = mutated(PUBLISHED[name], edits)
    log = parse_log(text)
    for block in log.models:
        assert numbers_of(block) <= numbers_in(text)
        if block.mapped is not None and block.on_cpu is not None and block.operations is not None:
            assert block.mapped + block.on_cpu == block.operations


@given(st.text() | st.binary().map(lambda raw: raw.decode(errors="replace")))
def test_any_text_is_survived(text: str) -> None:
    log = parse_log(text)
    for block in log.models:
        assert numbers_of(block) <= numbers_in(text)


def test_a_line_without_end_and_numbers_without_end_are_survived() -> None:
    text = "Input model: m\nTotal number of operations: " + "9" * 1_000_000 + "\nOn-chip memory used for caching "
    text += "model parameters: " + "9" * 500 + "MiB\nOperator  Count  Status\n" + "A  " * 2_000_000
    [block] = parse_log(text).models
    assert block.operations is None
    assert block.on_chip_used_bytes is None
