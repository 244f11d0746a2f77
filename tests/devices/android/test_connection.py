from __future__ import annotations

import os
import re
import resource
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.devices.android.connection import Connection
from harness.devices.android.discover import discover
from harness.devices.android.find import select
from harness.devices.android.server import AdbServer
from harness.devices.base import ProcessResult, Watch
from harness.devices.capture import STDERR_HEAD_BYTES, STDERR_TAIL_BYTES, STDOUT_LIMIT_BYTES
from harness.errors import (
    DeviceError,
    DeviceOfflineError,
    InvocationTimeoutError,
    NoDeviceError,
    StorageFullError,
    UnauthorizedError,
    UsageError,
)
from tests.devices.android.fake_adb_server import FakeAdbServer, fail, okay, packet, serving
from tests.phone import server as phone_server
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone


def to(fake: FakeAdbServer, serial: str = "S") -> Connection:
    return Connection(AdbServer("127.0.0.1", fake.port), serial)


def answering(*pieces: bytes, pause_s: float = 0.0) -> Callable[[socket.socket, str], None]:
    """A shell that prints these pieces and closes."""

    def answer(link: socket.socket, _: str) -> None:
        link.sendall(b"OKAY")
        for piece in pieces:
            link.sendall(piece)
            time.sleep(pause_s)

    return answer


def run(connection: Connection, *argv: str, timeout_s: float = 20.0, **options: object) -> ProcessResult:
    given: dict[str, object] = {"stdin": b"", "env": {}, "cancel": threading.Event(), **options}
    return connection.run(argv, timeout_s=timeout_s, **given)  # type: ignore[arg-type]


# ---- at the wire -----------------------------------------------------------------------------------------------------


def test_outputs_and_status_of_a_shell() -> None:
    shell = answering(packet(1, b"out"), packet(2, b"err"), packet(1, b"put"), packet(3, b"\x8b"))
    with serving({"shell,v2,raw:": shell}) as fake:
        result = to(fake, "a b;$(id)").shell("true")
        assert (result.stdout, result.stderr, result.returncode) == (b"output", b"err", -11)
        assert "host:transport:a b;$(id)" in fake.requests


def test_a_phone_by_its_transport_number() -> None:
    with serving({"host-transport-id:7": okay("shell_v2"), "shell,v2,raw:": answering(packet(3, b"\0"))}) as fake:
        Connection(AdbServer("127.0.0.1", fake.port), "TWIN", 7).shell("true")
        assert "host:transport-id:7" in fake.requests
        assert not any("TWIN" in request for request in fake.requests)


@pytest.mark.parametrize("size", range(1, 14))
def test_a_shell_that_is_cut_anywhere_is_offline_and_no_success(size: int) -> None:
    stream = (packet(1, b"part") + packet(3, b"\0"))[:size]
    with serving({"shell,v2,raw:": answering(stream)}) as fake, pytest.raises(DeviceOfflineError):
        to(fake).shell("true")


def test_a_cut_run_is_offline_with_what_came() -> None:
    with serving({"shell,v2,raw:": answering(packet(1, b"part"))}) as fake:
        result = run(to(fake), "true")
    assert (result.offline, result.returncode, result.stdout) == (True, -1, b"part")
    assert not result.timed_out


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set", UnauthorizedError),
        ("device offline", DeviceOfflineError),
        ("device 'S' not found", DeviceOfflineError),
        ("more than one device with serial S", DeviceError),
        ("insufficient permissions for device: missing udev rules?", DeviceError),
        ("device still authorizing", DeviceOfflineError),
        ("", DeviceOfflineError),
    ],
)
@pytest.mark.parametrize("where", ["host-serial:", "host:transport"])
def test_a_refusal_becomes_the_error_it_means(said: str, error: type[Exception], where: str) -> None:
    with serving({where: fail(said)}) as fake, pytest.raises(error):
        to(fake).shell("true")


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_time_that_is_up_is_no_lost_phone(cancelled: bool) -> None:
    cancel = threading.Event()
    if cancelled:
        cancel.set()
    with serving({}) as fake, pytest.raises(InvocationTimeoutError):
        to(fake).shell("true", timeout_s=20.0 if cancelled else 0.0, cancel=cancel)


