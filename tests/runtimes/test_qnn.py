from dataclasses import replace
from pathlib import Path

import pytest

from harness.runtimes.qnn import advice, arch_problem, htp_arch, release_problem, releases, soc_files
from tests.runtimes.local_device import PHONE


@pytest.mark.parametrize(
    ("soc", "arch"),
    [("Qualcomm SM8550", 73), ("QTI SM8650", 75), ("SM8250", 66), ("Google Tensor G3", None), ("", None)],
)
def test_the_architecture_of_a_chip(soc: str, arch: int | None) -> None:
    assert htp_arch(replace(PHONE, soc=soc)) == arch


def test_files_of_the_architecture() -> None:
    assert soc_files("qnn htp", 73) == ("libQnnHtpPrepare.so", "libQnnHtpV73Stub.so", "libQnnHtpV73Skel.so")
    assert soc_files("qnn dsp", 66) == ("libQnnDspV66Stub.so", "libQnnDspV66Skel.so")
    assert soc_files("qnn gpu", 73) == ()


def test_processor_and_chip_must_fit() -> None:
    old, unknown = replace(PHONE, soc="Qualcomm SM8250"), replace(PHONE, soc="Google Tensor G3")
    assert "use `backend: dsp`" in str(arch_problem("qnn htp", old))
    assert "use `backend: htp`" in str(arch_problem("qnn dsp", PHONE))
    assert "not known" in str(arch_problem("qnn htp", unknown))
    assert arch_problem("qnn gpu", unknown) is None
    assert arch_problem("qnn dsp", old) is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\0v2.28.0.241029232508_102474\0", {"2.28.0.241029"}),
        (b"AISW_VERSION: 2.44.0.260225", {"2.44.0.260225"}),
        (b"1.2.44.0.260225", set()),
        (b"2.44.0.26", set()),
        (b"2.44.0.2602251200001234", set()),
    ],
)
def test_releases_in_a_librarys_bytes(tmp_path: Path, content: bytes, found: set[str]) -> None:
    (tmp_path / "lib.so").write_bytes(content)
    assert releases(tmp_path / "lib.so") == found


@pytest.mark.parametrize("before", [(1 << 20) - 5, (1 << 20) - 20, 1 << 20])
def test_a_release_across_two_blocks_is_found(tmp_path: Path, before: int) -> None:
    (tmp_path / "lib.so").write_bytes(bytes(before) + b"v2.44.0.260225120000_1" + bytes(100))
    assert releases(tmp_path / "lib.so") == {"2.44.0.260225"}


def library(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_one_release_is_right_and_two_are_named(tmp_path: Path) -> None:
    one = library(tmp_path, "libQnnHtp.so", b"v2.44.0.260225")
    both = library(tmp_path, "libQnnSystem.so", b"v2.44.0.260225 interface of v2.30.0.250101")
    silent = library(tmp_path, "libQnnHtpPrepare.so", b"nothing")
    tool = library(tmp_path, "libLiteRt.so", b"v2.10.0.230101")
    assert release_problem([one, both, silent, tool]) is None
    other = library(tmp_path, "libQnnHtpV75Stub.so", b"v2.47.0.260601")
    assert "libQnnHtpV75Stub.so 2.47.0.260601" in str(release_problem([one, both, other]))


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("Unable to load Skel Library. transportStatus: 9", "libQnnHtpV75Skel.so"),
        ("qnn_open failed, 0x80000406", "libQnnHtpV75Skel.so"),
        ("Unknown rpc status 0x00000016", "refused the session"),
        ("<E> device create failed: 14001", "several QAIRT releases"),
        ("PrepareLib isn't loaded!", "libQnnHtpPrepare.so is missing"),
        ("Qnn System library version mismatch", "of different releases"),
        ("count=1008 first=17 curr=21 min=16 max=1003 avg=14001 std=4000", ""),
        ("everything is fine", ""),
    ],
)
def test_errors_become_advice(log: str, words: str) -> None:
    found = advice(log, PHONE)
    assert (words in found) if words else (found == "")
