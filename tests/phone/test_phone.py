"""The virtual phone itself: it boots, answers, dies and comes back as a phone does."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer

pytestmark = pytest.mark.phone
T = TypeVar("T")


def wait_for(ask: Callable[[], T], within_s: float = 5.0) -> T:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


def test_answers_through_adb(phone: VirtualPhone, adb_server: AdbServer) -> None:
    done = adb_server.shell(phone.serial, "id -u; getprop ro.product.model; exit 7")
    assert (done.returncode, done.stdout) == (7, b"2000\nVirtual Phone 8\n")


def test_model_is_in_the_long_list(make_phone: MakePhone, adb_server: AdbServer) -> None:
    one = make_phone(model="Pixel 8")
    one.connect(adb_server)
    lines = adb_server.ask("host:devices-l").splitlines()
    assert any(line.startswith(one.serial) and "model:Pixel_8" in line for line in lines)


def test_reboot_keeps_the_port_and_the_files_and_changes_the_boot_id(
    phone: VirtualPhone, adb_server: AdbServer
) -> None:
    serial = phone.serial
    ask = "cat /proc/sys/kernel/random/boot_id"
    first = adb_server.shell(serial, f"echo kept > /data/local/tmp/file; {ask}").stdout
    phone.reboot()
    assert phone.connect(adb_server) == serial
    second, kept = adb_server.shell(serial, f"{ask}; cat /data/local/tmp/file").stdout.split()
    assert second != first.strip()
    assert second.decode() == phone.boot_id
    assert kept == b"kept"


def test_reboot_can_wipe(phone: VirtualPhone, adb_server: AdbServer) -> None:
    adb_server.shell(phone.serial, "mkdir /data/local/tmp/a; echo x > /data/local/tmp/a/b")
    assert phone.files("/data/local/tmp") == ("a/b",)
    phone.reboot(wipe_tmp=True)
    assert phone.files("/data/local/tmp") == ()


def test_plugged_out_means_gone_and_the_same_port_means_back(phone: VirtualPhone, adb_server: AdbServer) -> None:
    port = phone.port
    phone.kill()
    assert adb_server.shell(phone.serial, "true").returncode != 0
    phone.start(port)
    phone.connect(adb_server)
    assert adb_server.shell(phone.serial, "echo back").stdout == b"back\n"


def test_frozen_phones_answer_nothing_and_go_on_when_thawed(phone: VirtualPhone, adb_server: AdbServer) -> None:
    phone.freeze()
    with pytest.raises(subprocess.TimeoutExpired):
        adb_server.shell(phone.serial, "true", timeout_s=0.7)
    assert adb_server.listed()[phone.serial] == "device"  # what adb says is no proof of life
    phone.thaw()
    assert adb_server.shell(phone.serial, "echo on").stdout == b"on\n"


def test_what_runs_outlives_adbd_and_is_seen(phone: VirtualPhone, adb_server: AdbServer) -> None:
    assert phone.processes() == ()
    adb_server.shell(phone.serial, "nohup setsid sleep 97 >/dev/null 2>&1 &")
    left = ("nohup setsid sleep 97",)  # toybox runs its own commands without becoming another program
    assert phone.processes() == left
    boot = phone.boot_id
    phone.kill_adbd_and_restart()
    phone.connect(adb_server)
    assert phone.boot_id == boot
    assert phone.processes() == left
    phone.reboot()
    assert phone.processes() == ()


def test_disk_full(make_phone: MakePhone, adb_server: AdbServer, tmp_path: Path) -> None:
    small = make_phone(tmp_bytes=1_000_000)
    serial = small.connect(adb_server)
    (tmp_path / "big").write_bytes(bytes(2_000_000))
    done = adb_server.adb("-s", serial, "push", str(tmp_path / "big"), "/data/local/tmp/big")
    assert done.returncode != 0
    assert b"No space left on device" in done.stderr + done.stdout
    adb_server.shell(serial, "echo small > /data/local/tmp/small")
    assert "small" in small.files("/data/local/tmp")
    assert (small.local("/data/local/tmp") / "small").read_text() == "small\n"


def test_unauthorized_until_a_person_agrees(make_phone: MakePhone, adb_server: AdbServer) -> None:
    shy = make_phone(authorized=False)
    answer = adb_server.ask(f"host:connect:{shy.serial}")
    assert answer.startswith("failed to authenticate")
    assert wait_for(lambda: adb_server.listed().get(shy.serial)) == "unauthorized"
    shy.authorize(adb_server)
    adb_server.ask(f"host:disconnect:{shy.serial}")
    shy.connect(adb_server)
    assert adb_server.listed()[shy.serial] == "device"


@pytest.mark.parametrize("emulator", [True, False])
def test_listed_twice_it_is_one_phone(phone: VirtualPhone, adb_server: AdbServer, emulator: bool) -> None:
    other = phone.second_listing(adb_server, emulator)
    assert other.startswith("emulator-") is emulator
    assert wait_for(lambda: adb_server.listed().get(other) == "device")
    ask = "getprop ro.serialno; cat /proc/sys/kernel/random/boot_id"
    assert adb_server.shell(other, ask).stdout == adb_server.shell(phone.serial, ask).stdout


def test_two_phones_can_have_one_serial_number(make_phone: MakePhone, adb_server: AdbServer) -> None:
    first, second = make_phone(), make_phone()
    ask = "getprop ro.serialno; cat /proc/sys/kernel/random/boot_id"
    answers = [adb_server.shell(one.connect(adb_server), ask).stdout.split() for one in (first, second)]
    assert answers[0][0] == answers[1][0] == b"VPHONE0001"
    assert answers[0][1] != answers[1][1]


def test_a_cable_is_pulled_in_the_middle_of_a_push(phone: VirtualPhone, adb_server: AdbServer, tmp_path: Path) -> None:
    cable = phone.cable()
    adb_server.ask(f"host:connect:{cable.serial}")
    assert adb_server.shell(cable.serial, "echo through").stdout == b"through\n"
    (tmp_path / "big").write_bytes(os.urandom(8_000_000))
    cable.pull_after(3_000_000)
    done = adb_server.adb("-s", cable.serial, "push", str(tmp_path / "big"), "/data/local/tmp/big")
    assert done.returncode != 0
    assert wait_for(lambda: phone.files("/data/local/tmp") == ())  # adbd deletes what is not whole


def test_a_slow_cable_is_slow(phone: VirtualPhone, adb_server: AdbServer, tmp_path: Path) -> None:
    cable = phone.cable()
    cable.limit(4_000_000)
    adb_server.ask(f"host:connect:{cable.serial}")
    (tmp_path / "data").write_bytes(os.urandom(2_000_000))
    started = time.monotonic()
    done = adb_server.adb("-s", cable.serial, "push", str(tmp_path / "data"), "/data/local/tmp/data")
    assert done.returncode == 0
    assert time.monotonic() - started > 0.4


HELLO = (
    '#include <cmath>\n#include <cstdio>\nint main(int n, char **) { std::printf("%.0f\\n", std::sqrt(81.0 * n)); }\n'
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    (tmp_path / "hello.cc").write_text(HELLO)
    subprocess.run(["g++", str(tmp_path / "hello.cc"), "-o", str(tmp_path / "hello")], check=True)
    return tmp_path / "hello"


def run_pushed(server: AdbServer, serial: str, program: Path) -> "subprocess.CompletedProcess[bytes]":
    server.adb("-s", serial, "push", str(program), "/data/local/tmp/program")
    return server.shell(serial, "chmod 755 /data/local/tmp/program; /data/local/tmp/program")


def test_programs_of_this_machine_run_with_libc_only(
    phone: VirtualPhone, make_phone: MakePhone, adb_server: AdbServer, program: Path
) -> None:
    assert run_pushed(adb_server, phone.serial, program).stdout == b"9\n"
    bare = make_phone()
    failed = run_pushed(adb_server, bare.connect(adb_server), program)
    assert failed.returncode in (126, 127)
    assert b"No such file or directory" in failed.stderr


def test_a_pushed_program_makes_the_phone_busy(phone: VirtualPhone, adb_server: AdbServer, tmp_path: Path) -> None:
    assert not phone.busy()
    script = "cp /system/bin/toybox /data/local/tmp/sleep; (/data/local/tmp/sleep 30 >/dev/null 2>&1 &)"
    adb_server.shell(phone.serial, script)
    assert phone.busy()
    assert phone.busy("sleep 30")
    assert not phone.busy("sleep 31")


def test_the_server_is_killed_and_comes_back_without_its_phones(phone: VirtualPhone, tmp_path: Path) -> None:
    with AdbServer(tmp_path / "own") as server:
        phone.connect(server)
        server.restart()
        assert server.listed() == {}
        phone.connect(server)
        server.freeze()
        with pytest.raises(OSError, match="timed out"):
            server.ask("host:devices", timeout_s=0.3)
        server.thaw()
        assert phone.serial in server.listed()


def test_applets_of_android_are_there_and_nothing_of_the_machine(phone: VirtualPhone, adb_server: AdbServer) -> None:
    script = (
        "cd /system/bin; for name in dd tr expr diff taskset sha256sum timeout; do [ -x $name ] || echo $name; done"
    )
    assert adb_server.shell(phone.serial, script).stdout == b""
    assert adb_server.shell(phone.serial, "ls / | tr '\\n' ' '; ls /usr").stdout == (
        b"apex bin data dev etc lib lib64 mnt proc sdcard storage sys system vendor "
    )
    assert adb_server.shell(phone.serial, "touch /system/x").stderr.endswith(b"Read-only file system\n")


@pytest.mark.slow
def test_an_aarch64_program_runs_on_an_aarch64_phone(
    make_phone: MakePhone, adb_server: AdbServer, tmp_path: Path
) -> None:
    compiler = shutil.which("aarch64-linux-gnu-g++") or shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("no aarch64-linux-gnu-gcc (apt-get install gcc-aarch64-linux-gnu)")
    (tmp_path / "hello.c").write_text('#include <stdio.h>\nint main(void) { puts("hello"); return 3; }\n')
    phone = make_phone(abi="arm64-v8a", libc=True)
    phone.connect(adb_server)
    for kind in ("-static", "-pie"):
        subprocess.run([compiler, str(tmp_path / "hello.c"), kind, "-o", str(tmp_path / "hello")], check=True)
        done = run_pushed(adb_server, phone.serial, tmp_path / "hello")
        assert (done.returncode, done.stdout) == (3, b"hello\n")
    asked = adb_server.shell(phone.serial, "uname -m; getprop ro.product.cpu.abi")
    assert asked.stdout == b"aarch64\narm64-v8a\n"
