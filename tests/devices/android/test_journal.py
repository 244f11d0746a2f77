"""The host's journal of changed phones: durable, whole, and not lost with one bad file."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.devices.android.changes import Change, Entry
from harness.devices.android.journal import Journal, decode, encode
from harness.errors import StoreError

ENTRY = Entry(
    device="adb-0123",
    journal_id="ab12",
    host="lab1",
    serial="0123",
    boot_id="b",
    made_at="2026-01-02T03:04:05+00:00",
    sdk=34,
    root=("su", "-c"),
    changes=(Change("stay_awake", None, "7", True), Change("brightness", "12", "40")),
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "new" / "restore")


def test_an_entry_comes_back_as_it_was(journal: Journal) -> None:
    assert journal.get("adb-0123") is None
    assert journal.contents().entries == ()
    journal.put(ENTRY)
    again = Journal(journal.folder)
    assert again.get("adb-0123") == ENTRY
    assert again.contents().entries == (ENTRY,)
    journal.put(replace(ENTRY, sdk=30, root=None))
    assert again.get("adb-0123") == replace(ENTRY, sdk=30, root=None)
    journal.remove("adb-0123")
    journal.remove("adb-0123")
    assert again.contents().entries == ()
    assert list(journal.folder.iterdir()) == []


def test_phones_have_files_of_their_own_whatever_they_are_called(journal: Journal) -> None:
    names = ["adb-1", "adb-1 ", "../../etc/passwd", "a/b", "a_b", "-rf", "x" * 300, "\n", "é"]
    for name in names:
        journal.put(replace(ENTRY, device=name))
    assert {entry.device for entry in journal.contents().entries} == set(names)
    assert len(list(journal.folder.iterdir())) == len(names)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '{"version": 2}',
        "\x00",
        encode(ENTRY)[:-5],
        encode(ENTRY).replace('"sdk": 34', '"sdk": "x"'),
    ],
)
def test_a_file_that_cannot_be_read_is_said_and_loses_no_other(journal: Journal, text: str) -> None:
    journal.put(ENTRY)
    (bad,) = journal.folder.iterdir()
    journal.put(replace(ENTRY, device="adb-other"))
    bad.write_text(text)
    contents = journal.contents()
    assert [entry.device for entry in contents.entries] == ["adb-other"]
    assert len(contents.problems) == 1
    assert str(bad) in contents.problems[0]
    assert journal.get("adb-0123") is None
    journal.put(ENTRY)  # the next session keeps what was there for a person to look at
    assert journal.get("adb-0123") == ENTRY
    assert bad.with_suffix(".unreadable").read_text() == text


def test_a_write_that_is_cut_short_leaves_the_former_entry(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.put(ENTRY)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        journal.put(replace(ENTRY, sdk=1))
    monkeypatch.undo()
    assert journal.get("adb-0123") == ENTRY
    assert journal.contents().problems == ()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as failed:
        Journal(tmp_path / "file" / "restore").put(ENTRY)
    assert "HARNESS_RESTORE" in failed.value.remedy


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"HARNESS_RESTORE": "/var/r", "XDG_STATE_HOME": "/s"}, "/var/r"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/harness/restore"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/harness/restore"),
    ],
)
def test_where_it_lies(environ: dict[str, str], place: str) -> None:
    assert str(Journal.open(environ).folder) == place


def test_what_comes_from_a_phone_is_bounded() -> None:
    text = json.loads(encode(ENTRY))
    for field, value in [("journal_id", "a b"), ("root", ["reboot"]), ("host", "x" * 501), ("sdk", -1), ("changes", 1)]:
        with pytest.raises(ValueError, match=field):
            decode(json.dumps({**text, field: value}))
    assert decode(json.dumps({**text, "later": 1})) == ENTRY
