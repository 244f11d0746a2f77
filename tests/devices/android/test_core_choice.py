from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.android.core_choice import choose_cores
from harness.devices.android.facts import PhoneCore, PhoneFacts
from harness.devices.android.facts_cores import cpus_of_mask, taskset_mask
from harness.errors import UsageError


def cores(*kinds: tuple[int, dict[str, object]]) -> tuple[PhoneCore, ...]:
    """So many cores of each kind, each kind a cluster."""
    made: list[PhoneCore] = []
    for count, kind in kinds:
        first = len(made)
        made += [PhoneCore(**{"index": first + n, "cluster": first, **kind}) for n in range(count)]  # type: ignore[arg-type]
    return tuple(made)


LITTLE, MIDDLE, PRIME = (
    {"capacity": 250, "max_khz": 1_704_000, "part": "41:d46"},
    {"capacity": 620, "max_khz": 2_367_000, "part": "41:d4d"},
    {"capacity": 1024, "max_khz": 2_914_000, "part": "41:d4e"},
)
PIXEL = PhoneFacts(cores=cores((4, LITTLE), (3, MIDDLE), (1, PRIME)))


def changed(facts: PhoneFacts, index: int, **fields: object) -> PhoneFacts:
    return replace(
        facts,
        cores=tuple(
            replace(core, **fields) if core.index == index else core  # type: ignore[arg-type]
            for core in facts.cores
        ),
    )


@pytest.mark.parametrize(
    ("setting", "threads", "cpus"),
    [
        ("big", 1, (7,)),
        ("big", 2, (6, 7)),
        ("big_cluster", 1, (7,)),
        ("little", 2, (2, 3)),
        ("all", 1, tuple(range(8))),
        ((6, 4), 1, (4, 6)),
    ],
)
def test_one_prime_three_middle_four_little(
    setting: str | tuple[int, ...], threads: int, cpus: tuple[int, ...]
) -> None:
    choice = choose_cores(PIXEL, setting, threads)
    assert choice.cpus == cpus
    assert choice.notes == ()


def test_an_offline_core_is_passed_over_and_said() -> None:
    choice = choose_cores(changed(PIXEL, 7, online=False), "big")
    assert choice.cpus == (6,)
    assert choice.notes == ("cores that may be as big as core 6 cannot be used: 7 (offline)",)
    assert choose_cores(changed(PIXEL, 7, online=False), "big_cluster").cpus == (4, 5, 6)
    with pytest.raises(UsageError, match="core 7"):
        choose_cores(changed(PIXEL, 7, online=False), (7,))


def test_an_offline_core_of_unknown_size_may_be_the_big_one() -> None:
    unknown = changed(PIXEL, 7, online=False, capacity=None, max_khz=None)
    assert "7 (offline)" in choose_cores(unknown, "big").notes[0]
    assert choose_cores(changed(PIXEL, 0, online=False), "big").notes == ()


def test_isolated_cores_are_taken_by_name_only() -> None:
    facts = changed(PIXEL, 7, isolated=True)
    choice = choose_cores(facts, "big")
    assert choice.cpus == (6,)
    assert "7 (isolated)" in choice.notes[0]
    named = choose_cores(facts, (7,))
    assert named.cpus == (7,)
    assert "isolated" in named.notes[0]


def test_the_shells_mask_counts_where_pinning_was_seen_to_work() -> None:
    masked = replace(PIXEL, allowed=(0, 1, 2, 3, 4, 5, 6))
    assert choose_cores(masked, "big").cpus == (7,)
    choice = choose_cores(replace(masked, pinning=True), "big")
    assert choice.cpus == (6,)
    assert "7 (outside the shell's mask)" in choice.notes[0]


def test_without_capacities_in_order_cores_are_little_whatever_their_clock() -> None:
    facts = PhoneFacts(
        cores=cores((4, {"max_khz": 2_200_000, "part": "41:d03"}), (2, {"max_khz": 1_800_000, "part": "41:d09"}))
    )
    choice = choose_cores(facts, "big")
    assert choice.cpus == (5,)
    assert "microarchitecture" in choice.notes[0]
    assert choose_cores(facts, "big_cluster").cpus == (4, 5)
    assert choose_cores(facts, "little", 4).cpus == (0, 1, 2, 3)


def test_capacities_that_are_all_alike_tell_nothing() -> None:
    facts = PhoneFacts(
        cores=cores((4, {"capacity": 1024, "part": "41:d05"}), (4, {"capacity": 1024, "part": "41:d0b"}))
    )
    assert choose_cores(facts, "big_cluster").cpus == (4, 5, 6, 7)


def test_by_clock_alone() -> None:
    facts = PhoneFacts(cores=cores((4, {"max_khz": 2_000_000}), (4, {"max_khz": 1_500_000})))
    choice = choose_cores(facts, "big")
    assert choice.cpus == (3,)
    assert "clocks alone" in choice.notes[0]


def test_alike_cores_are_told_by_index_and_that_is_said() -> None:
    choice = choose_cores(PhoneFacts(cores=cores((8, {"capacity": 1024, "max_khz": 1_400_000}))), "big")
    assert choice.cpus == (7,)
    assert "look alike" in choice.notes[0]


def test_a_core_without_a_capacity_among_others_is_said() -> None:
    choice = choose_cores(changed(PIXEL, 3, capacity=None), "big")
    assert choice.cpus == (7,)
    assert choice.notes == ("the capacity of core 3 is not known: taken for little",)


def test_a_higher_clock_elsewhere_is_said() -> None:
    choice = choose_cores(changed(PIXEL, 4, max_khz=3_200_000), "big")
    assert choice.cpus == (7,)
    assert "core 4 has the higher clock" in choice.notes[0]


def test_a_phone_that_tells_no_cores() -> None:
    with pytest.raises(UsageError, match="no core"):
        choose_cores(PhoneFacts(), "big")
    assert choose_cores(PhoneFacts(), (7,)).cpus == (7,)


def test_masks_are_bare_lower_case_hex() -> None:
    assert taskset_mask((7,)) == "80"
    assert taskset_mask((4, 5, 6, 7)) == "f0"
    assert taskset_mask((11, 9)) == "a00"
    assert taskset_mask((40,)) == "10000000000"


@given(st.sets(st.integers(0, 200), min_size=1))
def test_masks_round_trip(cpus: set[int]) -> None:
    mask = taskset_mask(cpus)
    assert mask == mask.lower()
    assert "x" not in mask
    assert cpus_of_mask(mask) == tuple(sorted(cpus))


@pytest.mark.parametrize(
    ("text", "cpus"), [("\tff\n", tuple(range(8))), ("1,00000001", (0, 32)), ("0", None), ("", None), ("0xff", None)]
)
def test_masks_as_the_kernel_prints_them(text: str, cpus: tuple[int, ...] | None) -> None:
    assert cpus_of_mask(text) == cpus
