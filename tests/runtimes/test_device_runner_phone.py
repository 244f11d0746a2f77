"""The runner on a virtual phone, through the real adb: files pushed, pinned, measured, outputs fetched."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import numpy as np
import pytest

from harness.devices.android.open import attachment_at
from harness.domain import Backend, Case, ModelRef, Purpose, RuntimeRef, Status
from harness.runtimes.device_runner import DeviceRunner
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.runtimes.runner_program import litert_library, runner
from tests.runtimes.test_device_runner_program import expected
from tests.runtimes.wire import request

pytestmark = pytest.mark.phone


def runtime(phone: VirtualPhone, adb_server: AdbServer, **options: str) -> DeviceRunner:
    (device,) = attachment_at(f"127.0.0.1:{adb_server.port}").open({"serial": phone.serial})
    given = {"library": str(litert_library()), "runner": str(runner()), **options}
    return DeviceRunner(device, RuntimeRef("device_runner", options=tuple(given.items())))


def test_a_model_is_timed_and_its_outputs_come_back(phone: VirtualPhone, adb_server: AdbServer, tmp_path: Path) -> None:
    subject = runtime(phone, adb_server)
    backend = Backend(cores="big")
    assert subject.unsupported_reason(Case(ModelRef("m"), "float32", backend=backend)) is None
    timing = subject.invoke(request(backend=backend), Event())
    assert timing.status is Status.DONE, timing.error
    assert timing.samples_ns is not None
    assert len(timing.evidence.cpus) == 1
    assert timing.evidence.cpus_verified, timing.evidence.notes
    memory = subject.invoke(request(purpose=Purpose.MEMORY, backend=backend), Event())
    assert memory.status is Status.DONE, memory.error
    assert memory.peak_rss_mib is not None
    inputs = np.random.default_rng(2).random((5, 8, 8, 1), dtype=np.float32)
    np.save(tmp_path / "in.npy", inputs)
    paths = {"inputs_path": str(tmp_path / "in.npy"), "outputs_path": str(tmp_path / "out.npy")}
    outputs = subject.invoke(request(purpose=Purpose.OUTPUTS, backend=backend, **paths), Event())
    assert outputs.status is Status.DONE, outputs.error
    wanted = expected("float32", inputs, builtin=False)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), wanted, rtol=1e-5, atol=1e-6)


def test_a_program_that_the_phone_cannot_execute_says_so(
    phone: VirtualPhone, adb_server: AdbServer, tmp_path: Path
) -> None:
    (tmp_path / "runner").write_bytes(b"MZ\x90\0 a program for (another) system\n")
    found = runtime(phone, adb_server, runner=str(tmp_path / "runner")).invoke(request(), Event())
    assert found.status is Status.FAILED
    assert "cannot execute the runner" in found.error or "does not find the runner" in found.error, found.error
