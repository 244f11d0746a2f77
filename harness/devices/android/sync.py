"""Files to and from a phone by adb's sync service, within a deadline.

A batch of chunks goes out by one system call, which makes this as fast as the `adb` program; and unlike that program it
cannot find the server's version unlike its own and restart it under somebody's measurement. Source of the format:
`packages/modules/adb/SYNC.TXT` of Android.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
from contextlib import suppress
from io import FileIO
from pathlib import Path

from harness.devices.android.wire import Deadline, Wire
from harness.errors import DeviceError, DeviceOfflineError, StorageFullError

CHUNK = 1 << 16
_BATCH = 16
_SEND_BUFFER = 1 << 20
_LONGEST_PATH = 1024
_HEAD = struct.Struct("<4sI")


def send_file(wire: Wire, local: Path, remote: str, mode: int, deadline: Deadline) -> None:
    """Write `local` to `remote` with the permission bits `mode`; `wire` has an open sync service.

    Raises:
        DeviceError: the phone refused the path; StorageFullError when its disk is full. It keeps no part of the file.
        InvocationTimeoutError: the deadline passed.
    """
    with local.open("rb", buffering=0) as file:
        wire.conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        wire.send_all(_request(b"SEND", remote, f",{stat.S_IFREG | mode}"))
        if _send_content(wire, file, deadline):
            wire.send_all(_HEAD.pack(b"DONE", int(os.fstat(file.fileno()).st_mtime) & 0xFFFFFFFF))
    _expect_okay(wire, remote)


def _send_content(wire: Wire, file: FileIO, deadline: Deadline) -> bool:
    """Whether all of it was taken; False when the phone has an objection to be read."""
    wire.conn.setblocking(False)
    poller = select.poll()
    poller.register(wire.conn, select.POLLIN | select.POLLOUT)
    while batch := file.read(CHUNK * _BATCH):
        rest = _framed(memoryview(batch))
        while rest:
            events = poller.poll(deadline.slice_s() * 1000)
            if any(event & ~select.POLLOUT for _, event in events):
                return False
            if events:
                rest = _sent(wire, rest)
    return True


def _framed(content: memoryview) -> list[memoryview]:
    pieces = (content[at : at + CHUNK] for at in range(0, len(content), CHUNK))
    return [part for piece in pieces for part in (memoryview(_HEAD.pack(b"DATA", len(piece))), piece)]


def _sent(wire: Wire, parts: list[memoryview]) -> list[memoryview]:
    """What is left of `parts` after one call."""
    try:
        count = wire.conn.sendmsg(parts)
    except BlockingIOError:
        return parts
    for index, part in enumerate(parts):
        if count < len(part):
            return [part[count:], *parts[index + 1 :]]
        count -= len(part)
    return []


def receive_file(wire: Wire, remote: str, local: Path) -> None:
    """Write the phone's `remote` to `local`, which appears only when it is whole.

    Raises:
        DeviceError: there is no such file, or it may not be read.
        InvocationTimeoutError: the deadline of `wire` passed.
    """
    partial = local.with_name(f".{local.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            wire.send_all(_request(b"RECV", remote))
            while True:
                kind, length = _HEAD.unpack(wire.read(_HEAD.size))
                if kind == b"DONE":
                    break
                if kind == b"FAIL":
                    raise _failure(wire, length, remote)
                if kind != b"DATA" or length > CHUNK:
                    raise DeviceOfflineError(f"a transfer brought {kind!r} of {length} bytes", where=remote)
                file.write(wire.read(length))
        partial.replace(local)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def _request(kind: bytes, remote: str, more: str = "") -> bytes:
    path = remote.encode("utf-8", "surrogateescape")
    if len(path) > _LONGEST_PATH or b"\0" in path:
        raise DeviceError(f"the path has {len(path)} bytes; a phone takes {_LONGEST_PATH}", where=remote[:80])
    return _HEAD.pack(kind, len(path) + len(more)) + path + more.encode()


def _expect_okay(wire: Wire, remote: str) -> None:
    kind, length = _HEAD.unpack(wire.read(_HEAD.size))
    if kind == b"FAIL":
        raise _failure(wire, length, remote)
    if kind != b"OKAY":
        raise DeviceOfflineError(f"a transfer was answered by {kind!r}", where=remote)


def _failure(wire: Wire, length: int, remote: str) -> DeviceError:
    reason = wire.read(min(length, CHUNK)).decode("utf-8", "replace").strip()
    if "No space left" in reason or "Disk quota exceeded" in reason:
        return StorageFullError(f"no room on the phone: {reason}", where=remote)
    return DeviceError(f"the phone refused the transfer: {reason}", where=remote)
