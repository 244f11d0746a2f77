from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.domain import InvocationRecord, InvocationResult, OperatorTime, Purpose, Status
from harness.inspect.analysis import report_on
from harness.inspect.measured import Measured, Stored, operator_times, stored_of
from harness.operator_names import operator_of
from harness.store import Store
from tests.inspect.factory import Drawn, chain
from tests.report.factory import run_view

SHA256 = "cd" * 32
MEASURED = Measured("run", "phone", "cpu", 1, "litert 2", "TRUSTED")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A run whose first case measured the file with this hash, and has a profile."""
    view = run_view()
    first = view.cases[0].case_id
    with Store.open(tmp_path / "r.sqlite") as store:
        store.create_run(view.run, [(case, view.rows[0].device_id) for case in view.cases])
        for facts in view.facts:
            store.save_facts(view.run.run_id, facts)
        named = view.files[0]
        described = (("kind", "image"), ("mean", "127.5 127.5 127.5"), ("std", "127.5 127.5 127.5"))
        store.save_variant_file(view.run.run_id, replace(named, sha256=SHA256, preprocessing=described))
        store.save_rows([replace(row, model_sha256=SHA256 if row.case_id == first else "ef" * 32) for row in view.rows])
        operators = (OperatorTime("RELU", 30.0, 0.75, 3, "built-in"), OperatorTime("ADD", 10.0, 0.25, 1, "built-in"))
        for block, status in enumerate((Status.FAILED, Status.DONE)):
            result = InvocationResult(status, operators=operators if status is Status.DONE else ())
            record = InvocationRecord(first, Purpose.PROFILE, block, block, 0, "2026-01-01T00:00:00Z", result)
            store.append_invocation(view.run.run_id, record, token=1)
        yield store


def test_the_cases_of_this_very_file_with_their_profile(store: Store) -> None:
    found = stored_of(store, SHA256)
    (one,) = found.measured
    run = store.list_runs()[0]
    assert one.run_id == run.run_id
    assert one.device in one.setup
    assert one.verdict
    assert one.latency_ms is not None
    assert [(operator.name, operator.count) for operator in one.operators] == [("RELU", 3), ("ADD", 1)]
    assert dict(found.preprocessing)["mean"] == "127.5 127.5 127.5"
    assert found.preprocessing_run == run.run_id


def test_another_file_has_nothing(store: Store) -> None:
    assert stored_of(store, "00" * 32) == Stored()


def test_times_are_laid_over_the_graph_where_the_counts_agree(store: Store) -> None:
    drawn = chain(["a", "b", "c"])
    data = drawn.unary("ADD", drawn.outputs[0], "d")
    drawn.unary("ADD", data, "e")
    report = report_on(drawn.file(sha256=SHA256), stored_of(store, SHA256))
    assert report.times_us == {0: 10.0, 1: 10.0, 2: 10.0}  # one ADD was profiled, the file has two


def _times(drawn: Drawn, *operators: OperatorTime) -> dict[int, float]:
    measured = replace(MEASURED, operators=operators)
    return operator_times(drawn.graph(), measured)


def test_xnnpack_computes_convolutions_of_one_by_one_as_dense_layers() -> None:
    drawn = Drawn()
    data = drawn.tensor("x", (1, 8, 8, 4))
    for number, size in enumerate((3, 1, 1)):
        out = drawn.tensor(f"y{number}", (1, 8, 8, 4))
        weights = drawn.tensor("w", (4, size, size, 4), constant=True)
        drawn.operator("CONV_2D", [data, weights], [out], stride_h=1, stride_w=1)
    kernels = (
        OperatorTime("Fully Connected (NC, F32) GEMM", 8.0, 0.4, 2, "XNNPACK"),
        OperatorTime("Convolution (NHWC, F32) IGEMM", 12.0, 0.6, 1, "XNNPACK"),
    )
    assert _times(drawn, *kernels) == {0: 12.0, 1: 4.0, 2: 4.0}


def test_a_profile_of_another_graph_is_not_laid_over_it() -> None:
    assert _times(chain(["a", "b"]), OperatorTime("RELU", 9.0, 1.0, 3, "built-in")) == {}


def test_one_kind_on_two_processors_is_one_kind() -> None:
    kernels = (OperatorTime("RELU", 8.0, 0.5, 1, "built-in"), OperatorTime("RELU", 2.0, 0.5, 1, "GPU"))
    assert _times(chain(["a", "b"]), *kernels) == {0: 5.0, 1: 5.0}


@pytest.mark.parametrize(
    ("kernel", "operator"),
    [
        ("CONV_2D", "CONV_2D"),
        ("Convolution (NHWC, QC8) IGEMM", "CONV_2D"),
        ("Convolution (NHWC, F32) DWConv", "DEPTHWISE_CONV_2D"),
        ("Max Pooling (NHWC, F32)", "MAX_POOL_2D"),
        ("something else", "something else"),
    ],
)
def test_names_of_kernels(kernel: str, operator: str) -> None:
    assert operator_of(kernel) == operator
