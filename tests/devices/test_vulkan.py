from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.devices.vulkan import find_vulkan, parse_probe


def test_a_software_device_is_named_as_such() -> None:
    output = json.dumps([["SwiftShader Device (LLVM 16.0.0)", False], ["Example GPU 9000", False], ["CPU thing", True]])
    found = parse_probe(output.encode(), None, {})
    assert [(item.name, item.software) for item in found] == [
        ("SwiftShader (software Vulkan)", True),
        ("Example GPU 9000", False),
        ("CPU thing (software Vulkan)", True),
    ]


@pytest.mark.parametrize("output", [b"", b"{}", b"[1, [2, 3]]", b"\xff", b"[[1, true]]"])
def test_garbage_from_a_driver_is_no_device(output: bytes) -> None:
    assert parse_probe(output, None, {}) == []


def test_looking_for_devices_never_fails(tmp_path: Path) -> None:
    manifest = tmp_path / "usr/lib/chromium/vk_swiftshader_icd.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    (manifest.parent / "libvulkan.so.1").write_bytes(b"not a library")
    assert all(not item.name.startswith("SwiftShader") or item.software for item in find_vulkan(tmp_path))