def test_a_number_of_a_million_digits_is_no_crash() -> None:
    flood = b"ended " + b"9" * 1_000_000 + b"\nleft\n"
    shell = answering(packet(1, flood), packet(3, b"\0"))
    with serving({"shell,v2,raw:": shell}) as fake, pytest.raises(DeviceError, match="cannot be ended: unknown"):
        to(fake).kill_leftovers()


def test_a_phone_without_shell_v2_is_said() -> None:
    with serving({"host-serial:": okay("cmd,stat_v2")}) as fake:
        with pytest.raises(DeviceError, match="shell protocol v2"):
            to(fake).shell("true")
        with pytest.raises(DeviceError, match="shell protocol v2"):
            run(to(fake), "true")
        assert not to(fake).alive()


def test_a_command_longer_than_adb_takes() -> None:
    with serving({}) as fake, pytest.raises(DeviceError, match="longer than adb takes"):
        to(fake).shell("x" * 70_000)


def test_a_shell_that_only_prints_slowly_does_not_outlast_the_deadline() -> None:
    with serving({"shell,v2,raw:": answering(*[packet(1, b".")] * 60, pause_s=0.05)}) as fake:
        started = time.monotonic()
        with pytest.raises(InvocationTimeoutError):
            to(fake).shell("true", timeout_s=0.5)
        assert time.monotonic() - started < 5


