"""The stand-in of a phone's shell behaves as the real one is specified to."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Timer

import pytest

from harness.errors import DeviceOfflineError, InvocationTimeoutError
from tests.devices.android.local_shell import SHELLS, LocalShell, command


@pytest.fixture(params=SHELLS, ids="-".join)
def sh(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param  # type: ignore[no-any-return]


def test_output_exit_code_and_stdin(sh: tuple[str, ...]) -> None:
    result = LocalShell(sh).shell("cat; echo bad >&2; exit 3", stdin=b"in\xff")
    assert (result.stdout, result.stderr, result.returncode) == (b"in\xff", b"bad\n", 3)


def test_a_signal_is_a_negative_code(sh: tuple[str, ...]) -> None:
    assert LocalShell(sh).shell("kill -9 $$").returncode == -9
    assert LocalShell(sh).shell("sh -c 'kill -9 $$'; exit $?").returncode == -9


def test_paths_of_the_root_and_commands_of_the_path(sh: tuple[str, ...], tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sys/class").mkdir(parents=True)
    (root / "proc").mkdir()
    (root / "sys/class/temp").write_text("31000\n")
    (root / "proc/uptime").write_text("7.00 1.00\n")
    command(tmp_path / "bin", "getprop", 'echo "prop $1"')
    shell = LocalShell(sh, root=root, path=[tmp_path / "bin"])
    result = shell.shell("cat /sys/class/temp '/proc/uptime'; getprop a.b; ls -d /proc/self /system 2>/dev/null")
    assert result.stdout == b"31000\n7.00 1.00\nprop a.b\n/proc/self\n"
    assert shell.calls[0].startswith("cat /sys")


def test_the_deadline_kills_the_whole_group(sh: tuple[str, ...]) -> None:
    with pytest.raises(InvocationTimeoutError):
        LocalShell(sh).shell("sleep 30 & sleep 30; wait", timeout_s=0.1)


def test_cancel(sh: tuple[str, ...]) -> None:
    cancel = Event()
    Timer(0.1, cancel.set).start()
    with pytest.raises(InvocationTimeoutError, match="cancelled"):
        LocalShell(sh).shell("echo begun; sleep 30", cancel=cancel)


def test_a_lost_phone() -> None:
    shell = LocalShell(SHELLS[0])
    shell.offline = True
    with pytest.raises(DeviceOfflineError):
        shell.shell("true")
