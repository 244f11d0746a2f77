"""The virtual phone itself: it boots, answers, dies and comes back as a phone does."""

import pytest

from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer

pytestmark = pytest.mark.phone


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
