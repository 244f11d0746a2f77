from __future__ import annotations

import re
import secrets
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assets import folder
from harness.devices.android.process import (
    Tokens,
    affinity_mask,
    cpu_list,
    exit_status,
    measured_script,
    observed,
    returncode,
    split_markers,
)
from harness.devices.base import Observed, ProcessResult, Watch
from harness.errors import UsageError
from tests.devices.android.local_shell import SHELLS, LocalShell, command

# Of this process alone: ending a run ends everything with its tag, wherever on the machine it is.
TOKENS = Tokens(secrets.token_hex(8), secrets.token_hex(16))
NONCE = TOKENS.nonce
TEXT = (folder("device_scripts") / "measured_run.sh").read_text(encoding="utf-8")
END = (folder("device_scripts") / "end_run.sh").read_text(encoding="utf-8")


KEYS = ("cpus", "online", "exit", "hwm", "pss", "gpu", "uptime_before", "uptime_after", "stat_before", "stat_after")
KEYS += ("clocks_before", "clocks_after")


# ---- pure ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpus", "mask"), [((7,), "80"), ((4, 5, 6, 7), "f0"), ((0,), "1"), ((0, 0), "1"), (range(64), "f" * 16)]
)
def test_a_mask_is_bare_lower_case_hex(cpus: tuple[int, ...], mask: str) -> None:
    assert affinity_mask(cpus) == mask


@pytest.mark.parametrize(
    ("status", "code"), [(0, 0), (1, 1), (126, 126), (128, 128), (137, -9), (139, -11), (255, 255)]
)
def test_a_shell_status_becomes_a_signal(status: int, code: int) -> None:
    assert returncode(status) == code


def test_the_observer_is_taken_out_of_what_the_program_printed() -> None:
    stderr = f"\n{NONCE} shell 7\n{NONCE} cpus \nwarn\nno newline\n{NONCE} exit 3\n".encode()
    assert split_markers(stderr, NONCE) == (b"warn\nno newline", {"shell": "7", "cpus": "", "exit": "3"})


def test_what_is_said_twice_or_inside_a_line_is_not_believed() -> None:
    stderr = f"\n{NONCE} cpus 7\n\n{NONCE} cpus 6\nhello {NONCE} exit 0\n\n{NONCE} exit 9\n".encode()
    kept, markers = split_markers(stderr, NONCE)
    assert "cpus" not in markers
    assert markers["exit"] == "9"
    assert b"hello" in kept


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_the_program_printed_is_given_back_exactly(before: bytes, after: bytes) -> None:
    stderr = before + f"\n{NONCE} exit 0\n".encode() + after
    assert split_markers(stderr, NONCE) == (before + after, {"exit": "0"})


@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.text(max_size=60) | st.sampled_from(["0-99999999", "1-", ":::", "nan", "-1", "1e5", "300000:", "٣", "7-2"]),
    )
)
def test_garbage_never_becomes_a_number(markers: dict[str, str]) -> None:
    seen = observed(markers)
    digits = set(re.findall(r"[0-9]+", " ".join(markers.values())))
    assert exit_status(markers) is None or str(exit_status(markers)) in {str(int(text)) for text in digits}
    for value in (seen.peak_rss_kib, seen.pss_kib):
        assert value is None or value >= 0
    assert seen.cpus is None or all(0 <= cpu < 1024 for cpu in seen.cpus)


def test_what_was_seen_becomes_figures() -> None:
    stat = "S 2 17 17 0 -1 4194304 139 116 1 1 5 6 {} {} 20 0 1 0 1269768 483328"
    seen = observed(
        {
            "cpus": "4-5,7",
            "online": "0-7",
            "uptime_before": "100.25 400.00",
            "uptime_after": "103.75 410.00",
            "stat_before": stat.format(10, 5),
            "stat_after": stat.format(250, 15),
            "hwm": "20480",
            "pss": "15000",
            "gpu": "1048576 3145728 2097152",
            "clocks_before": "500000:10 1000000:20 2914000:100",
            "clocks_after": "500000:10 1000000:25 2914000:445",
        }
    )
    assert seen == Observed(
        cpus=(4, 5, 7),
        online=tuple(range(8)),
        started_uptime_s=100.25,
        ended_uptime_s=103.75,
        cpu_s=pytest.approx(2.5),
        peak_rss_kib=20480,
        pss_kib=15000,
        gpu_memory_kib=3072,
        time_in_state=((1000000, 5), (2914000, 345)),
    )


@pytest.mark.parametrize(
    "clocks",
    [
        ("500000:10", "500000:9"),
        ("500000:10", "600000:12"),
        ("", "500000:1"),
        ("500000:x", "500000:1"),
        ("5:1", "5:1 x"),
    ],
)
def test_clocks_that_do_not_fit_are_unknown(clocks: tuple[str, str]) -> None:
    assert observed({"clocks_before": clocks[0], "clocks_after": clocks[1]}).time_in_state == ()


