from __future__ import annotations

import platform
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.assets import folder
from tests.devices.machines import cpu, write

sys.path.insert(0, str(folder("device_scripts")))
import clock_probe

needs_chain = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="no add chain for this machine"
)


@needs_chain
def test_the_chain_gives_a_plausible_and_repeatable_clock() -> None:
    chain = clock_probe.AddChain.create()
    assert chain is not None
    best = max(chain.ghz() for _ in range(5))
    assert 0.3 < best < 8
    begin = time.perf_counter()
    chain.ghz()
    assert time.perf_counter() - begin < 0.5


@needs_chain
def test_the_code_adds_one_at_a_time() -> None:
    chain = clock_probe.AddChain.create()
    assert chain._function(1000) == 1000 * clock_probe.ADDS_PER_LOOP


def test_there_is_no_chain_for_an_unknown_machine() -> None:
    assert clock_probe.AddChain.create("riscv64") is None


def test_a_policy_that_forbids_executable_pages_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        class mprotect:  # noqa: N801 - named as in libc
            argtypes: tuple[object, ...] = ()

            def __new__(cls, *_: object) -> int:  # type: ignore[misc]
                return -1

    monkeypatch.setattr(clock_probe.ctypes, "CDLL", lambda *_, **__: Refusing)
    assert clock_probe.AddChain.create("x86_64") is None


@pytest.mark.skipif(shutil.which("llvm-mc") is None, reason="needs llvm-mc")
@pytest.mark.parametrize(
    ("machine", "triple", "last"),
    [("aarch64", "aarch64", ["subs x0, x0, #1", "b.ne #-260", "mov x0, x2", "ret"])],
)
def test_the_aarch64_code_is_what_it_says(machine: str, triple: str, last: list[str]) -> None:
    code = clock_probe.machine_code(machine)
    text = " ".join(f"0x{byte:02x}" for byte in code)
    command = ["llvm-mc", "--disassemble", f"--triple={triple}"]
    out = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    lines = [" ".join(line.split()) for line in out.splitlines() if not line.strip().startswith(".")]
    assert lines[:3] == ["mov x1, #1", "mov x2, #0", "add x2, x2, x1"]
    assert lines.count("add x2, x2, x1") == clock_probe.ADDS_PER_LOOP
    assert lines[-4:] == last


def test_the_x86_loop_jumps_to_its_first_add() -> None:
    code = clock_probe.machine_code("x86_64")
    first_add = code.index(b"\x48\x01\xd0")
    jump = code.index(b"\x0f\x85")
    (offset,) = struct.unpack("<i", code[jump + 2 : jump + 6])
    assert jump + 6 + offset == first_add


class Chain:
    """A core whose effective clock is told in advance."""

    def __init__(self, *ghz: float) -> None:
        self._ghz: Iterator[float] = iter(ghz)

    def ghz(self) -> float:
        return next(self._ghz)


def observe(root: Path, cpus: list[int], chain: Chain | None, between: dict[str, str], window_s: float = 0.12) -> dict:
    observer = clock_probe.Observer(cpus, root=root, chain=chain)
    observer.before()
    observer.open_window()
    time.sleep(window_s)
    write(root, between)
    observer.close_window()
    observer.after()
    return observer.report()


STAT = "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 {0} 0 0 0 0 0 0\ncpu3 {1} 0 0 {2} 0 0 0 {3} 0 0\n"


def test_time_in_state_is_the_first_choice(tmp_path: Path) -> None:
    before = cpu(3, cpufreq__stats__time_in_state="1000000 50\n3000000 100\n", cpufreq__cpuinfo_max_freq="3000000")
    write(tmp_path, before | cpu(3, cpufreq__scaling_cur_freq="2000000"))
    after = cpu(3, cpufreq__stats__time_in_state="1000000 75\n3000000 175\n")
    report = observe(tmp_path, [3], Chain(2.5, 2.5), after)
    assert report["clock_source"] == "time_in_state"
    assert report["clock_share"] == pytest.approx(2.5 / 3)  # 25 ticks at 1 GHz, 75 at 3 GHz
    assert (report["clock_start_ghz"], report["clock_end_ghz"]) == (2.0, 2.0)
    assert report["notes"] == []


