"""Chunk after chunk through the runner on a virtual phone, over the real adb."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from harness.devices.android.open import attachment_at
from harness.devices.android.phone import WORKSPACE, AndroidDevice
from harness.devices.base import ProcessResult
from harness.domain import Backend, DeviceSettings, InvocationRequest, Purpose, RuntimeRef, Status
from harness.errors import DeviceError
from harness.runtimes.base import InputChunk
from harness.runtimes.device_runner import DeviceRunner
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.runtimes.runner_program import litert_library, runner
from tests.runtimes.test_device_runner_program import expected
from tests.runtimes.test_stream import Floats, Taken, chunks_of, images
from tests.runtimes.wire import MODELS, QUICK, request

pytestmark = pytest.mark.phone

CACHE = "/data/local/tmp/harness/files"


@pytest.fixture
def device(phone: VirtualPhone, adb_server: AdbServer) -> AndroidDevice:
    (found,) = attachment_at(f"127.0.0.1:{adb_server.port}").open({"serial": phone.serial})
    assert isinstance(found, AndroidDevice)
    return found


def runtime(device: AndroidDevice) -> DeviceRunner:
    given = {"library": str(litert_library()), "runner": str(runner())}
    return DeviceRunner(device, RuntimeRef("device_runner", options=tuple(given.items())))


def asked(timeout_s: float = 60.0, model: str = "float32") -> InvocationRequest:
    measure = replace(QUICK, timeout_s=timeout_s)
    path = MODELS / f"{model}.tflite"
    return request(path, Purpose.ACCURACY, backend=Backend(cores="big"), measure=measure)


def names(phone: VirtualPhone, folder: str) -> list[str]:
    path = phone.local(folder)
    return sorted(each.name for each in path.rglob("*")) if path.exists() else []


def test_outputs_come_back_and_storage_is_bounded(phone: VirtualPhone, device: AndroidDevice) -> None:
    inputs, taken, seen = images(40), Taken(), []

    def chunks() -> Iterator[InputChunk]:
        for chunk in chunks_of(inputs, 4):
            seen.append(names(phone, WORKSPACE))
            yield chunk

    def take(index: int, outputs: tuple[Floats, ...]) -> None:
        seen.append(names(phone, WORKSPACE))
        taken(index, outputs)

    result = runtime(device).stream(asked(), chunks(), take, Event())
    assert result.status is Status.DONE, result.error
    np.testing.assert_allclose(taken.all(), expected("float32", inputs, builtin=False), rtol=1e-5, atol=1e-6)
    assert (len(result.evidence.cpus), result.evidence.cpus_verified) == (1, True)
    assert result.coverage is not None
    assert result.coverage.kind == "full"
    for kind in ("inputs", "outputs"):
        assert max(sum(name.startswith(kind) for name in there) for there in seen) <= 2
    assert any(there for there in seen)
    assert not phone.local(WORKSPACE).exists()
    assert not [name for name in names(phone, CACHE) if "puts" in name]


def test_several_inputs_travel_packed(device: AndroidDevice) -> None:
    inputs, taken = np.random.default_rng(1).integers(-3, 4, (7, 16)).astype(np.float32), Taken()
    result = runtime(device).stream(asked(model="many_tensors"), chunks_of(inputs, 4), taken, Event())
    assert result.status is Status.DONE, result.error
    np.testing.assert_allclose(taken.all(0), inputs[:, 10:].reshape(-1, 2, 3).sum(2) + inputs[:, 8:10])


def test_a_lost_phone_is_offline_and_the_next_session_cleans_up(
    phone: VirtualPhone, adb_server: AdbServer, device: AndroidDevice
) -> None:
    taken = Taken()

    def take(index: int, outputs: tuple[Floats, ...]) -> None:
        taken(index, outputs)
        if index == 2:
            phone.kill()

    result = runtime(device).stream(asked(), chunks_of(images(400), 4), take, Event())
    assert (result.status, taken.indices) == (Status.OFFLINE, [0, 1, 2]), result.error
    phone.start()
    phone.connect(adb_server)
    left = phone.local(WORKSPACE)
    left.mkdir(parents=True, exist_ok=True)
    (left / "inputs-000003.raw").write_bytes(bytes(100))
    (found,) = attachment_at(f"127.0.0.1:{adb_server.port}").open({"serial": phone.serial})
    with found.session(DeviceSettings(), (0,), lambda level, text: None):
        assert not left.exists()


def test_a_frozen_phone_is_offline_after_the_deadline(phone: VirtualPhone, device: AndroidDevice) -> None:
    taken = Taken()

    def take(index: int, outputs: tuple[Floats, ...]) -> None:
        taken(index, outputs)
        if index == 1:
            phone.freeze()

    begin = time.monotonic()
    try:
        result = runtime(device).stream(asked(timeout_s=5.0), chunks_of(images(400), 4), take, Event())
    finally:
        phone.thaw()
    assert (result.status, taken.indices) == (Status.OFFLINE, [0, 1]), result.error
    assert time.monotonic() - begin < 60


def test_a_cancel_leaves_nothing_on_the_phone(phone: VirtualPhone, device: AndroidDevice) -> None:
    cancel, taken = Event(), Taken()

    def take(index: int, outputs: tuple[Floats, ...]) -> None:
        taken(index, outputs)
        cancel.set()

    result = runtime(device).stream(asked(), chunks_of(images(400), 4), take, cancel)
    assert (result.status, taken.indices) == (Status.INTERRUPTED, [0])
    assert not phone.local(WORKSPACE).exists()
    assert not phone.busy("harness-runner")


def test_files_are_placed_while_a_process_runs(device: AndroidDevice, tmp_path: Path) -> None:
    told = Event()
    seen: list[bytes] = []

    def on_stdout(piece: bytes) -> None:
        seen.append(piece)
        told.set()

    (tmp_path / "here").write_bytes(b"content")
    with device.workspace() as folder:
        device.place(tmp_path / "here", f"{folder}/it's there")
        assert not (tmp_path / "here").exists()
        argv = ("sh", "-c", 'cat "$0"; sleep 600', f"{folder}/it's there")
        done: ProcessResult = device.run(argv, stdin=b"", env={}, timeout_s=60, cancel=told, on_stdout=on_stdout)
        assert (done.cancelled, b"".join(seen)) == (True, b"content")
        device.fetch(f"{folder}/it's there", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == b"content"
        with pytest.raises(DeviceError):
            device.fetch(f"{folder}/it's there", tmp_path / "back")
