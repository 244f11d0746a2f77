from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from harness.domain import InvocationRecord, InvocationResult, MeasureSettings, Purpose, Status
from harness.errors import StoreError
from harness.store import Store
from tests.store import build

INT8, FLOAT = build.case("int8"), build.case("float32")


@pytest.fixture
def run_id(store: Store) -> str:
    store.create_run(build.run(), [(INT8, build.DEVICE), (FLOAT, "")])
    return "run-1"


def _same(one: InvocationRecord, other: InvocationRecord) -> bool:
    """Equality that includes the arrays, which `InvocationResult` leaves out, and takes NaN as equal to itself."""
    for name in ("samples_ns", "warmup_ns"):
        a, b = getattr(one.result, name), getattr(other.result, name)
        if (a is None) != (b is None) or (a is not None and (a.dtype != b.dtype or a.tolist() != b.tolist())):
            return False
    return repr(_bare(one)) == repr(_bare(other))


def _bare(record: InvocationRecord) -> InvocationRecord:
    return replace(record, result=replace(record.result, samples_ns=None, warmup_ns=None))


def test_a_run_is_found_again(store: Store, run_id: str) -> None:
    assert store.list_runs() == (build.run(),)
    assert store.cases(run_id) == (INT8, FLOAT)
    store.finish_run(run_id, "finished", "2026-11-21T11:00:00.000+00:00")
    assert store.find_run(run_id) == build.run(state="finished", finished_at="2026-11-21T11:00:00.000+00:00")
    store.finish_run(run_id, "running", None)
    assert store.find_run(run_id) == build.run()


def test_a_run_exists_once(store: Store, run_id: str) -> None:
    with pytest.raises(StoreError, match="exists already"):
        store.create_run(build.run(), [])
    assert store.cases(run_id) == (INT8, FLOAT)


def test_a_run_that_is_refused_leaves_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="contradictory"):
        store.create_run(build.run(), [(INT8, ""), (INT8, "")])
    assert store.list_runs() == ()


@pytest.fixture
def three_runs(store: Store) -> Store:
    for run_id, name in (("2026a-vision", "vision"), ("2026b-vision", "vision"), ("2027-speech", "2026a-vision")):
        store.create_run(build.run(run_id, name=name), [])
    return store


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("2026b-vision", "2026b-vision"),
        ("2026a-vision", "2026a-vision"),  # an id goes before the name of another run
        ("vision", "2026b-vision"),
        ("2026b", "2026b-vision"),
        ("2027", "2027-speech"),
        ("latest", "2027-speech"),
    ],
)
def test_what_a_person_types_finds_a_run(three_runs: Store, ref: str, found: str) -> None:
    assert three_runs.find_run(ref).run_id == found


@pytest.mark.parametrize("ref", ["2026", "2026_", "%", "", "speech", "LATEST"])
def test_what_means_no_single_run_is_refused(three_runs: Store, ref: str) -> None:
    with pytest.raises(StoreError) as caught:
        three_runs.find_run(ref)
    assert ("2026a-vision" in str(caught.value)) == (ref == "2026")
    assert three_runs.where in str(caught.value)
    assert caught.value.remedy


def test_latest_of_an_empty_store_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no run 'latest'"):
        store.find_run("latest")


def test_the_newest_unfinished_run_of_a_sweep(store: Store) -> None:
    for run_id, sha, state in (
        ("a", "x", "running"),
        ("b", "x", "interrupted"),
        ("c", "x", "finished"),
        ("d", "y", ""),
    ):
        store.create_run(build.run(run_id, sweep_sha256=sha, state=state), [])
    found = store.unfinished_run("x")
    assert found is not None
    assert found.run_id == "b"
    assert store.unfinished_run("z") is None


def test_an_invocation_comes_back_whole(store: Store, run_id: str) -> None:
    record = build.record(INT8)
    store.append_invocation(run_id, record, token=1)
    (back,) = store.invocations(run_id)
    assert _same(back, record)
    assert not _same(back, replace(record, result=replace(record.result, samples_ns=record.result.warmup_ns)))


