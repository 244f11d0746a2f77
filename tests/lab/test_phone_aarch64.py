"""A sweep on an AArch64 phone by emulation: the cross-built runner with LiteRT's own library for that processor."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harness.domain import Status
from tests.lab.phone_bench import PhoneBench
from tests.phone.build import kept
from tests.phone.debian import UnavailableError
from tests.phone.fixtures import MakePhone
from tests.phone.server import AdbServer
from tests.phone.soc import REAL_CORES

pytestmark = [pytest.mark.phone, pytest.mark.slow, pytest.mark.timeout(400)]

# A sample of the small model takes milliseconds under emulation, its process several seconds.
WINDOWS = "min_s: 0.5, max_s: 4, warmup_min_s: 0, warmup_max_s: 4, timeout_s: 90, memory: false, profile: false"


def litert_library() -> Path:
    """libLiteRt.so of the installed release, from its wheel for AArch64; kept between runs."""
    version = importlib.metadata.version("ai-edge-litert")

    def fetch(target: Path) -> None:
        wheels = target.parent / "wheels"
        words = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--platform", "manylinux_2_27_aarch64"]
        words += ["--python-version", "3.11", "--dest", str(wheels), f"ai-edge-litert=={version}"]
        done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, timeout=300, check=False)
        if done.returncode:
            raise UnavailableError(f"no AArch64 wheel: {done.stderr.decode(errors='replace').strip()[-200:]}")
        target.mkdir()
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            (target / "libLiteRt.so").write_bytes(wheel.read("ai_edge_litert/libLiteRt.so"))

    return kept(f"litert-aarch64-{version}", fetch) / "libLiteRt.so"


def test_a_sweep_on_an_aarch64_phone(
    tmp_path: Path, make_phone: MakePhone, adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("no aarch64-linux-gnu-gcc (apt-get install gcc-aarch64-linux-gnu)")
    try:
        library = litert_library()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    phone = make_phone(soc=REAL_CORES, abi="arm64-v8a", libc=True)
    phone.connect(adb_server)
    bench = PhoneBench(tmp_path, adb_server.address)
    text = bench.sweep_text(phone, blocks=1, runtime=f"{{device_runner: {{library: {library}}}}}", measure=WINDOWS)
    (row,) = bench.run(text).rows
    assert row.status is Status.DONE, row.reasons
    assert (row.latency_p50_ms or 0) > 0
    assert (row.reference_cosine or 0) > 0.9999
    assert row.coverage == "full"
    with bench.store() as store:
        (facts,) = store.view(row.run_id).facts
    assert facts.abis == ("arm64-v8a",)
