from __future__ import annotations

import struct
from pathlib import Path

import pytest

from harness.domain import Backend
from harness.errors import ParseError
from harness.runtimes.external_delegate import delegate_of, libraries_said, problem_of
from harness.runtimes.litert_protocol import Hello

HELLO = Hello("3.11.7", "ai_edge_litert", "2.3.0", ("resolver", "delegates"))


def external(**options: str) -> Backend:
    return Backend("external", options=tuple(options.items()))


def edgetpu(**options: str) -> Backend:
    return Backend("edgetpu", options=tuple(options.items()))


def elf(path: Path, machine: int) -> Path:
    path.write_bytes(b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<HH", 3, machine))
    return path


def test_the_delegate_gets_its_own_options_and_none_of_ours() -> None:
    found = delegate_of(external(path="/a/b.so", level="2", rest="builtin", libraries="/a/more", mode="x:y;z"))
    assert found is not None
    assert found.fields == {"path": "/a/b.so", "options": {"level": "2", "mode": "x:y;z"}, "rest": "builtin"}
    assert found.environment("/usr/own:/else") == {"LD_LIBRARY_PATH": "/a/more:/usr/own:/else"}
    assert found.environment("") == {"LD_LIBRARY_PATH": "/a/more"}


def test_without_libraries_the_environment_stays_as_it_is() -> None:
    found = delegate_of(external(path="/a/b.so"))
    assert found is not None
    assert found.environment("/usr/own") == {}


def test_libedgetpu_is_found_by_the_loader_unless_it_is_named() -> None:
    assert [
        delegate_of(backend) and delegate_of(backend).path for backend in (edgetpu(), edgetpu(library="/x/lib.so"))
    ] == [
        "libedgetpu.so.1",
        "/x/lib.so",
    ]
    assert delegate_of(Backend()) is None
    assert delegate_of(Backend("gpu")) is None


def test_a_home_folder_is_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    found = delegate_of(external(path="~/d.so", libraries="~/more"))
    assert found is not None
    assert (found.path, found.environment("")) == ("/home/someone/d.so", {"LD_LIBRARY_PATH": "/home/someone/more"})


def test_what_cannot_be_used_is_known_beforehand(tmp_path: Path) -> None:
    good, other = elf(tmp_path / "good.so", 62), elf(tmp_path / "other.so", 183)
    (tmp_path / "text.so").write_text("no library")
    assert problem_of(external(path=str(good)), "x86_64") is None
    assert problem_of(external(path=str(other)), "aarch64") is None
    assert problem_of(external(path=str(good)), "a processor of tomorrow") is None
    assert problem_of(edgetpu()) is None, "whether the loader finds it, only a process can tell"
    for backend, words in (
        (external(), "needs the option path"),
        (external(path=""), "needs the option path"),
        (external(path=str(tmp_path / "none.so")), "none.so' is not a file; correct `path`"),
        (external(path=str(tmp_path)), "is not a file"),
        (external(path=str(tmp_path / "text.so")), "no ELF file"),
        (external(path=str(other)), "is for AArch64, this host is x86_64"),
        (external(path=str(good), libraries=str(tmp_path / "none")), "is not a folder; correct `libraries`"),
        (external(path=str(good), rest="gpu"), "allowed: xnnpack, builtin"),
        (edgetpu(library=str(tmp_path / "none.so")), "correct `library`"),
        (edgetpu(speed="11"), "does not know the option 'speed'"),
    ):
        assert words in (problem_of(backend, "x86_64") or ""), backend


def test_what_libedgetpu_said() -> None:
    said = {"runtime": "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted), RuntimeVersion(14)", "devices": ["usb /x"]}
    found = libraries_said({"external": said}, HELLO)
    assert not isinstance(found, str)
    assert (found.libedgetpu, found.devices) == ("libedgetpu (runtime 14)", ("usb /x",))
    assert "known to crash" in (found.known_crash or "")
    refused = libraries_said({"external": {"error": "cannot open shared object file"}}, HELLO)
    assert "cannot open shared object file; install libedgetpu1-std" in str(refused)
    with pytest.raises(ParseError, match="says nothing of the delegate"):
        libraries_said({}, HELLO)
