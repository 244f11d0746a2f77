from __future__ import annotations

import json
import signal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.domain import Backend, Purpose, Status
from harness.errors import ParseError
from harness.runtimes.litert_protocol import (
    delegate_name,
    interpret,
    parse_hello,
    parse_lines,
    request_bytes,
    unpack_ns,
)
from tests.runtimes.wire import HELLO, RESULT, lines, pack, process, request

GOOD = lines(HELLO, RESULT)


def changed(**fields: Any) -> bytes:
    return lines(HELLO, {**RESULT, **fields})


def test_a_result_becomes_values_with_units() -> None:
    result = interpret(process(GOOD), request())
    assert result.status is Status.DONE
    assert result.samples_ns is not None
    assert result.samples_ns.tolist() == [20_000, 21_000, 20_500]
    assert result.samples_ns.dtype == np.int64
    assert result.warmup_ns is not None
    assert result.warmup_ns.tolist() == [40_000, 22_000]
    assert (result.init_us, result.first_inference_us, result.timed) == (2000.0, 40.0, "call+read")
    assert result.coverage is not None
    assert (result.coverage.delegate, result.coverage.kind) == ("XNNPACK", "partial")
    assert result.evidence.cpus == (1,)
    assert result.evidence.clock_end_ghz == 2.9
    assert result.evidence.temp_end_c is None
    assert result.evidence.notes == ("a note",)
    assert result.runtime_version == "tflite_runtime 2.14.0, Python 3.9.18"
    assert result.wall_s == 1.5


@given(st.integers(0, len(GOOD) - 1))
def test_output_cut_anywhere_is_a_failure_that_says_so(length: int) -> None:
    result = interpret(process(GOOD[:length]), request())
    assert result.status is Status.FAILED
    assert result.error
    assert result.samples_ns is None


@given(st.binary(max_size=400))
def test_any_bytes_are_a_failure_not_an_exception(content: bytes) -> None:
    assert interpret(process(content), request()).status is Status.FAILED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.sampled_from(sorted(set(RESULT) - {"type"})), JSON)
def test_any_value_in_any_field_is_a_result_not_an_exception(name: str, value: Any) -> None:
    result = interpret(process(changed(**{name: value})), request())
    assert result.status in (Status.DONE, Status.FAILED)
    assert result.status is Status.DONE or result.error


@settings(max_examples=100)
@given(st.sampled_from(sorted(RESULT["evidence"])), JSON)
def test_any_evidence_is_a_result_not_an_exception(name: str, value: Any) -> None:
    result = interpret(process(changed(evidence={**RESULT["evidence"], name: value})), request())
    assert result.status in (Status.DONE, Status.FAILED)


@pytest.mark.parametrize("name", ["init_ns", "evidence", "warmup"])
def test_a_missing_field_is_named(name: str) -> None:
    line = {key: value for key, value in RESULT.items() if key != name}
    assert name in interpret(process(lines(HELLO, line)), request()).error


def test_a_timing_without_samples_is_no_zero() -> None:
    result = interpret(process(changed(samples="")), request())
    assert (result.status, result.samples_ns) == (Status.FAILED, None)
    assert "without samples" in result.error


@pytest.mark.parametrize(
    ("text", "what"), [("AAAA", "int64"), ("%%%", "base64"), (None, "base64"), (pack([5, -1]), "negative")]
)
def test_samples_that_are_none(text: Any, what: str) -> None:
    with pytest.raises(ParseError, match=what):
        unpack_ns(text)


@given(st.lists(st.integers(0, 2**62), max_size=50))
def test_samples_round_trip(samples: list[int]) -> None:
    assert unpack_ns(pack(samples)).tolist() == samples


def test_garbage_is_shown_with_its_line() -> None:
    with pytest.raises(ParseError, match="line 2 is not JSON: 'Segm"):
        parse_lines(lines(HELLO) + b"Segmentation fault\n")
    with pytest.raises(ParseError, match="line 1 is cut off after 3 bytes"):
        parse_lines(b'{"a')


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ParseError, match="protocol 2"):
        parse_hello([{**HELLO, "protocol": 2}])


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"timed_out": True, "returncode": -9}, Status.TIMEOUT, "after 60 s"),
        ({"cancelled": True, "returncode": -9}, Status.INTERRUPTED, "cancelled"),
        ({"oom": True, "returncode": -9}, Status.OOM, "memory"),
        ({"returncode": -signal.SIGABRT, "stderr": b"what():  std::bad_alloc\n"}, Status.OOM, "SIGABRT"),
        ({"returncode": -11, "stderr": b"INFO: hi\nbad\n"}, Status.CRASHED, "SIGSEGV; last on stderr: bad"),
        ({"returncode": -signal.SIGILL}, Status.CRASHED, "SIGILL"),
        ({"returncode": 127, "stderr": b"/no/python: No such file\n"}, Status.FAILED, "No such file"),
        ({"returncode": 0}, Status.FAILED, "no result"),
    ],
)
def test_every_bad_end_has_its_status(fields: dict[str, Any], status: Status, words: str) -> None:
    result = interpret(process(**fields), request())
    assert result.status is status
    assert words in result.error
    assert "hi" not in result.error


