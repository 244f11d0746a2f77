from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from harness.devices.host import HostDevice
from harness.errors import DeviceError, StorageFullError


def host() -> HostDevice:
    return HostDevice(vulkan=lambda: ())


def test_a_workspace_is_empty_and_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    with host().workspace() as first, host().workspace() as second:
        assert first != second
        assert list(Path(first).iterdir()) == []
        (Path(first) / "left").write_text("x")
    assert not Path(first).exists()


def test_a_file_is_placed_and_fetched_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"content")
    with host().workspace() as folder:
        host().place(tmp_path / "here", f"{folder}/there")
        assert not (tmp_path / "here").exists()
        host().fetch(f"{folder}/there", tmp_path / "back")
        assert list(Path(folder).iterdir()) == []
    assert (tmp_path / "back").read_bytes() == b"content"


def test_another_file_system_gets_a_whole_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").write_bytes(b"content")
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.name == "here":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        assert not Path(target).exists()
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    host().place(tmp_path / "here", str(tmp_path / "there"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]
    assert (tmp_path / "there").read_bytes() == b"content"


def test_what_cannot_be_placed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").write_bytes(b"content")
    with pytest.raises(DeviceError, match="No such file"):
        host().place(tmp_path / "here", str(tmp_path / "no" / "there"))

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageFullError, match="No space left"):
        host().place(tmp_path / "here", str(tmp_path / "there"))