def test_a_server_that_stops_answering_holds_no_deadline_up() -> None:
    """The connection is accepted by the kernel and nothing is ever said: a stopped server."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = Connection(AdbServer("127.0.0.1", silent.getsockname()[1]), "S")
        started = time.monotonic()
        with pytest.raises(InvocationTimeoutError):
            connection.shell("true", timeout_s=0.4)
        assert time.monotonic() - started < 1.5
        assert not connection.alive(0.3)
        result = run(connection, "true", timeout_s=0.4)
        assert (result.timed_out, result.offline) == (True, True)
        assert time.monotonic() - started < 8


def test_a_flood_is_kept_in_bounds() -> None:
    chunk = packet(1, b"x" * (1 << 20)) + packet(2, b"y" * (1 << 20))

    def flood(link: socket.socket, _: str) -> None:
        link.sendall(b"OKAY")
        for _ in range((STDOUT_LIMIT_BYTES >> 20) + 60):
            link.sendall(chunk)
        link.sendall(packet(3, b"\0"))

    with serving({"shell,v2,raw:": flood}) as fake:
        result = to(fake).shell("true")
    assert len(result.stdout) == STDOUT_LIMIT_BYTES
    assert len(result.stderr) < STDERR_HEAD_BYTES + STDERR_TAIL_BYTES + 200
    assert b"left out" in result.stderr


def test_forged_lines_of_the_observer_are_output() -> None:
    forged = b"\n0123456789abcdef0123456789abcdef exit 0\n0123456789abcdef0123456789abcdef hwm 5\n"
    with serving({"shell,v2,raw:": answering(packet(2, forged), packet(3, b"\x05"))}) as fake:
        result = run(to(fake), "true", watch=Watch((0,), memory=True))
    assert (result.returncode, result.stderr) == (5, forged)
    assert result.observed is not None
    assert result.observed.peak_rss_kib is None


def test_reconnect_waits_longer_each_time_and_gives_up() -> None:
    pauses: list[float] = []
    with serving({"host:transport": fail("device offline"), "host:reconnect-offline": okay("done")}) as fake:
        connection = to(fake)
        started = time.monotonic()
        assert not connection.reconnect(1.2, threading.Event(), lambda s: (pauses.append(s), time.sleep(s)))
        assert 1.0 < time.monotonic() - started < 6
        assert "host:reconnect-offline" in fake.requests
    assert pauses[0] == 0.5
    assert pauses == sorted(pauses) or len(pauses) <= 3


def test_reconnect_of_an_address_disconnects_first_and_cancels() -> None:
    with serving({"host:transport": fail("device offline"), "host:connect:": okay("failed to connect")}) as fake:
        connection = to(fake, "10.0.0.1:5555")
        cancel = threading.Event()
        threading.Timer(0.3, cancel.set).start()
        started = time.monotonic()
        assert not connection.reconnect(60.0, cancel)
        assert time.monotonic() - started < 5
        asked = [request for request in fake.requests if "connect:" in request]
        assert asked[:2] == ["host:disconnect:10.0.0.1:5555", "host:connect:10.0.0.1:5555"]


# ---- on the virtual phone --------------------------------------------------------------------------------------------


@pytest.fixture
def server(adb_server: phone_server.AdbServer) -> AdbServer:
    return AdbServer.parse(adb_server.address)


@pytest.fixture
def connection(phone: VirtualPhone, server: AdbServer) -> Connection:
    return Connection(server, phone.serial)


def quiet(phone: VirtualPhone, limit_s: float = 5.0) -> None:
    """Nothing of ours is left on the phone, in memory or as a file of a run."""
    end = time.monotonic() + limit_s
    while mine(phone):
        assert time.monotonic() < end, mine(phone)
        time.sleep(0.05)
    runs = phone.local("/data/local/tmp/harness/run")
    assert not runs.is_dir() or not list(runs.iterdir())


def mine(phone: VirtualPhone) -> list[str]:
    """What runs there beside what the phone has of its own."""
    return [line for line in phone.processes() if re.search(r"sleep|HARNESS|harness|nonce|cat|sha256|head|dd ", line)]


def wait_for(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def within(limit_s: float) -> Callable[[], None]:
    started = time.monotonic()

    def check() -> None:
        assert time.monotonic() - started < limit_s, f"took {time.monotonic() - started:.1f} s"

    return check


HOSTILE = ("a b", "it's", '"', "$(id)", "`id`", ";", "\n", "*", "\\n", "-rf", "--", "é漢", "", "A=B", "&|<>")


@pytest.mark.phone
def test_a_run_as_it_is_asked_for(connection: Connection, phone: VirtualPhone) -> None:
    script = 'for a in "$@"; do echo "[$a]"; done; echo "$HOSTILE"; cat; printf "\\377\\r\\n" >&2; exit 7'
    env = {"HOSTILE": "".join(HOSTILE)}
    result = run(connection, "sh", "-c", script, "sh", *HOSTILE, stdin=b"in\0put", env=env, watch=Watch((1,)))
    lines = "".join(f"[{text}]\n" for text in HOSTILE) + "".join(HOSTILE) + "\nin\0put"
    assert (result.returncode, result.stdout.decode(), result.stderr) == (7, lines, b"\xff\r\n")
    seen = result.observed
    assert seen is not None
    assert seen.cpus == (1,)
    assert seen.online == phone.online()
    assert seen.started_uptime_s is not None
    quiet(phone)


@pytest.mark.phone
def test_memory_and_time_of_a_process(connection: Connection) -> None:
    result = run(connection, "sh", "-c", "sleep 0.7", watch=Watch((0,), memory=True))
    assert result.observed is not None
    assert result.observed.peak_rss_kib is not None
    assert result.observed.pss_kib is not None
    assert 0 < result.observed.pss_kib <= result.observed.peak_rss_kib < 100_000
    started, ended = result.observed.started_uptime_s, result.observed.ended_uptime_s
    assert started is not None
    assert ended is not None
    assert 0.6 < ended - started < 5


@pytest.mark.phone
def test_ways_to_end(connection: Connection, phone: VirtualPhone, tmp_path: Path) -> None:
    (tmp_path / "arm").write_bytes(b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\xf3\0" + bytes(100))
    connection.push(tmp_path / "arm", "/data/local/tmp/arm", timeout_s=10, mode=0o755)
    connection.push(tmp_path / "arm", "/data/local/tmp/no x;$(id)", timeout_s=10, mode=0o644)
    assert run(connection, "sh", "-c", "kill -SEGV $$").returncode == -11
    assert run(connection, "sh", "-c", "kill -KILL $$").returncode == -9
    assert run(connection, "/data/local/tmp/arm").returncode in (126, 127, 1, 2)
    assert run(connection, "/data/local/tmp/no x;$(id)").returncode == 126
    assert run(connection, "/data/local/tmp/nothing").returncode == 127
    assert run(connection, "sh", "-c", "exit 300").returncode == 44
    quiet(phone)


@pytest.mark.phone
def test_a_deadline_ends_all_that_was_started(connection: Connection, phone: VirtualPhone) -> None:
    check = within(6)
    script = "setsid sleep 900 & nohup sleep 901 & (trap '' HUP TERM INT; sleep 902) & sleep 903"
    result = run(connection, "sh", "-c", script, timeout_s=1.0, watch=Watch((0,)))
    check()
    assert (result.timed_out, result.cancelled, result.offline, result.returncode) == (True, False, False, -9)
    assert result.observed is not None
    assert result.observed.cpus == (0,)
    assert not any("sleep" in line for line in phone.processes())
    quiet(phone)


@pytest.mark.phone
def test_a_cancelled_run_ends_at_once(connection: Connection, phone: VirtualPhone) -> None:
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    check = within(4)
    result = run(connection, "sleep", "900", cancel=cancel)
    check()
    assert (result.cancelled, result.timed_out, result.offline) == (True, False, False)
    quiet(phone)


@pytest.mark.phone
def test_a_process_left_behind_does_not_hold_the_run_up(connection: Connection, phone: VirtualPhone) -> None:
    check = within(8)
    result = run(connection, "sh", "-c", "setsid sleep 900 & sleep 901 & echo done")
    check()
    assert (result.returncode, result.stdout, result.offline) == (0, b"done\n", False)
    quiet(phone)


@pytest.mark.phone
@pytest.mark.timeout(300)
def test_a_flood_of_1_gb_costs_little_memory(connection: Connection, phone: VirtualPhone) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = run(connection, "sh", "-c", "head -c 1000000000 /dev/zero; head -c 50000000 /dev/zero >&2", timeout_s=200)
    assert result.returncode == 0
    assert len(result.stdout) == STDOUT_LIMIT_BYTES
    assert len(result.stderr) < STDERR_HEAD_BYTES + STDERR_TAIL_BYTES + 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * (STDOUT_LIMIT_BYTES >> 10)
    quiet(phone)


@pytest.mark.phone
def test_unplugged_in_a_run(phone: VirtualPhone, server: AdbServer, adb_server: phone_server.AdbServer) -> None:
    """By a cable, so that the phone itself goes on and has to clean up."""
    cable = phone.cable()
    adb_server.ask(f"host:connect:{cable.serial}")
    connection = Connection(server, cable.serial)
    threading.Timer(0.7, cable.pull).start()
    check = within(6)
    result = run(connection, "sh", "-c", "echo started; sleep 900")
    check()
    assert (result.offline, result.timed_out, result.returncode) == (True, False, -1)
    assert result.stdout == b"started\n"
    quiet(phone)


@pytest.mark.phone
def test_what_an_unplug_left_is_ended_at_the_next_connection(connection: Connection, phone: VirtualPhone) -> None:
    """adbd dies by SIGKILL: nothing tells the shell on the phone that its connection is gone."""
    threading.Timer(0.7, phone.kill_adbd_and_restart).start()
    result = run(connection, "sh", "-c", "setsid sleep 900 & sleep 901")
    assert result.offline
    assert connection.reconnect(15.0, threading.Event())
    quiet(phone)
    assert connection.kill_leftovers() == 0


@pytest.mark.phone
def test_another_controller_can_end_what_was_left(
    connection: Connection, phone: VirtualPhone, server: AdbServer
) -> None:
    threading.Timer(0.7, phone.kill_adbd_and_restart).start()
    assert run(connection, "sh", "-c", "setsid sleep 900 & sleep 901").offline
    later = Connection(server, phone.serial)
    assert later.reconnect(15.0, threading.Event())
    assert any("sleep" in line for line in phone.processes())
    assert later.kill_leftovers() >= 2
    quiet(phone)


@pytest.mark.phone
def test_frozen_in_a_run(connection: Connection, phone: VirtualPhone) -> None:
    threading.Timer(0.5, phone.freeze).start()
    check = within(8)
    result = run(connection, "sleep", "900", timeout_s=2.0)
    check()
    assert (result.timed_out, result.offline) == (True, True)
    assert not connection.alive(1.0)
    phone.thaw()
    assert connection.reconnect(15.0, threading.Event())
    quiet(phone)


@pytest.mark.phone
def test_frozen_before_anything(connection: Connection, phone: VirtualPhone, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 100_000)
    phone.freeze()
    check = within(5)
    for call in (
        lambda: connection.shell("true", timeout_s=1.0),
        lambda: connection.push(tmp_path / "f", "/data/local/tmp/f", timeout_s=1.0),
        lambda: connection.pull("/data/local/tmp/f", tmp_path / "g", timeout_s=1.0),
    ):
        with pytest.raises(InvocationTimeoutError):
            call()
    check()
    phone.thaw()
    assert connection.alive()
    quiet(phone)


@pytest.mark.phone
@pytest.mark.parametrize("fault", ["freeze", "kill", "pull", "server"])
def test_faults_in_a_push_and_a_pull(
    fault: str, phone: VirtualPhone, server: AdbServer, adb_server: phone_server.AdbServer, tmp_path: Path
) -> None:
    cable = phone.cable()
    adb_server.ask(f"host:connect:{cable.serial}")
    connection = Connection(server, cable.serial)
    (tmp_path / "f").write_bytes(os.urandom(60_000_000))
    connection.push(tmp_path / "f", "/data/local/tmp/whole", timeout_s=30)
    cable.limit(20_000_000)
    strike = {"freeze": phone.freeze, "kill": phone.kill, "pull": cable.pull, "server": adb_server.restart}[fault]
    transfers = (
        lambda: connection.push(tmp_path / "f", "/data/local/tmp/part", timeout_s=2.0),
        lambda: connection.pull("/data/local/tmp/whole", tmp_path / "g", timeout_s=2.0),
    )
    for transfer in transfers:
        threading.Timer(0.6, strike).start()
        check = within(8)
        with pytest.raises((DeviceOfflineError, InvocationTimeoutError)):
            transfer()
        check()
        assert not (tmp_path / "g").exists()
        assert [path.name for path in tmp_path.glob(".*part")] == []
        if fault != "freeze":
            break
        phone.thaw()
        assert connection.reconnect(15.0, threading.Event())


@pytest.mark.phone
def test_the_server_killed_in_a_run(
    connection: Connection, phone: VirtualPhone, adb_server: phone_server.AdbServer
) -> None:
    threading.Timer(0.6, adb_server.restart).start()
    check = within(8)
    result = run(connection, "sleep", "900")
    check()
    assert result.offline
    assert connection.reconnect(15.0, threading.Event())
    quiet(phone)


@pytest.mark.phone
def test_the_server_frozen_in_a_run(
    connection: Connection, phone: VirtualPhone, adb_server: phone_server.AdbServer
) -> None:
    threading.Timer(0.6, adb_server.freeze).start()
    check = within(8)
    try:
        result = run(connection, "sleep", "900", timeout_s=2.0)
    finally:
        adb_server.thaw()
    check()
    assert (result.timed_out, result.offline) == (True, True)
    assert connection.reconnect(15.0, threading.Event())
    quiet(phone)


@pytest.mark.phone
def test_a_phone_that_comes_back_after_a_restart(connection: Connection, phone: VirtualPhone) -> None:
    first = connection.boot_id()
    phone.reboot(wipe_tmp=True)
    assert connection.reconnect(15.0, threading.Event())
    assert connection.boot_id() == phone.boot_id != first


@pytest.mark.phone
def test_disk_full_and_paths_that_cannot_be(
    make_phone: MakePhone, adb_server: phone_server.AdbServer, tmp_path: Path
) -> None:
    phone = make_phone(tmp_bytes=8 << 20)
    phone.connect(adb_server)
    connection = Connection(AdbServer.parse(adb_server.address), phone.serial)
    (tmp_path / "f").write_bytes(os.urandom(20 << 20))
    with pytest.raises(StorageFullError, match="No space left"):
        connection.push(tmp_path / "f", "/data/local/tmp/f", timeout_s=20)
    wait_for(lambda: phone.files("/data/local/tmp") == ())  # adbd removes it once the connection is closed
    with pytest.raises(DeviceError, match="Read-only"):
        connection.push(tmp_path / "f", "/system/f", timeout_s=20)
    with pytest.raises(DeviceError, match="1024"):
        connection.push(tmp_path / "f", "/data/local/tmp/" + "x" * 1100, timeout_s=20)
    with pytest.raises(DeviceError, match="No such file"):
        connection.pull("/data/local/tmp/nothing", tmp_path / "g", timeout_s=20)
    assert not (tmp_path / "g").exists()
    connection.shell("dd if=/dev/zero of=/data/local/tmp/fill bs=65536; true")
    assert run(connection, "echo", "a full disk hinders no run").returncode == 0


@pytest.mark.phone
@pytest.mark.parametrize("name", ["a b", "it's;$(id)", "é漢\n", "-rf", "*", "x" * 255])
def test_files_with_any_name(name: str, connection: Connection, phone: VirtualPhone, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    connection.push(tmp_path / "f", f"/data/local/tmp/new folder/{name}", timeout_s=10)
    assert name in phone.files("/data/local/tmp/new folder")
    connection.pull(f"/data/local/tmp/new folder/{name}", tmp_path / "g", timeout_s=10)
    assert (tmp_path / "g").read_bytes() == b"content"


@pytest.mark.phone
def test_a_stream_gives_lines_until_it_is_closed(connection: Connection, phone: VirtualPhone) -> None:
    lines: list[str] = []
    stream = connection.stream("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done", lines.append)
    end = time.monotonic() + 10
    while len(lines) < 5:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert stream.alive
    stream.close()
    count = len(lines)
    assert not stream.alive
    assert lines[:3] == ["line 0", "line 1", "line 2"]
    quiet(phone)
    assert len(lines) == count


@pytest.mark.phone
def test_a_stream_ends_with_its_phone(connection: Connection, phone: VirtualPhone) -> None:
    stream = connection.stream("echo begun; sleep 900", lambda _: None)
    phone.kill()
    end = time.monotonic() + 5
    while stream.alive:
        assert time.monotonic() < end
        time.sleep(0.02)
    stream.close()


@pytest.mark.phone
def test_phones_are_found_whatever_their_state(
    phone: VirtualPhone, make_phone: MakePhone, server: AdbServer, adb_server: phone_server.AdbServer
) -> None:
    other = make_phone(serial_no=phone.serial_no, model="Twin")
    other.connect(adb_server)
    locked = make_phone(authorized=False, serial_no="LOCKED")
    adb_server.ask(f"host:connect:{locked.serial}")
    phone.second_listing(adb_server, emulator=False)
    found = discover(server)
    ours = [
        one for one in found.phones if one.serial == phone.serial_no and one.boot_id in (phone.boot_id, other.boot_id)
    ]
    assert sorted(len(one.listed) for one in ours) == [1, 2]
    assert len({one.device_id for one in ours}) == 2
    assert select(found, {"model": "Twin"}).boot_id == other.boot_id
    assert locked.serial in {line.serial for line in found.unauthorized}
    with pytest.raises(UnauthorizedError):
        select(found, {"serial": locked.serial})
    with pytest.raises(UnauthorizedError):
        Connection(server, locked.serial).shell("true")
    assert (
        Connection(server, locked.serial)
        .run(("true",), stdin=b"", env={}, timeout_s=5, cancel=threading.Event())
        .offline
    )
    with pytest.raises(NoDeviceError):
        select(found, {"serial": phone.serial_no})


@pytest.mark.phone
def test_a_frozen_phone_does_not_hide_the_others(
    phone: VirtualPhone, make_phone: MakePhone, server: AdbServer, adb_server: phone_server.AdbServer
) -> None:
    other = make_phone(serial_no="OTHER")
    other.connect(adb_server)
    phone.freeze()
    check = within(5)
    found = discover(server, 2.0)
    check()
    phone.thaw()
    assert "OTHER" in {one.serial for one in found.phones}
    assert phone.serial in {line.serial for line in found.offline}


def test_what_no_program_can_be_given_is_said_before_anything() -> None:
    with serving({}) as fake:
        with pytest.raises(UsageError):
            run(to(fake), "a", env={"a b": "c"})
        assert fake.requests == []