@pytest.mark.parametrize("text", ["", "Permission denied", "0-", "-3", "1,,2", "99999", "0-9999", "7-2"])
def test_a_list_of_cpus_that_is_none(text: str) -> None:
    assert cpu_list(text) is None


@pytest.mark.parametrize(
    ("argv", "env"),
    [((), {}), (("",), {}), (("a", "b\0"), {}), (("a",), {"A=B": "x"}), (("a",), {"a b": "x"}), (("a",), {"A": "\0"})],
)
def test_what_no_program_can_be_given(argv: tuple[str, ...], env: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        measured_script(TEXT, argv, env, 1.0, None, TOKENS)


# ---- by the shells that phones have ----------------------------------------------------------------------------------


@pytest.fixture(params=SHELLS, ids=lambda sh: sh[-1] if sh[0] != "busybox" else "busybox")
def here(request: pytest.FixtureRequest, tmp_path: Path) -> LocalShell:
    root = tmp_path / "phone"
    cpu = root / "sys/devices/system/cpu"
    (cpu / "cpu0/cpufreq/stats").mkdir(parents=True)
    (cpu / "cpu0/cpufreq/stats/time_in_state").write_text("500000 10\n1000000 20\n")
    (cpu / "online").write_text("0-3\n")
    (root / "data/local/tmp").mkdir(parents=True)
    fakes = tmp_path / "fakes"
    inner = shlex.join(request.param)
    command(fakes, "sh", f'exec {inner} "$@"')
    return LocalShell(request.param, root=root, path=[fakes])


def run(
    shell: LocalShell,
    *argv: str,
    env: dict[str, str] | None = None,
    stdin: bytes = b"",
    watch: Watch | None = None,
    timeout_s: float = 20.0,
) -> tuple[ProcessResult, bytes, Observed]:
    script = measured_script(TEXT, argv, env or {}, timeout_s, watch or Watch(), TOKENS)
    result = shell.shell(script, timeout_s=timeout_s, stdin=stdin)
    stderr, markers = split_markers(result.stderr, NONCE)
    return result, stderr, observed(markers)


HOSTILE = (
    "a b",
    "it's",
    '"',
    "$(touch /tmp/x)",
    "`id`",
    ";",
    "\n",
    "*",
    "\\n",
    "-rf",
    "--",
    "é漢",
    "",
    "A=B",
    "!",
    "&|<>",
)


def test_arguments_environment_and_input_arrive_as_they_are(here: LocalShell) -> None:
    code = "import os, sys; sys.stdout.write(repr((sys.argv[1:], os.environ['HOSTILE'], sys.stdin.read())))"
    result, _, _ = run(here, sys.executable, "-c", code, *HOSTILE, env={"HOSTILE": "".join(HOSTILE)}, stdin=b"in\nput")
    assert eval(result.stdout) == (list(HOSTILE), "".join(HOSTILE), "in\nput")


def test_status_and_outputs_are_the_programs(here: LocalShell) -> None:
    result, stderr, seen = run(here, "sh", "-c", "echo out; printf err >&2; exit 44", watch=Watch((0,)))
    assert (result.returncode, result.stdout, stderr) == (44, b"out\n", b"err")
    assert (seen.cpus, seen.online) == ((0,), (0, 1, 2, 3))
    assert seen.started_uptime_s is not None
    assert seen.ended_uptime_s is not None
    assert seen.started_uptime_s <= seen.ended_uptime_s


def test_a_signal_a_missing_program_and_one_that_is_none(here: LocalShell, tmp_path: Path) -> None:
    assert run(here, "sh", "-c", "kill -SEGV $$")[0].returncode == -11
    assert run(here, str(tmp_path / "nothing"))[0].returncode == 127
    (tmp_path / "no_x").write_text("#!/bin/sh\n")
    assert run(here, str(tmp_path / "no_x"))[0].returncode == 126


def test_the_programs_own_affinity_is_read(here: LocalShell) -> None:
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    result, _, seen = run(here, sys.executable, "-c", code, watch=Watch((1,)))
    assert (result.stdout, seen.cpus) == (b"[1]\n", (1,))


def test_a_core_that_is_not_there_is_refused_before_the_program_runs(here: LocalShell) -> None:
    result, stderr, seen = run(here, "echo", "ran", watch=Watch((900,)))
    assert (result.stdout, seen.cpus) == (b"", None)
    assert result.returncode != 0
    assert stderr


def test_cpu_time_is_the_programs(here: LocalShell) -> None:
    code = "import time\nwhile time.process_time() < 0.5: pass"
    _, _, seen = run(here, sys.executable, "-c", code, watch=Watch())
    assert seen.cpu_s is not None
    assert 0.48 <= seen.cpu_s < 1.0  # it counts in ticks of 10 ms


def test_memory_is_the_programs_and_only_where_asked_for(here: LocalShell) -> None:
    code = "import time\nx = b'1' * (80 << 20)\ntime.sleep(1.2)"
    _, _, seen = run(here, sys.executable, "-c", code, watch=Watch(memory=True))
    assert seen.peak_rss_kib is not None
    assert seen.pss_kib is not None
    assert 80 << 10 < seen.pss_kib <= seen.peak_rss_kib < 140 << 10
    _, _, seen = run(here, "sleep", "0.2", watch=Watch())
    assert (seen.peak_rss_kib, seen.pss_kib) == (None, None)


def test_gpu_memory_where_the_kernel_accounts_for_it(here: LocalShell, tmp_path: Path) -> None:
    fake = 'echo "Memory snapshot for GPU 0:"; echo "Global total: 9999"; echo "Proc 1 total: 77"\n'
    fake += "for p in /proc/[0-9]*; do grep -q HARNESS_PROGRAM=1 $p/environ 2>/dev/null && "
    fake += 'echo "Proc ${p#/proc/} total: 2097152"; done'
    command(tmp_path / "fakes", "dumpsys", fake)
    _, _, seen = run(here, "sleep", "1", watch=Watch(memory=True))
    assert seen.gpu_memory_kib == 2048


def test_what_it_leaves_behind_in_its_group_is_ended(here: LocalShell) -> None:
    started = time.monotonic()
    result, _, _ = run(here, "sh", "-c", "sleep 3217 & sleep 3218 & echo done")
    assert result.stdout == b"done\n"
    assert time.monotonic() - started < 10
    assert not running(here, "3217")
    assert not running(here, "3218")


def test_a_second_call_ends_everything_also_what_left_the_group(here: LocalShell) -> None:
    thread = threading.Thread(target=lambda: run(here, "sh", "-c", "setsid sleep 3219 & sleep 3220 & sleep 3221"))
    thread.start()
    wait_for(lambda: running(here, "3219") and running(here, "3221") and run_files(here))
    said = here.shell(END, timeout_s=20.0).stdout
    thread.join(10)
    assert not thread.is_alive()
    assert re.search(rb"^ended [1-9]", said)
    assert b"\nleft\n" in said
    assert not any(running(here, seconds) for seconds in ("3219", "3220", "3221"))
    assert not run_files(here)


def test_a_process_number_of_another_time_is_left_alone(here: LocalShell) -> None:
    assert here.root is not None
    runs = here.root / "data/local/tmp/harness/run"
    runs.mkdir(parents=True)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with subprocess.Popen(["sleep", "3222"], start_new_session=True) as innocent:
        try:
            (runs / "0123").write_text(f"{boot} {innocent.pid} 1 {innocent.pid} 2\n")
            (runs / "4567").write_text(f"another-boot {innocent.pid} {start_of(innocent.pid)} 1 1\n")
            assert here.shell(END).stdout == b"ended 0\nleft\n"
            assert innocent.poll() is None
            assert not run_files(here)
        finally:
            innocent.kill()


def test_the_watchdog_ends_it_when_nobody_does(here: LocalShell) -> None:
    script = measured_script(TEXT, ("sh", "-c", "sleep 3223 & sleep 3224"), {}, 1.0, None, TOKENS)
    script = re.sub(r"(set -- \w+ \w+) \d+", r"\1 1", script)
    started = time.monotonic()
    assert here.shell(script, timeout_s=15).returncode == -9
    assert 0.9 < time.monotonic() - started < 8
    assert not running(here, "3223")
    assert not running(here, "3224")


def test_nothing_is_left_after_an_ordinary_run(here: LocalShell) -> None:
    run(here, "true", timeout_s=3225)
    wait_for(lambda: not running(here, "3240"))  # the watchdog's sleep: the deadline and its margin
    assert not run_files(here)


def test_it_ends_with_the_connection(here: LocalShell) -> None:
    script = here.mapped(measured_script(TEXT, ("sleep", "3226"), {}, 60.0, None, TOKENS))
    child = subprocess.Popen([*here.sh, "-c", script], env=here.env, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: running(here, "3226"))
        child.send_signal(1)
        wait_for(lambda: not running(here, "3226"))
        child.wait(5)
    finally:
        child.kill()
    wait_for(lambda: not running(here, "75"))


def running(shell: LocalShell, seconds: str) -> bool:
    """Whether a `sleep` of so many seconds runs that came from this test's shell, and not from another's."""
    own = f"PATH={shell.env['PATH']}\0".encode()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_it = (path / "cmdline").read_bytes().endswith(f"sleep\0{seconds}\0".encode())
            if is_it and own in (path / "environ").read_bytes():
                return True
        except OSError:
            continue
    return False


def run_files(shell: LocalShell) -> list[str]:
    assert shell.root is not None
    runs = shell.root / "data/local/tmp/harness/run"
    return [path.name for path in runs.iterdir()] if runs.is_dir() else []


def start_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]


def wait_for(condition: object, limit_s: float = 30.0) -> None:
    assert callable(condition)
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)
