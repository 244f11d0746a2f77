from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.cpus import choose, parse_cpu_list, read_cores
from harness.devices.host import HostDevice
from harness.domain import Core
from harness.errors import UsageError
from tests.devices.machines import desktop, phone_like


def host(root: Path, affinity: range = range(8)) -> HostDevice:
    return HostDevice(root, affinity, vulkan=lambda: ())


def test_big_is_the_core_of_the_highest_capacity(tmp_path: Path) -> None:
    assert host(phone_like(tmp_path)).choose_cpus("big", 1) == (7,)


def test_big_with_threads_goes_on_with_the_next_biggest(tmp_path: Path) -> None:
    assert host(phone_like(tmp_path)).choose_cpus("big", 3) == (4, 6, 7)


def test_an_offline_core_is_never_chosen(tmp_path: Path) -> None:
    device = host(phone_like(tmp_path))
    assert 5 not in device.choose_cpus("all", 1)
    with pytest.raises(UsageError, match=r"core 5 .*offline") as caught:
        device.choose_cpus((5,), 1)
    assert "0, 1, 2, 3, 4, 6, 7" in caught.value.remedy


def test_little_and_cluster_classes(tmp_path: Path) -> None:
    device = host(phone_like(tmp_path))
    assert device.choose_cpus("little", 2) == (2, 3)
    assert device.choose_cpus("big_cluster", 1) == (7,)


def test_the_highest_clock_decides_between_equal_capacities() -> None:
    cores = (Core(0, max_khz=3_000_000), Core(1, max_khz=3_400_000), Core(2, max_khz=3_000_000))
    assert choose("big", 1, cores, {}) == (1,)
    assert choose("big_cluster", 1, cores, {}) == (1,)


def test_alike_cores_leave_core_0_to_the_controller(tmp_path: Path) -> None:
    device = host(desktop(tmp_path))
    assert device.choose_cpus("big", 1) == (3,)
    assert any("homogeneous" in note and "core 3" in note for note in device.facts().notes)


def test_threads_take_whole_cores_before_second_hardware_threads(tmp_path: Path) -> None:
    assert host(desktop(tmp_path)).choose_cpus("big", 2) == (2, 3)
    assert host(desktop(tmp_path, cores=8)).choose_cpus("big", 4) == (4, 5, 6, 7)


def test_alike_cores_have_no_little_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="alike"):
        host(desktop(tmp_path)).choose_cpus("little", 1)


def test_the_affinity_mask_limits_the_choice(tmp_path: Path) -> None:
    device = host(phone_like(tmp_path), range(4))
    assert device.choose_cpus("big", 1) == (3,)
    with pytest.raises(UsageError, match="core 7"):
        device.choose_cpus((7,), 1)


@pytest.mark.parametrize("bad", ["huge", ""])
def test_an_unknown_class_names_the_known_ones(tmp_path: Path, bad: str) -> None:
    with pytest.raises(UsageError) as caught:
        host(phone_like(tmp_path)).choose_cpus(bad, 1)
    assert "big_cluster" in caught.value.remedy


def test_explicit_cores_are_sorted_and_unique(tmp_path: Path) -> None:
    assert host(phone_like(tmp_path)).choose_cpus((6, 1, 6), 2) == (1, 6)
    with pytest.raises(UsageError):
        host(phone_like(tmp_path)).choose_cpus((), 1)


def test_a_machine_without_cpu_files_has_core_0(tmp_path: Path) -> None:
    assert [core.index for core in read_cores(tmp_path)] == [0]


@given(st.sets(st.integers(0, 200)))
def test_cpu_lists_round_trip(indices: set[int]) -> None:
    assert parse_cpu_list(",".join(map(str, sorted(indices)))) == tuple(sorted(indices))


def test_cpu_list_ranges() -> None:
    assert parse_cpu_list("0-2,5\n") == (0, 1, 2, 5)


@given(
    st.lists(
        st.tuples(st.sampled_from([None, 300, 1024]), st.sampled_from([None, 2_000_000])), min_size=1, max_size=16
    ),
    st.integers(1, 20),
)
def test_big_never_leaves_out_a_bigger_core(kinds: list[tuple[int | None, int | None]], threads: int) -> None:
    cores = tuple(Core(index, True, *kind) for index, kind in enumerate(kinds))
    chosen = choose("big", threads, cores, {})
    sizes = {core.index: (core.capacity or 0, core.max_khz or 0) for core in cores}
    assert len(chosen) == min(threads, len(cores))
    left = [sizes[core.index] for core in cores if core.index not in chosen]
    assert not left or max(left) <= min(sizes[index] for index in chosen)