def test_no_series_and_an_empty_one_are_told_apart(store: Store, run_id: str) -> None:
    result = InvocationResult(Status.FAILED, error="boom", samples_ns=np.array([], np.int64))
    store.append_invocation(run_id, build.record(INT8, result=result), token=1)
    (back,) = store.invocations(run_id)
    assert back.result.samples_ns is not None
    assert back.result.samples_ns.tolist() == []
    assert back.result.warmup_ns is None


def test_invocations_keep_their_order_and_can_be_asked_for_by_case(store: Store, run_id: str) -> None:
    for case, block in ((FLOAT, 1), (INT8, 1), (INT8, 0)):
        store.append_invocation(run_id, build.record(case, block), token=1)
    assert [(one.case_id, one.block) for one in store.invocations(run_id)] == [
        (FLOAT.case_id, 1),
        (INT8.case_id, 1),
        (INT8.case_id, 0),
    ]
    assert [one.block for one in store.invocations(run_id, INT8.case_id)] == [1, 0]


def test_an_invocation_is_stored_once(store: Store, run_id: str) -> None:
    store.append_invocation(run_id, build.record(INT8), token=1)
    with pytest.raises(StoreError, match="stored already"):
        store.append_invocation(run_id, build.record(INT8), token=1)
    others = ({"block": 1}, {"attempt": 1}, {"purpose": Purpose.MEMORY})
    for change in others:
        store.append_invocation(run_id, build.record(INT8, **change), token=1)
    assert len(store.invocations(run_id)) == 1 + len(others)


def test_done_keys_leave_out_what_must_be_repeated(store: Store, run_id: str) -> None:
    for block, status in enumerate(Status):
        store.append_invocation(run_id, build.record(INT8, block, result=InvocationResult(status)), token=1)
    repeated = {block for block, status in enumerate(Status) if status in (Status.INTERRUPTED, Status.OFFLINE)}
    assert store.done_keys(run_id) == {
        (INT8.case_id, Purpose.TIMING, block) for block in range(len(Status)) if block not in repeated
    }
    again = build.record(INT8, min(repeated), attempt=1)
    store.append_invocation(run_id, again, token=1)
    assert (INT8.case_id, Purpose.TIMING, min(repeated)) in store.done_keys(run_id)


def test_a_stale_token_is_refused_and_stores_nothing(store: Store, run_id: str) -> None:
    store.append_invocation(run_id, build.record(INT8, 0), token=7)
    store.append_invocation(run_id, build.record(INT8, 1), token=2**40)
    with pytest.raises(StoreError, match=rf"token 7 of {build.DEVICE} is older than {2**40}"):
        store.append_invocation(run_id, build.record(INT8, 2), token=7)
    assert [one.block for one in store.invocations(run_id)] == [0, 1]


def test_tokens_guard_a_device_across_runs_and_no_other_device(store: Store, run_id: str) -> None:
    store.create_run(build.run("run-2"), [(INT8, build.DEVICE), (FLOAT, "host-x")])
    store.append_invocation(run_id, build.record(INT8), token=9)
    store.append_invocation("run-2", build.record(FLOAT), token=1)
    with pytest.raises(StoreError, match="stale lease"):
        store.append_invocation("run-2", build.record(INT8), token=8)


def test_a_device_can_be_known_later(store: Store, run_id: str) -> None:
    store.append_invocation(run_id, build.record(INT8), token=9)
    store.assign_device(run_id, FLOAT.case_id, build.DEVICE)
    with pytest.raises(StoreError, match="stale lease"):
        store.append_invocation(run_id, build.record(FLOAT), token=8)


def test_a_failed_append_leaves_no_part(store: Store, run_id: str) -> None:
    bad = replace(build.result(), warmup_ns=np.zeros(3, np.float32))
    with pytest.raises(TypeError):
        store.append_invocation(run_id, build.record(INT8, result=bad), token=3)
    assert store.invocations(run_id) == ()
    store.append_invocation(run_id, build.record(INT8), token=1)


