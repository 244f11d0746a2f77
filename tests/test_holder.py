from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.holder import is_dead, this_process

BOOT = "6c7f1b9e-0000-4000-8000-000000000001"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with this boot, this namespace, and this process started at tick 4711."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text(BOOT + "\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[4026531836]")
    _add(tmp_path, os.getpid(), start_ticks=4711)
    return tmp_path


def _add(proc: Path, pid: int, *, start_ticks: int, state: str = "S", name: str = "python3") -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    between = " ".join(["0"] * 18)
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {state} {between} {start_ticks} 1 2 3\n")


def test_this_process_is_described_and_alive(proc: Path) -> None:
    me = this_process(proc)
    assert (me.boot_id, me.pid_namespace, me.pid, me.start_ticks) == (BOOT, "pid:[4026531836]", os.getpid(), 4711)
    assert not is_dead(me, proc)


@pytest.mark.parametrize("name", ["a b", "x) Z 0 0", "(", "nöt \n utf-8"])
def test_a_process_may_have_any_name(proc: Path, name: str) -> None:
    _add(proc, os.getpid(), start_ticks=99, name=name)
    assert this_process(proc).start_ticks == 99


def test_a_pid_that_is_gone_is_dead(proc: Path) -> None:
    gone = replace(this_process(proc), pid=123_456)
    assert is_dead(gone, proc, exists=lambda pid: False)


def test_a_pid_that_is_only_hidden_is_not(proc: Path) -> None:
    hidden = replace(this_process(proc), pid=123_456)
    assert not is_dead(hidden, proc, exists=lambda pid: True)


def test_a_pid_that_was_given_to_another_process_is_dead(proc: Path) -> None:
    assert is_dead(replace(this_process(proc), start_ticks=4710), proc)


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_zombie_is_dead(proc: Path, state: str) -> None:
    me = this_process(proc)
    _add(proc, os.getpid(), start_ticks=4711, state=state)
    assert is_dead(me, proc)


@pytest.mark.parametrize("changes", [{"boot_id": "another"}, {"pid_namespace": "pid:[7]"}, {"boot_id": ""}])
def test_of_another_boot_or_container_nothing_is_known(proc: Path, changes: dict[str, str]) -> None:
    assert not is_dead(replace(this_process(proc), pid=123_456, **changes), proc, exists=lambda pid: False)


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    me = this_process(tmp_path)
    assert (me.boot_id, me.pid_namespace) == ("", "")
    assert not is_dead(replace(me, pid=123_456), tmp_path, exists=lambda pid: False)


def test_a_real_process_that_was_killed() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "from harness.holder import this_process as me; print(me(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with child:
        assert child.stdout is not None
        told = child.stdout.readline()
        holder = replace(this_process(), pid=child.pid, start_ticks=int(told.split("start_ticks=")[1].rstrip(")\n")))
        assert not is_dead(holder)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(holder), "killed and not yet reaped"
    assert is_dead(holder)
    assert not is_dead(this_process())
