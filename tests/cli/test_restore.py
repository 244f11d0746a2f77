"""`harness restore` as a person uses it, against an adb server at the wire."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.devices.android.changes import Change, Entry
from harness.devices.android.journal import Journal
from tests.devices.android.fake_adb_server import FakeAdbServer, okay

ENTRY = Entry(
    device="adb-0123",
    journal_id="ab12",
    host="lab1",
    serial="0123",
    boot_id="b",
    made_at="2026-01-02T03:04:05+00:00",
    sdk=34,
    root=None,
    changes=(Change("stay_awake", "0", "7", True),),
)


@pytest.fixture
def server() -> Iterator[FakeAdbServer]:
    one = FakeAdbServer({"host:devices-l": okay("")})
    yield one
    one.close()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "restore")


def harness(journal: Journal, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "harness", "restore", *arguments],
        env={**os.environ, "HARNESS_RESTORE": str(journal.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_nothing_is_changed(journal: Journal, server: FakeAdbServer) -> None:
    done = harness(journal, "--adb-server", f"127.0.0.1:{server.port}")
    assert done.returncode == 0, done.stderr
    assert "Nothing is changed" in done.stdout


@pytest.mark.parametrize("named", [(), ("0123",), ("adb-0123",)])
def test_a_phone_that_is_not_there(journal: Journal, server: FakeAdbServer, named: tuple[str, ...]) -> None:
    journal.put(ENTRY)
    done = harness(journal, *named, "--adb-server", f"127.0.0.1:{server.port}")
    assert done.returncode == 3
    for words in ("adb-0123", "not there", "stay_awake", "2026-01-02T03:04:05+00:00 by lab1"):
        assert words in done.stdout
    assert journal.get("adb-0123") == ENTRY


def test_a_phone_that_has_not_allowed_this_computer(journal: Journal, server: FakeAdbServer) -> None:
    server.answers["host:devices-l"] = okay("0123   unauthorized usb:1-2 transport_id:3\n")
    journal.put(ENTRY)
    done = harness(journal, "--adb-server", f"127.0.0.1:{server.port}", "--json")
    assert done.returncode == 3
    (phone,) = json.loads(done.stdout)["phones"]
    assert phone["state"] == "absent"
    assert "has not allowed this computer" in phone["notes"][0]


def test_an_unknown_phone(journal: Journal, server: FakeAdbServer) -> None:
    journal.put(ENTRY)
    done = harness(journal, "other", "--adb-server", f"127.0.0.1:{server.port}")
    assert done.returncode == 3
    assert "no phone 'other' is attached" in done.stderr


def test_a_damaged_file_of_the_journal_is_said(journal: Journal, server: FakeAdbServer) -> None:
    journal.put(ENTRY)
    (file,) = journal.folder.iterdir()
    file.write_text("{")
    done = harness(journal, "--adb-server", f"127.0.0.1:{server.port}")
    assert done.returncode == 1
    assert str(file) in done.stdout.replace("\n", "")


def test_without_a_server_the_journal_is_still_told(journal: Journal, server: FakeAdbServer) -> None:
    server.answers["host:version"] = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    address = f"127.0.0.1:{server.port}"
    assert harness(journal, "--adb-server", address).returncode == 3
    journal.put(ENTRY)
    done = harness(journal, "--adb-server", address)
    assert done.returncode == 3
    assert "stay_awake" in done.stdout


def test_a_wrong_address(journal: Journal) -> None:
    assert harness(journal, "--adb-server", "a b").returncode == 2