def test_a_crash_after_the_result_is_a_crash() -> None:
    assert interpret(process(GOOD, returncode=-signal.SIGSEGV), request()).status is Status.CRASHED


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unsupported", Status.UNSUPPORTED),
        ("library", Status.UNSUPPORTED),
        ("memory", Status.OOM),
        ("model", Status.FAILED),
        ("x", Status.FAILED),
    ],
)
def test_an_error_line_is_the_runners_own_words(kind: str, status: Status) -> None:
    line = {"type": "error", "kind": kind, "message": "tensor 'x' holds strings"}
    result = interpret(process(lines(HELLO, line)), request())
    assert result.status is status
    assert "tensor 'x' holds strings" in result.error
    assert ("pip install" in result.error) == (kind == "library")


def test_a_partial_gpu_graph_is_counted_from_the_log() -> None:
    counts = {"delegated_nodes": None, "total_nodes": 6, "partitions": None, "operators": []}
    log = b"1 operations will run on the GPU, and the remaining 5 operations will run on the CPU.\n"
    gpu = request(backend=Backend(kind="gpu"))
    name = "SwiftShader (software Vulkan)"
    result = interpret(process(changed(coverage=counts, accelerator=name), stderr=log), gpu)
    assert result.coverage is not None
    assert (result.coverage.delegated_nodes, result.coverage.total_nodes) == (1, 6)
    assert result.accelerator == name
    assert any("no GPU's speed" in note for note in result.evidence.notes)
    unknown = interpret(process(changed(coverage=counts)), gpu).coverage
    assert unknown is not None
    assert unknown.kind == "unknown"


def test_a_library_without_a_gpu_accelerator_took_nothing() -> None:
    counts = {"delegated_nodes": None, "total_nodes": 6, "partitions": None, "operators": []}
    log = b"WARNING: [gpu_registry.cc:160] GPU accelerator could not be loaded and registered.\n"
    told = interpret(process(changed(coverage=counts), stderr=log), request(backend=Backend(kind="gpu"))).coverage
    assert told is not None
    assert (told.kind, told.delegated_nodes, told.total_nodes) == ("none", 0, 6)


def test_operators_are_summed_by_name_and_kernel() -> None:
    times = [
        {"name": "CONV_2D", "delegated": False, "us": 30.0},
        {"name": "CONV_2D", "delegated": False, "us": 20.0},
        {"name": "Fully Connected", "delegated": True, "us": 150.0},
    ]
    operators = interpret(process(changed(operator_times=times)), request(purpose=Purpose.PROFILE)).operators
    assert [(item.name, item.total_us, item.count, item.kernel) for item in operators] == [
        ("Fully Connected", 150.0, 1, "XNNPACK"),
        ("CONV_2D", 50.0, 2, "built-in"),
    ]
    assert [item.share for item in operators] == [0.75, 0.25]


def test_reference_kernels_are_named() -> None:
    times = [{"name": "CONV_2D", "delegated": False, "us": 1.0}]
    asked = request(purpose=Purpose.PROFILE, backend=Backend(kernels="reference"))
    (operator,) = interpret(process(changed(operator_times=times)), asked).operators
    assert operator.kernel == "reference"


def test_the_request_says_everything() -> None:
    asked = json.loads(request_bytes(request(backend=Backend(xnnpack=False, threads=2)), (2, 3)))
    assert (asked["delegate"], asked["threads"], asked["cpus"], asked["purpose"]) == ("builtin", 2, [2, 3], "timing")
    assert asked["measure"]["min_s"] == 0.1
    assert delegate_name(Backend(kind="gpu")) == "gpu"
    assert delegate_name(Backend(kernels="reference", xnnpack=False)) == "reference"
