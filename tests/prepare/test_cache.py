from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.prepare.cache import STALE_STAGING_S, Cache, default_cache_dir, tree_sha256


def _staged(folder: Path, text: bytes = b"content") -> Path:
    (folder / "saved_model").mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(text)
    (folder / "saved_model" / "large.bin").write_bytes(b"large")
    return folder


def test_what_is_committed_is_loaded(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.load("variants", "k") is None
    made = cache.commit("variants", "k", _staged(tmp_path / "s"), {"seconds": 1.5})
    found = cache.load("variants", "k")
    assert found == made
    assert found is not None
    assert found.meta == {"seconds": 1.5}
    assert (found.path / "model.tflite").read_bytes() == b"content"
    assert set(found.sha256) == {"model.tflite", "saved_model/large.bin"}
    assert list((tmp_path / "cache" / "staging").iterdir()) == []


@pytest.mark.parametrize("damage", ["flip", "truncate", "missing", "manifest", "no manifest", "manifest type"])
def test_damaged_entry_is_removed(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path / "cache")
    path = cache.commit("variants", "k", _staged(tmp_path / "s"), {}).path
    model, manifest = path / "model.tflite", path / "entry.json"
    if damage == "flip":
        model.write_bytes(b"Content")
    elif damage == "truncate":
        model.write_bytes(b"con")
    elif damage == "missing":
        model.unlink()
    elif damage == "manifest":
        manifest.write_text("{")
    elif damage == "manifest type":
        manifest.write_text(json.dumps({"files": [1], "meta": {}}))
    else:
        manifest.unlink()
    assert cache.load("variants", "k") is None
    assert not path.exists()
    cache.commit("variants", "k", _staged(tmp_path / "again"), {})
    assert cache.load("variants", "k") is not None


def test_unverified_part_is_checked_only_when_asked(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    path = cache.commit("sources", "k", _staged(tmp_path / "s"), {}).path
    (path / "saved_model" / "large.bin").write_bytes(b"LARGE")
    assert cache.load("sources", "k", unverified=("saved_model/",)) is not None
    assert cache.load("sources", "k") is None


def test_first_of_two_writers_wins(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    barrier = threading.Barrier(8)

    def write(index: int) -> str:
        staged = _staged(tmp_path / f"s{index}", f"writer {index}".encode())
        barrier.wait()
        return cache.commit("variants", "k", staged, {}).sha256["model.tflite"]

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(write, range(8)))
    found = cache.load("variants", "k")
    assert found is not None
    assert seen == {found.sha256["model.tflite"]}


def test_lock_is_held_by_one(tmp_path: Path) -> None:
    cache, inside, most = Cache(tmp_path), [0], [0]

    def work(_: int) -> None:
        with cache.lock("k", threading.Event()):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            inside[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == [1]


def test_waiting_for_a_lock_ends_with_cancel(tmp_path: Path) -> None:
    cache, cancel = Cache(tmp_path), threading.Event()
    cancel.set()
    with cache.lock("k", threading.Event()):
        begin = time.monotonic()
        with cache.lock("k", cancel):
            pass
        assert time.monotonic() - begin < 1.0


def test_stale_staging_is_removed_and_fresh_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    old, new = tmp_path / "staging" / "old", tmp_path / "staging" / "new"
    for path in (old, new):
        path.mkdir(parents=True)
    past = time.time() - STALE_STAGING_S - 10
    os.utime(old, (past, past))
    cache.remove_stale()
    assert not old.exists()
    assert new.exists()


def test_log_names_are_safe(tmp_path: Path) -> None:
    path = Cache(tmp_path).log_path("../../etc/pass wd")
    assert path.parent == tmp_path / "logs"


def test_default_directory_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "harness"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/ignored")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_cache_dir() == Path("/home/someone/.cache/harness")


def test_tree_hash_sees_names_and_contents(tmp_path: Path) -> None:
    first, second = _staged(tmp_path / "a"), _staged(tmp_path / "b")
    assert tree_sha256(first) == tree_sha256(second)
    (second / "model.tflite").rename(second / "other.tflite")
    assert tree_sha256(first) != tree_sha256(second)
