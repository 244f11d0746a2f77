"""The telemetry script in real shells, over files that change while it runs; and what keeps its samples."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.assets import folder
from harness.devices.android.sample import CoreSample, Sample
from harness.devices.android.telemetry import Telemetry, own_load, script_text
from harness.errors import UsageError
from tests.devices.android.local_shell import SHELLS
from tests.devices.android.local_stream import LocalStreams
from tests.devices.android.phone_tree import CPUS, PhoneTree

SCRIPT = folder("device_scripts") / "telemetry.sh"
INTERVAL_S = 0.05
DEADLINE_S = 20.0


@pytest.fixture
def tree(tmp_path: Path) -> PhoneTree:
    return PhoneTree(tmp_path)


@pytest.fixture(params=SHELLS, ids=lambda sh: sh[0])
def streams(request: pytest.FixtureRequest, tree: PhoneTree) -> Iterator[LocalStreams]:
    opened = LocalStreams(request.param, tree.root, [tree.path])
    yield opened
    for stream in opened.opened:
        if stream.alive:
            stream.close()


def telemetry(streams: LocalStreams, *cpus: int, slow_every: int = 2, observer_cpu: int | None = None) -> Telemetry:
    return Telemetry(streams, cpus, interval_s=INTERVAL_S, slow_every=slow_every, observer_cpu=observer_cpu)


def seen(watched: Telemetry, fits: Callable[[Sample], bool]) -> Sample:
    """The first of the coming samples that fits."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        sample = watched.latest()
        if sample is not None and fits(sample):
            return sample
        time.sleep(0.01)
    raise AssertionError(f"no such sample; the last one is {watched.latest()}")


def after(watched: Telemetry, count: int) -> Sample:
    """The last sample when there are `count` of them."""
    return seen(watched, lambda each: len(watched.samples()) >= count)


# ---- the script ------------------------------------------------------------------------------------------------------


def test_a_line_says_what_the_files_say(tree: PhoneTree, streams: LocalStreams) -> None:
    watched = telemetry(streams, 0, 7)
    watched.start()
    sample = seen(watched, lambda each: each.slow_uptime_s is not None)
    watched.close()
    assert sample.cores == (
        CoreSample(0, 1704000, 1704000, (100, 0, 20, 3000, 5, 1, 2, 0)),
        CoreSample(7, 2914000, 2914000, (100, 0, 20, 3000, 5, 1, 2, 0)),
    )
    assert sample.policies == ((0, 1704000), (4, 2914000))
    assert (sample.gpu_hz, sample.gpu_max_hz) == (585000000, 680000000)
    assert {each.key: each.value_c for each in sample.zones} == {
        "cpu BIG": 38.0,
        "cpu LITTLE": 36.0,
        "skin VIRTUAL-SKIN": 31.5,
        "battery battery": 28.5,  # soc is a state of charge, bcl a voltage
    }
    assert [(each.kind, each.value_c) for each in sample.hal] == [("cpu", 45.25), ("skin", 33.5)]
    assert (sample.thermal_status, sample.battery_pct, sample.battery_c) == (0, 85, 31.2)
    assert (sample.charging, sample.plugged) == (True, True)
    with Path("/proc/uptime").open() as uptime:
        assert 0.0 <= float(uptime.read().split()[0]) - sample.uptime_s < DEADLINE_S
    assert watched.unread_lines == 0


def test_it_follows_what_changes_while_it_runs(tree: PhoneTree, streams: LocalStreams) -> None:
    watched = telemetry(streams, 7)
    watched.start()
    seen(watched, lambda each: each.core(7).cap_khz == 2914000 and each.thermal_status == 0)
    tree.clock(7, 1100000, 1747000)
    tree.zone(0, 71500)
    tree.stat(dict.fromkeys(range(8), 250))
    tree.services(status=3, level=14, tenths=410)
    after = seen(watched, lambda each: each.thermal_status == 3 and each.battery_pct == 14)
    watched.close()
    assert after.core(7) == CoreSample(7, 1100000, 1747000, (250, 0, 20, 3000, 5, 1, 2, 0))
    assert after.zones[0].value_c == 71.5
    assert after.battery_c == 41.0


def test_a_core_that_goes_offline_and_comes_back(tree: PhoneTree, streams: LocalStreams) -> None:
    watched = telemetry(streams, 4, 7)
    watched.start()
    seen(watched, lambda each: bool(each.core(7).ticks))
    shutil.rmtree(tree.root / CPUS / "cpu7/cpufreq")
    tree.stat(dict.fromkeys(range(7), 100))
    gone = seen(watched, lambda each: not each.core(7).ticks and each.core(7).clock_khz is None)
    assert gone.core(4).ticks
    tree.clock(7, 2000000, 2914000)
    tree.stat(dict.fromkeys(range(8), 100))
    seen(watched, lambda each: bool(each.core(7).ticks) and each.core(7).clock_khz == 2000000)
    watched.close()


