from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.android.connection import Connection
from harness.devices.android.server import AdbServer
from harness.devices.android.transfer import ROOT, FileCache, Item, safe_name
from harness.errors import DeviceError, DeviceOfflineError, InvocationTimeoutError, StorageFullError, UsageError
from tests.devices.android.local_shell import SHELLS, LocalShell, command
from tests.phone import server as phone_server
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone


class LocalCarrier(LocalShell):
    """A local shell to which files can be copied; `damage` changes a copy before it counts as received."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.damage: Callable[[Path], None] = lambda path: None
        self.pushed: list[str] = []

    def push(
        self, local: Path, remote: str, *, timeout_s: float, mode: int = 0o644, cancel: threading.Event | None = None
    ) -> None:
        self.pushed.append(remote)
        target = self.path(remote)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(local, target)
        target.chmod(mode)
        self.damage(target)

    def path(self, remote: str) -> Path:
        assert self.root is not None
        return self.root / remote.lstrip("/")


@pytest.fixture(params=SHELLS, ids=lambda sh: sh[0])
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> LocalCarrier:
    root = tmp_path / "phone"
    (root / "data/local/tmp").mkdir(parents=True)
    return LocalCarrier(request.param, root=root)


def file(folder: Path, name: str = "model.tflite", content: bytes = b"content") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@given(st.text(max_size=300))
def test_a_safe_name_needs_no_quoting(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= 120
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")
    assert safe[0] not in ".-"


def test_what_is_there_is_not_pushed_again(carrier: LocalCarrier, tmp_path: Path) -> None:
    local = file(tmp_path, "it's a $(model);.tflite")
    digest = hashlib.sha256(b"content").hexdigest()
    remote = FileCache(carrier).put(local)
    assert remote == f"{ROOT}/{digest}/it_s_a_model_.tflite"
    assert carrier.path(remote).read_bytes() == b"content"
    again = FileCache(carrier)
    calls = len(carrier.calls)
    assert again.put(local, sha256=digest) == remote
    assert again.pushed_bytes == 0
    assert len(carrier.pushed) == 1
    assert len(carrier.calls) == calls + 1


def test_many_that_are_there_cost_one_round_trip(carrier: LocalCarrier, tmp_path: Path) -> None:
    items = [Item(file(tmp_path, f"{number}", b"%d" % number)) for number in range(30)]
    first = FileCache(carrier).put_many(items)
    calls = len(carrier.calls)
    assert FileCache(carrier).put_many(items) == first
    assert len(carrier.calls) == calls + 1
    assert [carrier.path(path).read_bytes() for path in first] == [b"%d" % number for number in range(30)]


def test_a_renamed_file_is_the_same_and_a_changed_one_is_not(carrier: LocalCarrier, tmp_path: Path) -> None:
    cache = FileCache(carrier)
    first = cache.put(file(tmp_path, "a", b"one"))
    assert cache.put(file(tmp_path, "b", b"one")) == first
    changed = cache.put(file(tmp_path, "a", b"two"))
    assert changed != first
    assert carrier.path(changed).read_bytes() == b"two"
    assert len(carrier.pushed) == 2


def test_a_program_can_be_run_also_when_it_came_as_a_file(carrier: LocalCarrier, tmp_path: Path) -> None:
    cache = FileCache(carrier)
    local = file(tmp_path, "tool", b"#!/bin/sh\n")
    assert not os.access(carrier.path(cache.put(local)), os.X_OK)
    assert os.access(carrier.path(cache.put(local, executable=True)), os.X_OK)
    assert len(carrier.pushed) == 1


def test_a_folder_of_files_that_lie_together(carrier: LocalCarrier, tmp_path: Path) -> None:
    files = {
        "run it": file(tmp_path, "a", b"one"),
        "lib's.so": file(tmp_path, "b", b"two"),
        "c": file(tmp_path, "c", b""),
    }
    cache = FileCache(carrier)
    remote = cache.put_folder(files, executable=["run it"])
    assert {path.name: path.read_bytes() for path in carrier.path(remote).glob("[!.]*")} == {
        "run it": b"one",
        "lib's.so": b"two",
        "c": b"",
    }
    assert os.access(carrier.path(remote) / "run it", os.X_OK)
    assert not os.access(carrier.path(remote) / "c", os.X_OK)
    assert cache.put_folder(files, executable=["run it"]) == remote
    assert len(carrier.pushed) == 3
    assert cache.put_folder(files, executable=["c"]) != remote
    (carrier.path(remote) / "c").unlink()
    assert cache.put_folder(files, executable=["run it"]) == remote
    assert (carrier.path(remote) / "c").exists()


@pytest.mark.parametrize("names", [["../a"], ["a/b"], [".."], [""], ["-rf"], ["a\nb"], ["x" * 256], []])
def test_names_that_no_file_of_a_folder_can_have(names: list[str], tmp_path: Path) -> None:
    shell = LocalCarrier(root=tmp_path)
    files: Mapping[str, Path] = dict.fromkeys(names, file(tmp_path))
    with pytest.raises(UsageError):
        FileCache(shell).put_folder(files)
    assert shell.calls == []


def test_a_file_of_another_size_or_half_made_does_not_count(carrier: LocalCarrier, tmp_path: Path) -> None:
    local = file(tmp_path, "a", b"x" * 1000)
    remote = FileCache(carrier).put(local)
    carrier.path(remote).write_bytes(b"x" * 999)
    assert FileCache(carrier).put(local) == remote
    assert carrier.path(remote).read_bytes() == b"x" * 1000
    half = carrier.path(ROOT) / ".new-0123"
    half.mkdir()
    FileCache(carrier).put(file(tmp_path, "b", b"y"))
    assert not half.exists()


def test_a_damaged_copy_is_sent_again_and_never_counts(carrier: LocalCarrier, tmp_path: Path) -> None:
    local = file(tmp_path, "a", b"good")
    damaged: list[Path] = []

    def once(path: Path) -> None:
        if not damaged:
            damaged.append(path)
            path.write_bytes(b"evil")

    carrier.damage = once
    remote = FileCache(carrier).put(local)
    assert carrier.path(remote).read_bytes() == b"good"
    assert len(carrier.pushed) == 2
    carrier.damage = lambda path: path.write_bytes(b"evil") and None
    with pytest.raises(DeviceError, match="not on the phone as it was sent"):
        FileCache(carrier).put(file(tmp_path, "b", b"fine"))
    assert [path.name for path in carrier.path(ROOT).iterdir()] == [remote.split("/")[-2]]


def test_a_large_file_is_hashed_on_the_way(carrier: LocalCarrier, tmp_path: Path) -> None:
    content = os.urandom(9 << 20)
    remote = FileCache(carrier).put(file(tmp_path, "big", content))
    assert carrier.path(remote).read_bytes() == content
    settle = next(call for call in carrier.calls if call.startswith("set -- settle"))
    assert " 644 - big\n" in settle.split("#!")[0]
    carrier.damage = lambda path: path.write_bytes(content) and None
    with pytest.raises(DeviceError, match="as it was sent"):
        FileCache(carrier).put(file(tmp_path, "other", os.urandom(9 << 20)))


def test_after_a_restart_it_is_verified_again_without_a_push(carrier: LocalCarrier, tmp_path: Path) -> None:
    assert carrier.root is not None
    boot = carrier.root / "proc/sys/kernel/random"
    boot.mkdir(parents=True)
    (boot / "boot_id").write_text("first\n")
    good, bad = file(tmp_path, "a", b"good"), file(tmp_path, "b", b"gone")
    first, second = FileCache(rebooted(carrier)).put_many([Item(good), Item(bad)])
    (boot / "boot_id").write_text("second\n")
    carrier.path(second).write_bytes(b"\0\0\0\0")
    cache = FileCache(rebooted(carrier))
    assert cache.put_many([Item(good), Item(bad)]) == (first, second)
    assert carrier.path(second).read_bytes() == b"gone"
    assert cache.pushed_bytes == 4
    calls = len(carrier.calls)
    FileCache(carrier).put(good)
    assert len(carrier.calls) - calls <= 2


def test_a_phone_that_hides_its_boot_is_verified_again_each_session(carrier: LocalCarrier, tmp_path: Path) -> None:
    """What was written before a restart may be zeros, and here nothing tells of a restart."""
    assert carrier.root is not None
    boot = carrier.root / "proc/sys/kernel/random"
    boot.mkdir(parents=True)
    local = file(tmp_path, "a", b"gone")
    path = FileCache(rebooted(carrier)).put(local)
    carrier.path(path).write_bytes(b"\0\0\0\0")
    assert FileCache(rebooted(carrier)).put(local) == path
    assert carrier.path(path).read_bytes() == b"gone"


def rebooted(carrier: LocalCarrier) -> LocalCarrier:
    """The same phone; the paths of /proc are looked up when the script is mapped."""
    again = LocalCarrier(carrier.sh, root=carrier.root)
    again.env = carrier.env
    return again


def test_md5_where_there_is_no_sha256sum(carrier: LocalCarrier, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("md5sum", "mkdir", "rm", "mv", "chmod", "stat", "du", "df", "touch", "cat", "sleep"):
        (tools / name).symlink_to(shutil.which(name) or "")
    if carrier.sh[0] == "busybox":
        pytest.skip("busybox has the commands in itself")
    shell = [shutil.which(carrier.sh[0]) or ""]
    carrier.sh, carrier.env = tuple(shell), {"PATH": str(tools)}
    local = file(tmp_path, "a", b"good")
    remote = FileCache(carrier).put(local)
    assert hashlib.md5(b"good").hexdigest() in carrier.calls[-1]
    (tools / "md5sum").unlink()
    with pytest.raises(DeviceError, match="neither sha256sum nor md5sum"):
        FileCache(carrier).put(local)
    assert carrier.path(remote).exists()


def test_the_least_recently_used_make_room(carrier: LocalCarrier, tmp_path: Path) -> None:
    old = [FileCache(carrier).put(file(tmp_path, f"{number}", os.urandom(200_000))) for number in range(4)]
    for age, path in enumerate(old):
        os.utime(carrier.path(path).parent, (1_000_000 + age, 1_000_000 + age))
    cache = FileCache(carrier, limit_bytes=1_100_000)
    kept = cache.put(file(tmp_path, "0x", carrier.path(old[0]).read_bytes()))
    assert kept == old[0]  # in use now, though the oldest
    cache.put(file(tmp_path, "new", os.urandom(400_000)))
    assert [carrier.path(path).exists() for path in old] == [True, False, True, True]
    assert cache.usage() <= 1_100_000


def test_what_is_larger_than_the_limit_or_the_disk_is_refused(carrier: LocalCarrier, tmp_path: Path) -> None:
    with pytest.raises(StorageFullError, match="2 MB are needed"):
        FileCache(carrier, limit_bytes=1_000_000).put(file(tmp_path, "a", bytes(2_000_000)))
    fakes = tmp_path / "fakes"
    command(fakes, "df", "echo Filesystem 1K-blocks Used Available Use% Mounted on; echo /dev/x 9 9 300 99% /data")
    full = LocalCarrier(("mksh",) if shutil.which("mksh") else ("dash",), root=carrier.root, path=[fakes])
    with pytest.raises(StorageFullError, match="0 MB are free"):
        FileCache(full).put(file(tmp_path, "a", bytes(2_000_000)))
    assert full.pushed == carrier.pushed == []


def test_clean_frees_everything_and_says_how_much(carrier: LocalCarrier, tmp_path: Path) -> None:
    cache = FileCache(carrier)
    cache.put(file(tmp_path, "a", os.urandom(300_000)))
    used = cache.usage()
    assert 300_000 <= used < 400_000
    (carrier.path(ROOT) / ".new-1").mkdir()
    assert cache.clean() == used
    assert cache.usage() == 0
    assert list(carrier.path(ROOT).iterdir()) == []


def test_a_file_that_cannot_be_read_and_a_hash_that_is_none(carrier: LocalCarrier, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        FileCache(carrier).put(tmp_path / "nothing")
    with pytest.raises(UsageError, match="no sha256"):
        FileCache(carrier).put(file(tmp_path), sha256="$(id)")


# ---- on the virtual phone --------------------------------------------------------------------------------------------


@pytest.fixture
def connection(phone: VirtualPhone, adb_server: phone_server.AdbServer) -> Connection:
    return Connection(AdbServer.parse(adb_server.address), phone.serial)


@pytest.mark.phone
def test_on_a_phone(connection: Connection, phone: VirtualPhone, tmp_path: Path) -> None:
    content = os.urandom(12 << 20)
    big, tool = file(tmp_path, "big;$(id)", content), file(tmp_path, "tool", b"#!/system/bin/sh\necho $0 ran\n")
    cache = FileCache(connection)
    remote = cache.put(big)
    assert phone.local(remote).read_bytes() == content
    program = cache.put(tool, executable=True)
    assert connection.shell(program).stdout == f"{program} ran\n".encode()
    assert cache.pushed_bytes == len(content) + tool.stat().st_size
    again = FileCache(connection)
    assert again.put_many([Item(big), Item(tool, executable=True)]) == (remote, program)
    assert again.pushed_bytes == 0
    phone.reboot()
    assert connection.reconnect(15, threading.Event())
    assert again.put(big) == remote
    assert again.pushed_bytes == 0
    assert cache.clean() > len(content)
    assert phone.files(ROOT) == ()


@pytest.mark.phone
@pytest.mark.parametrize("fault", ["kill", "freeze", "pull"])
def test_an_interrupted_push_never_counts(
    fault: str, phone: VirtualPhone, adb_server: phone_server.AdbServer, tmp_path: Path
) -> None:
    cable = phone.cable()
    adb_server.ask(f"host:connect:{cable.serial}")
    connection = Connection(AdbServer.parse(adb_server.address), cable.serial)
    connection.shell("true")
    cable.limit(10_000_000)
    content = os.urandom(30_000_000)
    local = file(tmp_path, "model", content)
    digest = hashlib.sha256(content).hexdigest()
    cancel = threading.Event()
    strike = threading.Timer(1.0, {"kill": phone.kill, "freeze": phone.freeze, "pull": cable.pull}[fault])
    strike.start()
    if fault == "freeze":
        threading.Timer(2.5, cancel.set).start()
    started = time.monotonic()
    with pytest.raises((DeviceOfflineError, InvocationTimeoutError)):
        FileCache(connection, cancel=cancel).put(local, sha256=digest)
    assert time.monotonic() - started < 12
    strike.join()
    if fault == "freeze":
        phone.thaw()
    elif fault == "kill":
        phone.start(phone.port)
    connection = Connection(AdbServer.parse(adb_server.address), phone.serial)
    assert connection.reconnect(15, threading.Event())
    assert not phone.local(f"{ROOT}/{digest}").exists()
    cache = FileCache(connection)
    assert phone.local(cache.put(local, sha256=digest)).read_bytes() == content
    assert cache.pushed_bytes == len(content)


@pytest.mark.phone
def test_a_full_disk_is_said_with_sizes(
    make_phone: MakePhone, adb_server: phone_server.AdbServer, tmp_path: Path
) -> None:
    phone = make_phone(tmp_bytes=40 << 20)
    phone.connect(adb_server)
    connection = Connection(AdbServer.parse(adb_server.address), phone.serial)
    cache = FileCache(connection)
    with pytest.raises(StorageFullError, match="63 MB are needed, 42 MB are free"):
        cache.put(file(tmp_path, "a", bytes(63_000_000)))
    FileCache(connection).put(file(tmp_path, "old", os.urandom(20_000_000)))
    assert phone.local(cache.put(file(tmp_path, "new", os.urandom(30_000_000)))).exists()  # the old one went
    with pytest.raises(StorageFullError):
        cache.put(file(tmp_path, "more", os.urandom(30_000_000)))  # what is in use stays
    assert cache.usage() < 31 << 20
