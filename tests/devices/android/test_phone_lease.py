"""Two computers never hold one phone, whatever happens between their steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.assets import folder
from harness.devices.android.phone_lease import PhoneLease
from harness.errors import DeviceBusyError, DeviceError, StorageFullError
from harness.holder import Process, this_process
from tests.devices.android.fake_phone import FakePhone
from tests.devices.android.local_shell import SHELLS, LocalShell, command

ELSEWHERE = Process("lab2", "another-boot", "pid:[1]", 4711, 99)
LEASE = "data/local/tmp/harness/lease"


@pytest.fixture(params=SHELLS, ids="-".join)
def sh(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def phone(tmp_path: Path) -> FakePhone:
    return FakePhone(tmp_path)


def lease(shell: LocalShell, process: Process = ELSEWHERE, **options: Any) -> PhoneLease:
    return PhoneLease(shell, "adb-1", process=process, **{"holder": "nightly", "ttl_s": 60, **options})


def uptime(phone: FakePhone, seconds: float) -> None:
    phone.write("proc/uptime", f"{seconds:.2f} 1.00")


def test_one_holds_the_other_is_told_who(phone: FakePhone, sh: tuple[str, ...]) -> None:
    shell = phone.shell(sh)
    first, second = lease(shell, holder="night; $(touch pwned) 'é'"), lease(shell)
    first.acquire()
    assert len(shell.calls) == 1
    with pytest.raises(DeviceBusyError) as busy:
        second.acquire()
    assert busy.value.what == (
        "process 4711 on lab2 (night; $(touch pwned) 'é') holds the phone, for another 60 s unless it is renewed"
    )
    first.renew()
    first.acquire()
    assert (first.generation, second.generation) == (1, None)
    first.release()
    second.acquire()
    assert second.generation == 2
    first.release()
    with pytest.raises(DeviceBusyError, match="process 4711"):
        first.acquire()


def test_an_expired_lease_is_taken_over_and_noticed(phone: FakePhone, sh: tuple[str, ...]) -> None:
    first, second = lease(phone.shell(sh)), lease(phone.shell(sh))
    first.acquire()
    uptime(phone, 1059)
    with pytest.raises(DeviceBusyError, match="for another 1 s"):
        second.acquire()
    uptime(phone, 1060)
    second.acquire()
    with pytest.raises(DeviceBusyError, match="process 4711 on lab2"):
        first.renew()
    with pytest.raises(DeviceBusyError, match="not held"):
        first.renew()


def test_a_holder_that_was_replaced_in_between_has_lost(phone: FakePhone, sh: tuple[str, ...]) -> None:
    first, second = lease(phone.shell(sh)), lease(phone.shell(sh))
    first.acquire()
    uptime(phone, 1100)
    second.acquire()
    second.release()
    with pytest.raises(DeviceBusyError, match="somebody else has used it since"):
        first.renew()
    first.acquire()
    assert first.generation == 3


def test_an_expired_lease_that_nobody_took_can_be_renewed(phone: FakePhone) -> None:
    first, second = lease(phone.shell()), lease(phone.shell())
    first.acquire()
    uptime(phone, 5000)
    first.renew()
    with pytest.raises(DeviceBusyError, match="for another 60 s"):
        second.acquire()


@pytest.mark.parametrize("hidden", [False, True], ids=["boot-id", "no-boot-id"])
def test_a_reboot_ends_it(phone: FakePhone, sh: tuple[str, ...], hidden: bool) -> None:
    boot = phone.root / "proc/sys/kernel/random/boot_id"
    if hidden:
        boot.unlink()
        boot.mkdir()  # reading it fails, as where SELinux denies it
    lease(phone.shell(sh)).acquire()
    uptime(phone, 20 if hidden else 1010)
    if not hidden:
        boot.write_text("22222222-2222-3333-4444-555555555555\n")
    lease(phone.shell(sh)).acquire()


def test_a_holder_gets_it_again_after_a_reboot_and_after_a_wipe(phone: FakePhone) -> None:
    one = lease(phone.shell())
    one.acquire()
    phone.write("proc/sys/kernel/random/boot_id", "22222222-2222-3333-4444-555555555555")
    uptime(phone, 20)
    one.renew()
    shutil.rmtree(phone.root / "data/local/tmp/harness")
    one.renew()
    with pytest.raises(DeviceBusyError):
        lease(phone.shell()).acquire()


def test_a_dead_process_of_this_computer_is_set_aside(phone: FakePhone) -> None:
    mine = this_process()
    lease(phone.shell(), replace(mine, start_ticks=mine.start_ticks + 1)).acquire()  # the pid is another's now
    living = lease(phone.shell(), mine)
    living.acquire()
    with pytest.raises(DeviceBusyError, match=f"process {mine.pid}"):
        lease(phone.shell(), mine).acquire()


def test_keep_renews_rarely(phone: FakePhone) -> None:
    now = [0.0]
    shell = phone.shell()
    one = lease(shell, clock=lambda: now[0])
    one.acquire()
    now[0] = 19.0
    one.keep()
    assert len(shell.calls) == 1
    now[0] = 20.0
    one.keep()
    now[0] = 39.0
    one.keep()
    assert len(shell.calls) == 2


def test_of_many_at_once_one_wins(phone: FakePhone, sh: tuple[str, ...]) -> None:
    def attempt(one: PhoneLease) -> bool:
        try:
            one.acquire()
        except DeviceBusyError:
            return False
        return True

    for round_ in range(3):
        rivals = [lease(phone.shell(sh)) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(attempt, rivals))
        assert won.count(True) == 1, won
        rivals[won.index(True)].renew()
        uptime(phone, 2000 + 1000 * round_)
    assert len(list((phone.root / LEASE).iterdir())) == 1


def test_a_renewal_while_somebody_takes_over(phone: FakePhone, tmp_path: Path) -> None:
    """The rival has seen the expiry and is about to take it; the holder renews at that moment: never both."""
    first = lease(phone.shell())
    first.acquire()
    uptime(phone, 1060)
    slow = tmp_path / "slow"
    command(slow, "mv", 'touch "$0.began"; while [ ! -e "$0.go" ]; do sleep 0.01; done; exec /bin/mv "$@"')
    second = lease(LocalShell(SHELLS[0], root=phone.root, path=[slow]))
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(second.acquire)
        _wait_for(slow / "mv.began")
        first.renew()
        (slow / "mv.go").touch()
        with pytest.raises(DeviceBusyError, match="process 4711"):
            taking.result(timeout=20)
    first.renew()
    assert first.generation == 1


@pytest.mark.parametrize("cleared", [True, False])
def test_a_take_over_while_the_holder_renews(phone: FakePhone, tmp_path: Path, cleared: bool) -> None:
    """The holder is about to write its renewal; a rival takes the phone first: the holder learns it at once, also
    while the rival has not cleared the former lease away."""
    first = lease(LocalShell(SHELLS[0], root=phone.root, path=[tmp_path / "first"]))
    first.acquire()
    uptime(phone, 1060)
    waits = 'touch "$0.began"; while [ ! -e "$0.go" ]; do sleep 0.01; done; exec "/bin/${0##*/}" "$@"'
    command(tmp_path / "first", "mv", waits)
    command(tmp_path / "second", "rm", waits)
    second = lease(LocalShell(SHELLS[0], root=phone.root, path=[tmp_path / "second"]))
    if cleared:
        (tmp_path / "second" / "rm.go").touch()
    with ThreadPoolExecutor(2) as pool:
        renewing = pool.submit(first.renew)
        _wait_for(tmp_path / "first" / "mv.began")
        taking = pool.submit(second.acquire)
        if cleared:
            taking.result(timeout=20)
        _wait_for(tmp_path / "second" / "rm.began")
        (tmp_path / "first" / "mv.go").touch()
        with pytest.raises(DeviceBusyError, match="process 4711"):
            renewing.result(timeout=20)
        (tmp_path / "second" / "rm.go").touch()
        taking.result(timeout=20)
    second.renew()
    assert second.generation == 2


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.005)


@pytest.mark.parametrize("content", ["", "x", "t b 5 nine who", "\x00\xff", "t boot 1 99999999999999999999 w"])
def test_a_damaged_lease_holds_nothing(phone: FakePhone, sh: tuple[str, ...], content: str) -> None:
    phone.write(f"{LEASE}/g7/holder", content)
    phone.write(f"{LEASE}/g1$(reboot)/holder", "x")
    phone.write(f"{LEASE}/gx/holder", "x")
    one = lease(phone.shell(sh))
    one.acquire()
    assert one.generation == 8


def test_a_holder_of_another_version_is_named_as_somebody(phone: FakePhone) -> None:
    boot = (phone.root / "proc/sys/kernel/random/boot_id").read_text().strip()
    phone.write(f"{LEASE}/g7/holder", f"abc {boot} 900 1030 {json.dumps({'holder': 'new'})}")
    with pytest.raises(DeviceBusyError, match="somebody holds the phone, for another 30 s"):
        lease(phone.shell()).acquire()


def test_a_full_phone(phone: FakePhone) -> None:
    command(phone.bin, "mkdir", 'echo "mkdir: No space left on device" >&2; exit 1')
    with pytest.raises(StorageFullError, match="cannot be written"):
        lease(phone.shell()).acquire()


def test_no_clock_and_no_answer(phone: FakePhone) -> None:
    phone.write("proc/uptime", "Permission denied")
    with pytest.raises(DeviceError, match="uptime"):
        lease(phone.shell()).acquire()
    with pytest.raises(DeviceError, match="no answer of the lease script"):
        lease(LocalShell(("true",))).acquire()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_script_is_shellcheck_clean() -> None:
    script = folder("device_scripts") / "lease.sh"
    done = subprocess.run(["shellcheck", "--shell=sh", str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