def test_text_is_never_taken_for_a_value(tree: PhoneTree, streams: LocalStreams) -> None:
    texts = ["Permission denied", "", "12 34x", "4-5", "0x10", "12;", "1e9", "$(id)"]
    for cpu, text in enumerate(texts):
        tree.clock(cpu, text, text)
    tree.write(Path("proc/stat"), "\n".join(f"cpu{cpu} {text} 1 2 3 4 5 6 7" for cpu, text in enumerate(texts)))
    watched = telemetry(streams, *range(len(texts)))
    watched.start()
    first = after(watched, 1)
    assert first.cores == tuple(CoreSample(cpu) for cpu in range(len(texts)))
    for text in ("Permission denied", "4-5", "12;"):
        tree.services(status=text, level=text, tenths=text)
        first = after(watched, len(watched.samples()) + 5)  # the services are asked every second tick
        assert (first.thermal_status, first.battery_pct, first.battery_c) == (None, None, None)
    watched.close()
    assert watched.unread_lines == 0


def test_nothing_is_there(tmp_path: Path) -> None:
    """Neither files nor services: every value is missing, and the loop still runs."""
    for sh in SHELLS:
        root = tmp_path / sh[0]
        (root / "sys").mkdir(parents=True)
        (root / "proc/stat").mkdir(parents=True)  # opens, cannot be read
        watched = telemetry(LocalStreams(sh, root), 0, 7)
        watched.start()
        sample = after(watched, 2)
        watched.close()
        assert sample.cores == (CoreSample(0), CoreSample(7))
        assert (sample.readings, sample.policies, sample.gpu_hz, sample.slow_uptime_s) == ((), (), None, None)
        assert sample.own_ticks is not None


def test_services_that_made_values_up_or_are_not_ready(tree: PhoneTree, streams: LocalStreams) -> None:
    tree.services(ready="false")
    battery = tree.root / "battery"
    battery.write_text("  (UPDATES STOPPED -- use 'reset' to restart)\n" + battery.read_text())
    watched = telemetry(streams, 7)
    watched.start()
    sample = seen(watched, lambda each: each.slow_uptime_s is not None)
    watched.close()
    assert (sample.thermal_status, sample.battery_pct, sample.battery_c, sample.hal) == (None, None, None, ())


def test_services_are_asked_seldom(tree: PhoneTree, streams: LocalStreams) -> None:
    watched = telemetry(streams, 7, slow_every=8)
    watched.start()
    after(watched, 9)
    watched.close()
    samples = len(watched.samples())
    asked = tree.asked.read_text().split()
    assert asked.count("battery") == asked.count("thermalservice")
    assert asked.count("battery") <= samples // 8 + 1


def test_a_tick_forks_nothing_but_sleep(tree: PhoneTree, tmp_path: Path) -> None:
    only = tmp_path / "only"
    only.mkdir()
    (only / "sleep").symlink_to(shutil.which("sleep") or "/bin/sleep")
    for sh in SHELLS:
        streams = LocalStreams((shutil.which(sh[0]) or sh[0], *sh[1:]), tree.root)
        streams.shell.env["PATH"] = str(only)
        watched = telemetry(streams, 7)
        watched.start()
        sample = after(watched, 3)
        watched.close()
        assert sample.core(7).ticks
        assert len(sample.zones) == 4


def test_the_long_line_of_interrupts_is_not_read(tree: PhoneTree, streams: LocalStreams) -> None:
    """A shell reads byte by byte: 8 million of them would take seconds a tick."""
    tree.stat(dict.fromkeys(range(8), 100), interrupts=4_000_000)
    watched = telemetry(streams, 7)
    watched.start()
    after(watched, 4)
    watched.close()
    times = [sample.uptime_s for sample in watched.samples()[:4]]
    assert times[-1] - times[0] < 2.0


def test_it_ends_by_itself_when_its_pipe_breaks(streams: LocalStreams) -> None:
    watched = telemetry(streams, 7)
    watched.start()
    after(watched, 1)
    (stream,) = streams.opened
    stream.close()  # raises when it does not end
    assert not watched.alive


def test_it_is_pinned_to_the_core_of_the_observer(streams: LocalStreams) -> None:
    core = max(os.sched_getaffinity(0))
    watched = telemetry(streams, 7, observer_cpu=core)
    watched.start()
    sample = seen(watched, lambda each: each.own_cpu is not None)
    assert os.sched_getaffinity(streams.opened[0].pid) == {core}
    watched.close()
    assert sample.own_cpu == core


