"""How the phone's files come to be: once, whole or not at all, with a reason where it cannot be."""

import os
import threading
import time
from pathlib import Path

import pytest

from tests.phone import build, debian, rootfs, toybox
from tests.phone.debian import UnavailableError
from tests.phone.fixtures import MakePhone
from tests.phone.soc import REAL_CORES, SOC_1_3_4


def test_made_once_by_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[Path] = []

    def make(target: Path) -> None:
        made.append(target)
        target.mkdir()

    threads = [threading.Thread(target=build.kept, args=("thing", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert [path.name for path in sorted((tmp_path / "virtual-phone").iterdir())] == ["thing", "thing.lock"]


def test_a_failed_build_leaves_nothing_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fail(target: Path) -> None:
        target.mkdir()
        raise UnavailableError("no network")

    with pytest.raises(UnavailableError, match="no network"):
        build.kept("thing", fail)
    assert [path.name for path in (tmp_path / "virtual-phone").iterdir()] == ["thing.lock"]


def test_a_failed_build_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_failure", [])
    tries: list[Path] = []

    def fail(target: Path) -> None:
        tries.append(target)
        raise UnavailableError("no network")

    monkeypatch.setattr(build, "_build", fail)
    for _ in range(3):
        with pytest.raises(UnavailableError, match="no network"):
            build.phone_root()
    assert len(tries) == 1


def test_phones_of_earlier_versions_go_after_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_build", lambda target: target.mkdir())
    for name, age_days in (("root-old", 8), ("root-new", 6)):
        folder = build.cache_folder() / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age_days * 24 * 3600,) * 2)
    root = build.phone_root()
    left = [path for path in build.cache_folder().glob("root-*") if path.is_dir()]
    assert sorted(left) == sorted([root, build.cache_folder() / "root-new"])


def test_the_key_follows_the_files_that_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "commands" / "lib").mkdir(parents=True)
    (tmp_path / "commands" / "lib" / "one.sh").write_text("echo 1")
    monkeypatch.setattr(build, "HERE", tmp_path)
    first = build.key()
    assert build.key() == first
    (tmp_path / "commands" / "lib" / "one.sh").write_text("echo 2")
    assert build.key() != first


def test_a_missing_tool_is_a_reason() -> None:
    with pytest.raises(UnavailableError, match="no-such-tool"):
        debian.run(["no-such-tool"])
    with pytest.raises(UnavailableError, match="sh -c exit 3"):
        debian.run(["sh", "-c", "exit 3"])


def test_without_bwrap_the_reason_names_it(
    make_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    monkeypatch.setattr(build, "phone_root", lambda: tmp_path / "root")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="apt-get install bubblewrap"):
        make_phone()


def test_applets_are_switched_on() -> None:
    config = "CONFIG_TOYBOX=y\n# CONFIG_DD is not set\n# CONFIG_TEST is not set\n# CONFIG_SU is not set\n"
    switched = toybox.configured(config).splitlines()
    assert switched == ["CONFIG_TOYBOX=y", "CONFIG_DD=y", "CONFIG_TEST=y", "# CONFIG_SU is not set"]


def lea(at: int, variable: int) -> bytes:
    return b"\x48\x8d\x05" + (variable - at - 7).to_bytes(4, "little", signed=True)


def test_authorization_is_demanded_at_the_one_store_that_is_tested() -> None:
    other, wanted = lea(0, 500) + b"\xc6\x00\x00", lea(10, 600) + b"\xc6\x00\x00"
    program = other + wanted + lea(20, 600) + b"\x80\x38\x00"
    patched = rootfs.demand_authorization(program)
    assert [at for at in range(len(program)) if patched[at] != program[at]] == [19]
    assert patched[19] == 1
    with pytest.raises(UnavailableError, match="0 places"):
        rootfs.demand_authorization(other)


@pytest.mark.parametrize("soc", [SOC_1_3_4, REAL_CORES])
def test_chips_have_a_big_core_last(soc: object) -> None:
    assert soc in (SOC_1_3_4, REAL_CORES)
    clusters = (SOC_1_3_4 if soc is SOC_1_3_4 else REAL_CORES).clusters
    assert clusters[-1].capacity == 1024
    assert len(clusters[-1].cores) == 1
    assert all(cluster.clocks_khz == tuple(sorted(cluster.clocks_khz)) for cluster in clusters)