def test_a_mean_does_not_hide_that_the_clock_fell(tmp_path: Path) -> None:
    before = cpu(3, cpufreq__stats__time_in_state="1500000 0\n3000000 100\n", cpufreq__cpuinfo_max_freq="3000000")
    write(tmp_path, before | cpu(3, cpufreq__scaling_cur_freq="3000000"))
    after = cpu(3, cpufreq__stats__time_in_state="1500000 50\n3000000 150\n", cpufreq__scaling_cur_freq="1500000")
    report = observe(tmp_path, [3], None, after)
    assert (report["clock_source"], report["clock_share"]) == ("time_in_state", pytest.approx(0.75))
    assert (report["clock_start_ghz"], report["clock_end_ghz"]) == (3.0, 1.5)


def test_a_mean_alone_has_no_ends(tmp_path: Path) -> None:
    write(tmp_path, cpu(3, cpufreq__stats__time_in_state="3000000 100\n", cpufreq__cpuinfo_max_freq="3000000"))
    report = observe(tmp_path, [3], None, cpu(3, cpufreq__stats__time_in_state="3000000 150\n"))
    assert (report["clock_start_ghz"], report["clock_end_ghz"], report["clock_share"]) == (None, None, 1.0)


def test_current_frequency_is_the_second(tmp_path: Path) -> None:
    write(tmp_path, cpu(3, cpufreq__scaling_cur_freq="3000000", cpufreq__cpuinfo_max_freq="4000000"))
    report = observe(tmp_path, [3], None, cpu(3, cpufreq__scaling_cur_freq="2000000"))
    assert report["clock_source"] == "scaling_cur_freq"
    assert (report["clock_start_ghz"], report["clock_end_ghz"], report["clock_share"]) == (3.0, 2.0, 0.5)


def test_the_chain_is_the_third_and_contradicts_the_kernel_aloud(tmp_path: Path) -> None:
    report = observe(tmp_path / "vm", [3], Chain(3.0, 2.4), {})
    assert report["clock_source"] == "add_chain"
    assert (report["clock_start_ghz"], report["clock_end_ghz"], report["clock_share"]) == (3.0, 2.4, None)
    write(tmp_path, cpu(3, cpufreq__scaling_cur_freq="3000000"))
    report = observe(tmp_path, [3], Chain(2.0, 2.0), {})
    assert "chain of dependent adds ran at 2.00 GHz" in report["notes"][0]


def test_without_any_source_there_is_no_claim(tmp_path: Path) -> None:
    report = observe(tmp_path, [3], None, {})
    assert all(report[name] is None for name in ("clock_source", "clock_start_ghz", "foreign_load", "temp_end_c"))


def test_foreign_load_is_the_pinned_cores_time_without_our_own(tmp_path: Path) -> None:
    write(tmp_path, {"proc/stat": STAT.format(0, 0, 0, 0)})
    report = observe(tmp_path, [3], None, {"proc/stat": STAT.format(0, 4, 8, 2)})
    # 6 of the window's ~12 ticks of 10 ms were busy, a little of it maybe ours.
    assert 0.2 < report["foreign_load"] < 0.55
    assert "hypervisor" in report["notes"][0]


def test_load_on_other_cores_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, {"proc/stat": STAT.format(0, 0, 0, 0)})
    assert observe(tmp_path, [3], None, {"proc/stat": STAT.format(500, 0, 12, 0)})["foreign_load"] < 0.05


def test_waiting_for_the_core_is_a_share_of_the_window(tmp_path: Path) -> None:
    write(tmp_path, {"proc/thread-self/schedstat": "100 1000000 5"})
    report = observe(tmp_path, [3], None, {"proc/thread-self/schedstat": "100 61000000 9"})
    assert 0.2 < report["wait_share"] < 0.55


def test_the_hottest_cpu_sensor_counts_and_dead_ones_do_not(tmp_path: Path) -> None:
    files = {
        "sys/class/thermal/thermal_zone0/type": "battery\n",
        "sys/class/thermal/thermal_zone0/temp": "99000\n",
        "sys/class/thermal/thermal_zone1/type": "cpu-1-0-usr\n",
        "sys/class/thermal/thermal_zone1/temp": "41500\n",
        "sys/class/hwmon/hwmon0/name": "k10temp\n",
        "sys/class/hwmon/hwmon0/temp1_input": "47250\n",
        "sys/class/hwmon/hwmon0/temp2_input": "-273000\n",
    }
    assert clock_probe.temperature_c(write(tmp_path, files)) == 47.25
    assert clock_probe.temperature_c(tmp_path / "none") is None