@pytest.mark.parametrize(
    "arguments", [[], ["x", "1"], ["0", "1"], ["0.0", "1"], ["1", "0"], ["1", "1", "7;id"], ["1", "1", "-1"]]
)
def test_bad_arguments_are_refused(arguments: list[str]) -> None:
    for sh in SHELLS:
        done = subprocess.run([*sh, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert "telemetry.sh: " in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(["shellcheck", "--shell=sh", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize(("interval_s", "slow_every"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (0.5, 0)])
def test_a_loop_without_pause_cannot_be_asked_for(interval_s: float, slow_every: int) -> None:
    with pytest.raises(UsageError, match="cannot be taken"):
        script_text([7], observer_cpu=0, interval_s=interval_s, slow_every=slow_every)


def test_the_mask_is_bare_lower_case_hex() -> None:
    """The only form that every toybox takes."""
    assert script_text([7], observer_cpu=11).startswith("taskset -p 800 $$")
    assert "taskset" not in script_text([7], observer_cpu=None).splitlines()[0]


# ---- what keeps the samples ------------------------------------------------------------------------------------------


class Wire:
    """A stream whose lines the test says."""

    def __init__(self) -> None:
        self.on_line: Callable[[str], None] = lambda line: None
        self.alive = False
        self.started = 0

    def stream(self, script: str, on_line: Callable[[str], None]) -> Wire:
        self.on_line, self.alive = on_line, True
        self.started += 1
        return self

    def close(self) -> None:
        self.alive = False

    def say(self, uptime_s: float, own: int = 0) -> None:
        self.on_line(f"T1 up={uptime_s} own={own}:0:0:0:1 cpu=- pol=- gpu=-:- tz=- slow=- st=- bat=-:-:-:- hal=- .\n")


def uptimes(samples: tuple[Sample, ...]) -> list[float]:
    return [sample.uptime_s for sample in samples]


def test_a_window_has_its_neighbours() -> None:
    wire = Wire()
    watched = Telemetry(wire, [7])
    watched.start()
    for second in range(10):
        wire.say(second)
    assert uptimes(watched.window(3.5, 6.5)) == [3, 4, 5, 6, 7]
    assert uptimes(watched.window(3, 6)) == [3, 4, 5, 6]
    assert uptimes(watched.window(-5, -1)) == [0]
    assert uptimes(watched.window(8.5, 99)) == [8, 9]
    assert uptimes(watched.window(20, 30)) == [9]


def test_a_bounded_number_is_kept() -> None:
    wire = Wire()
    watched = Telemetry(wire, [7], kept=3)
    watched.start()
    for second in range(10):
        wire.say(second)
    assert uptimes(watched.samples()) == [7, 8, 9]
    assert watched.own_load() == 0.0


def test_a_phone_that_comes_back_is_watched_again() -> None:
    wire = Wire()
    watched = Telemetry(wire, [7])
    watched.start()
    wire.say(100.0, own=50)
    watched.start()
    assert wire.started == 1  # it runs
    wire.close()
    assert not watched.alive
    watched.start()
    assert wire.started == 2
    wire.say(110.0, own=0)
    wire.say(120.0, own=10)
    assert uptimes(watched.samples()) == [100.0, 110.0, 120.0]
    assert watched.own_load() == pytest.approx(0.01)  # of the loop that runs now


def test_a_reboot_begins_a_new_time() -> None:
    wire = Wire()
    watched = Telemetry(wire, [7])
    watched.start()
    wire.say(5000.0)
    wire.say(12.0)
    wire.say(13.0)
    assert uptimes(watched.samples()) == [12.0, 13.0]


def test_age_is_the_hosts_time_since_the_last_whole_line() -> None:
    now = [100.0]
    wire = Wire()
    watched = Telemetry(wire, [7], monotonic=lambda: now[0])
    assert watched.age_s() is None
    watched.start()
    wire.say(1.0)
    now[0] = 107.5
    wire.on_line("T1 up=2.0 own=1:")
    wire.on_line("\n")
    assert watched.age_s() == 7.5
    assert watched.unread_lines == 1


def test_waiting_for_the_sample_that_closes_a_window() -> None:
    wire = Wire()
    watched = Telemetry(wire, [7])
    watched.start()
    wire.say(1.0)
    assert not watched.wait_past(2.0, timeout_s=0.02)
    timer = threading.Timer(0.05, wire.say, (2.5,))
    timer.start()
    assert watched.wait_past(2.0, timeout_s=DEADLINE_S)
    timer.join()


def test_own_load_needs_two_samples_of_one_loop() -> None:
    assert own_load(Sample(1.0, own_ticks=3), Sample(3.0, own_ticks=7)) == pytest.approx(0.02)
    assert own_load(Sample(1.0, own_ticks=7), Sample(3.0, own_ticks=3)) is None
    assert own_load(Sample(1.0, own_ticks=7), Sample(1.0, own_ticks=7)) is None
    assert own_load(Sample(1.0), Sample(3.0, own_ticks=7)) is None


def test_lines_may_come_while_others_read() -> None:
    wire = Wire()
    watched = Telemetry(wire, [7], kept=50)
    watched.start()
    writer = threading.Thread(target=lambda: [wire.say(second / 100) for second in range(3000)])
    writer.start()
    while writer.is_alive():
        window = uptimes(watched.window(5.0, 25.0))
        assert window == sorted(window)
    writer.join()
    assert len(watched.samples()) == 50


def test_the_real_loop_comes_back_after_it_was_killed(streams: LocalStreams) -> None:
    watched = telemetry(streams, 7)
    watched.start()
    after(watched, 1)
    streams.opened[0].kill()
    assert not watched.alive
    before = len(watched.samples())
    watched.start()
    after(watched, before + 1)
    watched.close()
