from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.devices.android.server import AdbServer, Attached, adb_program, parse_attached
from harness.devices.android.wire import Deadline, Wire
from harness.errors import DeviceOfflineError, InvocationTimeoutError, UsageError
from tests.devices.android.fake_adb_server import fail, okay, serving
from tests.phone.server import free_port


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:5037", "127.0.0.1", 5037),
        ("lab-3", "lab-3", 5037),
        (" lab-3.example.org:6000 ", "lab-3.example.org", 6000),
        ("[::1]:5038", "::1", 5038),
    ],
)
def test_an_address(text: str, host: str, port: int) -> None:
    assert AdbServer.parse(text) == AdbServer(host, port)


@pytest.mark.parametrize(
    "text", ["", ":5037", "a:b", "a:0", "a:65536", "a b:1", "http://a:1", "::1:5037", "a:1:2", "x@y:1"]
)
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="host:port"):
        AdbServer.parse(text)


LISTING = """\
0123456789ABCDEF       device usb:1-2.3 product:husky model:Pixel_8_Pro device:husky transport_id:4
127.0.0.1:5555         offline product:vphone model:Virtual_Phone_8 device:vphone transport_id:2
R5CT                   unauthorized usb:1-1 transport_id:3
HT 0 1; $(id)          device transport_id:9
ABC                    no permissions (are your udev rules wrong?); see [http://android.com/x] usb:3-1 transport_id:7
adb-31FEB._adb-tls-connect._tcp device product:a model:B device:c transport_id:11
DEF                    recovery usb:9 product:x model:y device:z transport_id:12
emulator-5554          device
nonsense
"""


def test_every_state_is_listed() -> None:
    assert parse_attached(LISTING) == (
        Attached("0123456789ABCDEF", "device", "Pixel 8 Pro", 4, "usb:1-2.3"),
        Attached("127.0.0.1:5555", "offline", "Virtual Phone 8", 2),
        Attached("R5CT", "unauthorized", "", 3, "usb:1-1"),
        Attached("HT 0 1; $(id)", "device", "", 9),
        Attached("ABC", "no permissions", "", 7, "usb:3-1"),
        Attached("adb-31FEB._adb-tls-connect._tcp", "device", "B", 11),
        Attached("DEF", "recovery", "y", 12, "usb:9"),
        Attached("emulator-5554", "device"),
    )


def test_version_and_list_of_a_server() -> None:
    with serving({"host:devices-l": okay(LISTING)}) as fake:
        server = AdbServer("127.0.0.1", fake.port)
        assert server.ensure() == 41
        assert len(server.attached()) == 8


@pytest.fixture
def no_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every way to start an adb server leaves a trace in this file instead."""
    trace, program = tmp_path / "started", tmp_path / "adb"
    program.write_text(f"#!/bin/sh\necho $* >> {trace}\n")
    program.chmod(0o755)
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(program))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("harness.devices.android.server.adb_program", lambda: program)
    return trace


def address_of_this_machine() -> str:
    """An address that is not the loopback's own name, and still refuses at once."""
    return "127.0.0.2"


def test_a_remote_server_that_refuses_starts_nothing_here(no_start: Path) -> None:
    server = AdbServer(address_of_this_machine(), free_port())
    with pytest.raises(DeviceOfflineError, match="refuses"):
        server.ensure()
    for call in (server.attached, server.version):
        with pytest.raises(DeviceOfflineError):
            call()
    assert not no_start.exists()


def test_a_local_server_is_started_on_its_port_only_by_ensure(no_start: Path) -> None:
    server = AdbServer("127.0.0.1", free_port())
    with pytest.raises(DeviceOfflineError):
        server.attached()
    assert not no_start.exists()
    with pytest.raises(DeviceOfflineError):  # what was started here only leaves a trace
        server.ensure()
    assert no_start.read_text().split() == ["-P", str(server.port), "start-server"]


def test_an_unknown_host_is_said() -> None:
    with pytest.raises(DeviceOfflineError, match="cannot be reached"):
        AdbServer("no-such-host.invalid", 5037).ensure()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"OKAYzzzz", b"OKAY0004", b"OKAY0002xy", b"", b"FA"]
)
def test_what_is_no_adb_server_is_offline(answer: bytes) -> None:
    with serving({"host:version": answer}) as fake, pytest.raises(DeviceOfflineError):
        AdbServer("127.0.0.1", fake.port).ensure(2.0)


def test_a_refusal_gives_its_reason() -> None:
    with serving({"host:devices-l": fail("not today")}) as fake, pytest.raises(DeviceOfflineError, match="not today"):
        AdbServer("127.0.0.1", fake.port).attached()


def test_a_server_that_accepts_and_is_silent_does_not_hang() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(DeviceOfflineError, match=r"0\.5 s"):
            AdbServer("127.0.0.1", silent.getsockname()[1]).attached(0.5)
        assert 0.4 < time.monotonic() - started < 2


def test_a_server_that_drips_does_not_outlast_the_deadline() -> None:
    def drip(link: socket.socket, _: str) -> None:
        link.sendall(b"OKAYffff")
        for _ in range(100):
            link.sendall(b".")
            time.sleep(0.05)

    with serving({"host:devices-l": drip}) as fake:
        started = time.monotonic()
        with pytest.raises(DeviceOfflineError):
            AdbServer("127.0.0.1", fake.port).attached(0.6)
        assert time.monotonic() - started < 2


def test_a_cancelled_wait_ends_at_once() -> None:
    cancel = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wire = Wire("127.0.0.1", silent.getsockname()[1], Deadline(30.0, cancel))
        threading.Timer(0.2, cancel.set).start()
        started = time.monotonic()
        with wire, pytest.raises(InvocationTimeoutError, match="cancelled"):
            wire.ask("host:version")
        assert time.monotonic() - started < 0.6


def test_a_local_server_is_really_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the adb that comes with adbutils; it is ended here by its own protocol."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ADB_MDNS", "0")
    monkeypatch.setenv("ADB_LOCAL_TRANSPORT_MAX_PORT", "5554")
    server = AdbServer("127.0.0.1", free_port())
    try:
        version = subprocess.run([str(adb_program()), "version"], capture_output=True, text=True, check=True).stdout
        assert f"1.0.{server.ensure()}" in version
        assert server.attached() == ()
    finally:
        with suppress(DeviceOfflineError):
            server.ask("host:kill", 5.0)


def test_a_server_named_on_another_port_is_never_started(no_start: Path) -> None:
    """It may be the end of a tunnel: a server in its place would hide that the tunnel is down."""
    server = AdbServer.parse(f"localhost:{free_port()}")
    with pytest.raises(DeviceOfflineError, match="refuses the connection"):
        server.ensure()
    assert AdbServer.parse("localhost").may_start
    assert not no_start.exists()