def test_checks_files_and_facts_come_back_and_are_replaced(store: Store, run_id: str) -> None:
    store.save_check(run_id, FLOAT.case_id, replace(build.check(), finite=True))
    store.save_check(run_id, INT8.case_id, replace(build.check(), finite=True))
    store.save_check(run_id, INT8.case_id, build.check())
    assert store.checks(run_id) == {INT8.case_id: build.check(), FLOAT.case_id: replace(build.check(), finite=True)}
    assert list(store.checks(run_id)) == [INT8.case_id, FLOAT.case_id]
    store.save_variant_file(run_id, replace(build.variant_file("int8"), cached=False))
    store.save_variant_file(run_id, build.variant_file("float32"))
    store.save_variant_file(run_id, build.variant_file("int8"))
    store.save_facts(run_id, build.facts(soc="?"))
    store.save_facts(run_id, build.facts())
    view = store.view(run_id)
    assert view.files == (build.variant_file("int8"), build.variant_file("float32"))
    assert view.facts == (build.facts(),)


def test_the_view_holds_everything(store: Store, run_id: str) -> None:
    store.append_invocation(run_id, build.record(INT8), token=1)
    store.save_row(build.row(FLOAT, clock_ghz=None))
    store.save_row(build.row(INT8, clock_ghz=None))
    store.save_estimate(run_id, 321.5)
    store.create_run(build.run("run-2"), [(INT8, "")])
    view = store.view(run_id)
    assert view.run == build.run()
    assert view.cases == (INT8, FLOAT)
    assert view.rows == (build.row(INT8, clock_ghz=None), build.row(FLOAT, clock_ghz=None))
    assert len(view.invocations) == 1
    assert view.measure == MeasureSettings(blocks=3, min_s=0.5)
    assert view.estimated_s == 321.5
    assert {field.name for field in fields(view)} == set(vars(view))


@pytest.mark.parametrize(
    ("settings_json", "measure"),
    [
        ("", MeasureSettings()),
        ("{}", MeasureSettings()),
        ('{"measure": {"blocks": 5}, "accuracy": {}}', MeasureSettings(blocks=5)),
        ('{"blocks": 4, "gone_since": 1}', MeasureSettings(blocks=4)),
    ],
)
def test_the_protocol_of_old_settings_is_read(store: Store, settings_json: str, measure: MeasureSettings) -> None:
    store.create_run(build.run(settings_json=settings_json), [])
    assert store.view("run-1").measure == measure


def test_settings_that_are_not_json_are_named(store: Store) -> None:
    store.create_run(build.run(settings_json="{"), [])
    with pytest.raises(StoreError, match="cannot be read: not JSON"):
        store.view("run-1")


def test_a_missing_run_is_an_error_everywhere(store: Store) -> None:
    calls = [
        lambda: store.cases("gone"),
        lambda: store.finish_run("gone", "finished", None),
        lambda: store.append_invocation("gone", build.record(INT8), token=1),
        lambda: store.invocations("gone"),
        lambda: store.invocations("gone", INT8.case_id),
        lambda: store.done_keys("gone"),
        lambda: store.save_check("gone", INT8.case_id, build.check()),
        lambda: store.checks("gone"),
        lambda: store.save_row(build.row(INT8, "gone")),
        lambda: store.rows("gone"),
        lambda: store.view("gone"),
        lambda: store.save_facts("gone", build.facts()),
        lambda: store.save_variant_file("gone", build.variant_file()),
        lambda: store.metric_pairs("gone", "gone", "latency", "p50"),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="there is no run 'gone'") as caught:
            call()
        assert store.where in str(caught.value)


def test_a_missing_case_is_an_error(store: Store, run_id: str) -> None:
    stranger = build.case("int16x8")
    calls = [
        lambda: store.append_invocation(run_id, build.record(stranger), token=1),
        lambda: store.invocations(run_id, stranger.case_id),
        lambda: store.save_row(build.row(stranger)),
        lambda: store.save_check(run_id, stranger.case_id, build.check()),
    ]
    for call in calls:
        with pytest.raises(StoreError, match=f"has no case '{stranger.case_id}'"):
            call()


def test_hostile_names_are_only_names(store: Store) -> None:
    name = "x'; DROP TABLE run; --"
    store.create_run(build.run(name, name=name), [(INT8, name)])
    store.append_invocation(name, build.record(INT8), token=1)
    assert store.find_run(name).name == name
    assert len(store.invocations(name)) == 1


def test_text_that_no_database_takes_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="invalid character"):
        store.create_run(build.run(name="bad \udcff"), [])
