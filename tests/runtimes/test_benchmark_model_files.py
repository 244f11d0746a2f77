from dataclasses import replace
from pathlib import Path

import pytest

from harness.domain import Backend, RuntimeRef
from harness.runtimes.benchmark_model_files import delegate_files, file_sha256, tool_file, tool_libraries
from harness.runtimes.delegate_options import find
from harness.runtimes.delegates import TFLITE, Delegate
from harness.runtimes.elf import machine_of, runs_on
from tests.runtimes.local_device import PHONE

OLD = replace(PHONE, soc="Qualcomm SDM845")


def elf(machine: int, order: int = 1) -> bytes:
    number = machine.to_bytes(2, "little" if order == 1 else "big")
    return b"\x7fELF\x02" + bytes([order]) + bytes(10) + b"\x00\x03" + number + bytes(44)


def files(backend: Backend, facts: object = PHONE) -> object:
    row = find(backend, TFLITE)
    assert isinstance(row, Delegate)
    return delegate_files(row, backend, facts)  # type: ignore[arg-type]


def write(folder: Path, *names: str, content: bytes = b"x") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_the_sdk_can_be_named_as_it_is_unpacked(tmp_path: Path) -> None:
    host = ["libQnn" + name for name in ("TFLiteDelegate", "System", "Htp", "HtpPrepare", "HtpV75Stub", "HtpV73Stub")]
    write(tmp_path, *(f"lib/aarch64-android/{name}.so" for name in host), content=elf(183))
    write(tmp_path, "lib/hexagon-v75/unsigned/libQnnHtpV75Skel.so", content=elf(164))
    found = files(Backend("qnn", options=(("libraries", str(tmp_path)),)))
    assert isinstance(found, dict), found
    assert sorted(found) == sorted([*(f"{name}.so" for name in host if "V73" not in name), "libQnnHtpV75Skel.so"])


def test_all_skeletons_of_the_old_delegate_are_taken(tmp_path: Path) -> None:
    names = ("libhexagon_interface.so", "libhexagon_nn_skel.so", "libhexagon_nn_skel_v65.so")
    write(tmp_path, *names, "other.so")
    backend = Backend("hexagon", options=(("libraries", str(tmp_path)),))
    found = files(backend, OLD)
    assert isinstance(found, dict)
    assert sorted(found) == sorted(names)
    (tmp_path / "libhexagon_interface.so").unlink()
    assert "lacks libhexagon_interface.so" in str(files(backend, OLD))


def test_a_library_for_another_processor_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "libd.so", content=elf(62)) / "libd.so"
    assert f"{path} is for x86-64" in str(files(Backend("external", options=(("path", str(path)),))))


@pytest.mark.parametrize("kind", ["qnn", "hexagon"])
def test_a_folder_that_is_none(kind: str, tmp_path: Path) -> None:
    facts = OLD if kind == "hexagon" else PHONE
    assert "is not a folder" in str(files(Backend(kind, options=(("libraries", str(tmp_path / "no")),)), facts))


def test_an_external_delegate_brings_its_libraries(tmp_path: Path) -> None:
    write(tmp_path, "d.so", "more/liba.so", "more/readme.txt")
    options = (("path", str(tmp_path / "d.so")), ("libraries", str(tmp_path / "more")))
    found = files(Backend("external", options=options))
    assert isinstance(found, dict)
    assert sorted(found) == ["d.so", "liba.so"]
    assert "is not a file" in str(files(Backend("external", options=(("path", str(tmp_path / "no.so")),))))
    assert "is not a folder" in str(
        files(Backend("external", options=(("path", str(tmp_path / "d.so")), ("libraries", str(tmp_path / "no")))))
    )


def test_libraries_next_to_litert_s_tool_go_with_it(tmp_path: Path) -> None:
    tool = write(tmp_path, "benchmark_model") / "benchmark_model"
    assert tool_libraries(RuntimeRef(), tool) == {}
    write(tmp_path, "libother.so")
    assert tool_libraries(RuntimeRef(), tool) == {}
    write(tmp_path, "libLiteRt.so")
    assert sorted(tool_libraries(RuntimeRef(), tool)) == ["libLiteRt.so", "libother.so"]
    named = RuntimeRef(options=(("libraries", str(tmp_path / "none")),))
    assert "no library" in str(tool_libraries(named, tool))


def test_a_tool_that_is_not_there_is_said(tmp_path: Path) -> None:
    named = RuntimeRef(options=(("binary", str(tmp_path / "no")),))
    assert "is not a file" in str(tool_file(named, PHONE, tmp_path))
    release = write(tmp_path, "litert-2.2.0/android_arm64/benchmark_model")
    assert isinstance(tool_file(RuntimeRef(), PHONE, release), Path)
    assert "fetch-binaries" in str(tool_file(RuntimeRef(options=(("release", "x"),)), PHONE, release))
    assert "no benchmark_model" in str(tool_file(RuntimeRef(), replace(PHONE, abis=("riscv64",)), release))


def test_processors_of_programs(tmp_path: Path) -> None:
    path = tmp_path / "program"
    for content, machine in ((elf(183), "AArch64"), (elf(183, 2), "AArch64"), (elf(999), "machine 999"), (b"#!", None)):
        path.write_bytes(content)
        assert machine_of(path) == machine
    path.write_bytes(elf(40))
    assert runs_on(path, ("arm64-v8a", "armeabi-v7a"))
    assert not runs_on(path, ("arm64-v8a",))
    assert runs_on(path, ())


def test_a_digest_follows_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a") / "a"
    first = file_sha256(path)
    path.write_bytes(b"other content")
    assert file_sha256(path) != first
