from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.domain import Backend, Purpose, Status
from harness.runtimes.edgetpu_protocol import EdgeTpuLibraries, lost_in_flight, parse_versions
from harness.runtimes.litert_protocol import interpret, parse_hello, request_bytes
from tests.runtimes.wire import RESULT, lines, process, request

STOCK = "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)"
HELLO: dict[str, Any] = {
    "type": "hello",
    "protocol": 1,
    "runner": "pycoral",
    "python": "3.9.18",
    "library": "pycoral",
    "version": "2.0.0",
    "features": [],
    "runtime": STOCK,
    "package": "libedgetpu1-std 16.0",
    "tflite": "tflite_runtime",
    "tflite_version": "2.5.0.post1",
    "devices": ["usb /sys/bus/usb/devices/2-1"],
}
COUNTS = {
    "delegated_nodes": 1,
    "total_nodes": 3,
    "partitions": 1,
    "operators": [["edgetpu-custom-op", True], ["SOFTMAX", False], ["DEQUANTIZE", False]],
}
ASKED = request(backend=Backend("edgetpu"))


def test_the_introduction_names_all_that_decides_the_speed() -> None:
    hello = parse_hello([HELLO])
    assert hello.label == (
        "pycoral 2.0.0, libedgetpu1-std 16.0 (runtime 14), tflite_runtime 2.5.0.post1, Python 3.9.18"
    )
    assert hello.edgetpu is not None
    assert hello.edgetpu.devices == ("usb /sys/bus/usb/devices/2-1",)
    assert hello.edgetpu.known_crash is None


@pytest.mark.parametrize(
    ("package", "runtime", "version", "known"),
    [
        ("libedgetpu1-std 16.0", STOCK, "2.11.1", False),
        ("libedgetpu1-std 16.0", STOCK, "2.14.0", True),
        ("", STOCK, "2.14.0", True),
        ("libedgetpu1-max 16.0TF2.17.1-1", "BuildLabel(N/A), RuntimeVersion(14)", "2.17.1", False),
        ("libedgetpu max", STOCK, "2.14.0", True),
        ("", "", "", False),
    ],
)
def test_known_pairs_are_recognised_by_package_or_by_what_it_says(
    package: str, runtime: str, version: str, known: bool
) -> None:
    found = EdgeTpuLibraries(runtime, package, "tflite_runtime", version)
    assert (found.known_crash is not None) == known


def test_coverage_is_the_custom_operators_of_the_compiled_graph() -> None:
    result = interpret(process(lines(HELLO, {**RESULT, "coverage": COUNTS})), ASKED)
    assert result.status is Status.DONE, result.error
    assert result.coverage is not None
    found = result.coverage
    assert (found.delegate, found.delegated_nodes, found.total_nodes, found.partitions) == ("EDGETPU", 1, 3, 1)
    assert found.kind == "partial"


def test_trip_points_that_were_reached_are_evidence() -> None:
    hot = {**RESULT["evidence"], "thermal_status": 2}
    assert interpret(process(lines(HELLO, {**RESULT, "evidence": hot})), ASKED).evidence.thermal_status == 2
    assert interpret(process(lines(HELLO, RESULT)), ASKED).evidence.thermal_status is None


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("offline", Status.OFFLINE),
        ("busy", Status.FAILED),
        ("library", Status.UNSUPPORTED),
        ("unsupported", Status.UNSUPPORTED),
    ],
)
def test_error_kinds(kind: str, status: Status) -> None:
    line = {"type": "error", "runner": "pycoral", "kind": kind, "message": "what it says"}
    result = interpret(process(lines(HELLO, line)), ASKED)
    assert (result.status, result.error) == (status, "what it says")


@pytest.mark.parametrize(
    "line",
    [
        "F driver/usb/usb_driver.cc:1148] HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 "
        "[LibUsbDataInCallback]",
        "F :838] transfer on tag 1 failed. Abort. Deadline exceeded: USB transfer error 2 [LibUsbDataOutCallback]",
        "F driver/usb/usb_driver.cc:815] [0-0] bulk out for header failed. Abort. Unknown: USB transfer error 1",
        "F driver/usb/usb_driver.cc:1297] Bulk-in failed. Abort",
    ],
)
def test_libedgetpu_ending_the_process_over_a_transfer_is_a_lost_device(line: str) -> None:
    log = f"INFO: hello\n{line}\nFatal Python error: Aborted\n"
    assert line in lost_in_flight(log)
    result = interpret(process(stderr=log.encode(), returncode=-signal.SIGABRT), ASKED)
    assert result.status is Status.OFFLINE
    assert "look at its cable" in result.error


def test_other_crashes_are_crashes() -> None:
    log = b"F driver/memory/buddy.cc:7] Check failed: x == y\nW usb_driver.cc:1] transfer on tag 1 failed, retrying\n"
    assert lost_in_flight(log.decode()) == ""
    assert interpret(process(stderr=log, returncode=-signal.SIGABRT), ASKED).status is Status.CRASHED


def test_a_process_that_failed_while_its_device_went_away() -> None:
    result = interpret(process(returncode=1, stderr=b"boom\n", offline=True), ASKED)
    assert (result.status, "boom" in result.error) == (Status.OFFLINE, True)


def test_the_request_names_the_port() -> None:
    asked = json.loads(request_bytes(ASKED, (3,), tpu_name="usb:1", tpu_path="/sys/bus/usb/devices/2-1"))
    assert (asked["delegate"], asked["device"]) == ("edgetpu", "usb:1")
    assert asked["device_path"] == "/sys/bus/usb/devices/2-1"
    assert "device" not in json.loads(request_bytes(request(purpose=Purpose.MEMORY), (3,)))


def test_versions_without_loading_anything() -> None:
    found = parse_versions(b'{"pycoral": "2.0.0", "tflite_runtime": "2.14.0", "libedgetpu": "libedgetpu1-std 16.0"}')
    assert found is not None
    assert found.label == "libedgetpu1-std 16.0, tflite_runtime 2.14.0"
    assert found.known_crash is not None


@given(st.binary(max_size=60))
def test_any_answer_to_the_question_for_versions_is_no_exception(content: bytes) -> None:
    parse_versions(content)
