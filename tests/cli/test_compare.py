"""`harness compare` on stored runs: what is typed, what is printed, how it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.compare import compare
from harness.domain import ComparisonVerdict, DeviceFacts, MetricChange, OutputsCheck, PairOutcome, RunRecord, Status
from harness.domain.invocations import AccuracyResult
from harness.errors import HarnessError, StoreError, UnknownRunError, UsageError
from harness.report.wording import percent
from harness.store import Store
from tests.cli.command_line import CommandLine, harness
from tests.measure.matrices import GPU, RUN, case, view

__all__ = ["harness"]
Measured = Sequence[tuple[Any, float | None, dict[str, Any]]]
TWO: Measured = ((case(), 10.0, {}), (case(GPU), 5.0, {}))
SCORED = {"accuracy_metric": "top1", "accuracy_samples": 500, "accuracy_direction": "higher"}


def save(path: Path, run: RunRecord, measured: Measured = TWO, *, os_build: str = "build 1", blocks: int = 8) -> None:
    """Put a run into the store at `path`."""
    made = view(measured, run=run, blocks=blocks)
    with Store.open(path) as store:
        rows = [replace(row, run_id=run.run_id) for row in made.rows]
        store.create_run(run, [(of, row.device_id) for of, row in zip(made.cases, rows, strict=True)])
        for facts in made.facts:
            store.save_facts(run.run_id, replace(facts, os_build=os_build))
        for record in made.invocations:
            store.append_invocation(run.run_id, record, token=1)
        store.save_rows(rows)


def named(run_id: str, **changes: Any) -> RunRecord:
    return replace(RUN, run_id=run_id, name=changes.pop("name", run_id), **changes)


def call(path: Path, *arguments: str) -> int:
    """The exit code of `harness compare ARGUMENTS`."""
    result = compare.main([*arguments, "--store", str(path)], standalone_mode=False)
    assert isinstance(result, int)
    return result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "harness.sqlite"


# ---- one run ---------------------------------------------------------------------------------------------------------


def test_a_run_is_compared_inside(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("one"))
    assert call(path, "one", "--by", "backend") == 0
    text = capsys.readouterr().out
    assert "Backends against cpu xnnpack" in text
    assert "faster" in text


def test_json_csv_html_and_a_file(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("one"))
    assert call(path, "one", "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["run_id"], plain["by"], plain["levels"]) == ("one", "backend", ["cpu xnnpack", "gpu"])
    page = tmp_path / "page.html"
    assert call(path, "one", "--format", "html", "--output", str(page)) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert call(path, "one", "--format", "csv", "--reference", "gpu") == 0
    assert "cpu xnnpack,gpu,no" in capsys.readouterr().out
    with pytest.raises(UsageError, match="cannot be written"):
        call(path, "one", "--output", str(tmp_path / "no" / "page.html"))


def test_only_the_models_that_were_asked_for(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        (case(backend, model=model), 5.0, {})
        for model in ("mobilenet_v2", "resnet")
        for backend in (GPU, case().backend)
    ]
    save(path, named("one"), rows)
    assert call(path, "one", "--model", "mobile*", "--format", "csv") == 0
    text = capsys.readouterr().out
    assert "mobilenet_v2" in text
    assert "resnet" not in text
    with pytest.raises(UsageError, match="no model is called") as caught:
        call(path, "one", "--model", "bert")
    assert "mobilenet_v2, resnet" in caught.value.remedy


def test_a_run_with_one_case_has_nothing_to_compare(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("one"), TWO[:1])
    assert call(path, "one") == 4
    assert "the only backend is cpu xnnpack" in capsys.readouterr().out


def test_a_run_in_which_nothing_is_comparable_ends_with_4(path: Path) -> None:
    save(path, named("one"), blocks=1)
    assert call(path, "one") == 4


@pytest.mark.parametrize("blocks", [2, 7, 8])
def test_a_run_without_any_answer_ends_with_4(path: Path, capsys: pytest.CaptureFixture[str], blocks: int) -> None:
    save(path, named("one"), blocks=blocks)
    assert call(path, "one", "--by", "backend") == (0 if blocks == 8 else 4)
    text = capsys.readouterr().out
    assert ("few blocks" in text) is (blocks < 8)
    assert ("too few blocks" in text) is (blocks < 6)  # in place of an interval


def test_what_could_have_been_seen_stands_beside_each_ratio(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("one"))
    call(path, "one", "--by", "backend", "--json")
    (mde,) = [
        cell["ratio"]["mde"]
        for line in json.loads(capsys.readouterr().out)["lines"]
        for cell in line["cells"]
        if cell["ratio"]
    ]
    call(path, "one", "--by", "backend", "--format", "markdown")
    assert f"| {percent(100 * mde)} |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "interrupted", "finished_at": None}, "The run is interrupted"),
        ({"finished_at": "2020-01-01T00:00:00.000+00:00"}, "clock went backwards"),
        ({"harness_version": "0.0.1"}, "made by harness 0.0.1"),
    ],
)
def test_doubts_of_a_run_are_told(
    path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    save(path, named("one", **changes))
    call(path, "one")
    assert said in capsys.readouterr().out


# ---- what is not there -----------------------------------------------------------------------------------------------


def test_an_unknown_run_is_answered_with_the_nearest(path: Path) -> None:
    save(path, named("20261122-024056-vision-670b", name="vision"))
    with pytest.raises(UnknownRunError) as caught:
        call(path, "visoin")
    assert caught.value.remedy.startswith("Did you mean vision?")
    with pytest.raises(UnknownRunError) as caught:
        call(path, "lates")
    assert caught.value.remedy.startswith("Did you mean latest?")
    assert caught.value.exit_code == 2
    with pytest.raises(UnknownRunError) as caught:
        call(path, "vision", "20261122-024056-vision-670c")
    assert "20261122-024056-vision-670b" in caught.value.remedy


def test_no_store_and_an_empty_one(path: Path) -> None:
    with pytest.raises(UsageError, match="no results store"):
        call(path, "one")
    Store.open(path).close()
    for arguments in (("one",), ("latest",), ("one", "two")):
        with pytest.raises(UsageError, match="no runs yet"):
            call(path, *arguments)


def test_a_file_that_is_no_store(path: Path) -> None:
    path.write_text("hello")
    with pytest.raises(StoreError) as caught:
        call(path, "one")
    assert caught.value.exit_code == 5  # 1 would be a regression


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("one", "one"), "both are the run one"),
        (("one", "two", "--by", "backend"), "--by is for one stored run"),
        (("one", "two", "--model", "x"), "--model is for one stored run"),
        (("one", "--set", "a=b"), "--set is for builds that are measured now"),
        (("one", "--blocks", "8"), "--blocks is for builds that are measured now"),
        (("one", "b.tflite"), "b.tflite can be measured, and one is no sweep"),
        (("a.yaml",), "nothing to compare it with"),
        (("a.yaml", "b.yaml", "--by", "backend"), "--by is for one stored run"),
        (("one", "--reference", "tpu"), "'tpu' is not in this run: cpu xnnpack, gpu"),
    ],
)
def test_what_does_not_go_together_is_refused(path: Path, arguments: tuple[str, ...], said: str) -> None:
    save(path, named("one"))
    save(path, named("two"))
    with pytest.raises(HarnessError, match=said) as caught:
        call(path, *arguments)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_a_person_reads_a_sentence_and_no_traceback(harness: CommandLine) -> None:
    (harness.folder / "reports").mkdir()
    save(harness.folder / "reports" / "harness.sqlite", named("one"))
    done = harness("compare", "two")
    assert done.returncode == 2
    assert "there is no run 'two'" in done.stderr
    assert "Traceback" not in done.stderr
    assert harness("compare", "one").returncode == 0


# ---- two stored runs -------------------------------------------------------------------------------------------------


def stored(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert call(path, "base", "next", "--json") == 4
    return dict(json.loads(capsys.readouterr().out))


def test_two_stored_runs_are_never_judged(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("base"))
    save(path, named("next"), [(case(), 12.0, {}), (case(GPU), 5.0, {})])
    found = stored(path, capsys)
    assert (found["verdict"], found["interleaved"], found["compared"]) == ("INCONCLUSIVE", False, 2)
    assert [round(one["metrics"]["latency"]["ratio"], 3) for one in found["changed"]] == [1.2]
    assert call(path, "base", "next") == 4
    text = capsys.readouterr().out
    assert "REGRESSION" not in text
    assert "with the sweep files of base and next" in text
    assert "base.yaml" not in text


def test_another_runtime_is_compared_and_told_first(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("base"))
    newer = {"runtime_version": "2.4.0", "init_ms": 9.0}
    save(path, named("next", harness_version="0.2.0"), [(case(), 12.0, newer), (case(GPU), 5.0, newer)])
    found = stored(path, capsys)
    assert found["compared"] == 2
    assert {"name": "runtime version of 2 rows", "base": "2.3.0", "candidate": "2.4.0"} in found["differs"]
    assert {"name": "harness version", "base": "0.1.0", "candidate": "0.2.0"} in found["differs"]


def test_other_devices_and_system_builds_are_not_comparable(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    phone = case(serial="one")
    save(path, named("base"), [(phone, 10.0, {})])
    save(path, named("next"), [(phone, 12.0, {})], os_build="build 2")
    found = stored(path, capsys)
    assert (found["compared"], found["verdict"], found["changed"]) == (0, "NOT_COMPARABLE", [])
    assert found["not_comparable"][0]["reason"] == "the OS build differs: build 1 and build 2"
    save(path, named("twin"), [(case(serial="two"), 12.0, {})])
    assert call(path, "base", "twin") == 4
    text = capsys.readouterr().out
    assert "the device differs: one and two" in text
    assert "1.20" not in text


def test_another_protocol_is_not_comparable(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("base", settings_json='{"measure": {"min_s": 2.0}}'))
    save(path, named("next", settings_json='{"measure": {"min_s": 0.5, "blocks": 20}}'))
    found = stored(path, capsys)
    assert found["compared"] == 0
    assert found["not_comparable"][0]["reason"] == "the protocol's min_s differs: 2 and 0.5"
    assert {"measure: min_s", "measure: blocks"} <= {one["name"] for one in found["differs"]}


def test_rows_that_come_go_and_fail(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("base"), [*TWO, (case(variant="int8"), 4.0, {})])
    crashed = {"status": Status.CRASHED, "verdict": None, "reasons": "signal 11; more"}
    save(path, named("next"), [TWO[0], (case(GPU), None, crashed), (case(variant="float16"), 9.0, {})])
    found = stored(path, capsys)
    assert [one["reason"] for one in found["newly_failing"]] == ["signal 11"]
    assert [one["series"] for one in found["missing"]] == ["net int8 · cpu xnnpack 1 thread · Lab PC"]
    assert [one["series"] for one in found["new"]] == ["net float16 · cpu xnnpack 1 thread · Lab PC"]


@pytest.mark.parametrize(
    ("ours", "theirs", "samples", "comparable"),
    [
        ("d1", "d1", 500, True),
        ("d1", "d2", 500, False),
        ("", "", 500, True),
        ("d1", "", 500, True),
        ("d1", "d1", 100, False),
    ],
)
def test_accuracy_is_compared_on_one_data_set_only(
    path: Path, capsys: pytest.CaptureFixture[str], ours: str, theirs: str, samples: int, comparable: bool
) -> None:
    for name, accuracy, data, count in (("base", 0.98, ours, 500), ("next", 0.97, theirs, samples)):
        save(path, named(name), [(case(), 10.0, {**SCORED, "accuracy": accuracy, "accuracy_samples": count})])
        result = AccuracyResult("top1", accuracy, count, dataset_id=data)
        with Store.open(path) as store:
            store.save_check(name, case().case_id, OutputsCheck(accuracy=result))
    found = stored(path, capsys)
    if comparable:
        assert found["changed"][0]["metrics"]["accuracy"]["difference"] == pytest.approx(-0.01)
    else:
        assert found["changed"] == []
        assert found["accuracy_of_other_data"] == ["net float32 · cpu xnnpack 1 thread · Lab PC"]


def test_a_half_finished_run_and_clocks_that_went_backwards(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("base", finished_at="2020-01-01T00:00:00.000+00:00"))
    save(
        path, named("next", state="interrupted", finished_at=None, started_at="2026-01-01T00:00:00.000+00:00"), TWO[:1]
    )
    found = stored(path, capsys)
    told = "\n".join(found["notes"])
    for part in (
        "base: The computer's clock went backwards",
        "next: The run is interrupted",
        "measured before the base",
    ):
        assert part in told
    assert len(found["missing"]) == 1


def test_a_model_of_another_file_is_matched_by_its_name(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [replace(case(), model=replace(case().model, file=f"/builds/{name}/net.tflite")) for name in ("a", "b")]
    save(path, named("base"), [(files[0], 10.0, {"model_sha256": "a" * 64})])
    save(path, named("next"), [(files[1], 11.0, {"model_sha256": "b" * 64})])
    found = stored(path, capsys)
    assert (found["compared"], found["missing"], found["new"]) == (1, [], [])
    assert found["differs"][0]["name"] == "model file of 1 row"


def test_csv_names_every_row(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(path, named("base"))
    save(path, named("next"))
    assert call(path, "base", "next", "--format", "csv") == 4
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("net float32 · cpu xnnpack 1 thread · Lab PC,")


# ---- runs that are comparisons ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("SAME", 0), ("IMPROVEMENT", 0), ("REGRESSION", 1), ("INCONCLUSIVE", 4), ("NOT_COMPARABLE", 4)],
)
def test_a_comparison_run_prints_its_outcomes(
    path: Path, capsys: pytest.CaptureFixture[str], verdict: str, code: int
) -> None:
    save(path, named("ab", settings_json='{"comparison": {"purpose": "compare", "policy": {}, "pairs": []}}'))
    change = MetricChange(
        "latency", ComparisonVerdict(verdict), 10.0, 10.8, "ms", 1.08, 1.06, 1.1, 1e-4, 0.01, 0.02, 12
    )
    outcome = PairOutcome("s", "net int8", "net", "int8", "cpu", "host-a", "Lab PC", "a", "b", (change,))
    with Store.open(path) as store:
        store.save_outcomes("ab", [outcome])
    assert call(path, "ab") == code
    text = capsys.readouterr().out
    assert verdict in text
    assert "1.06 to 1.10" in text
    assert call(path, "ab", "--json") == code
    assert json.loads(capsys.readouterr().out)["pairs"][0]["series"] == "net int8"


@pytest.mark.parametrize(("purpose", "kind"), [("compare", "a comparison of two builds"), ("nightly", "a night")])
@pytest.mark.parametrize("option", [("--by", "backend"), ("--reference", "gpu"), ("--model", "net")])
def test_inside_a_comparison_run_nothing_is_compared(
    path: Path, purpose: str, kind: str, option: tuple[str, str]
) -> None:
    settings = json.dumps({"comparison": {"purpose": purpose, "policy": {}, "pairs": []}})
    save(path, named("ab", settings_json=settings))
    with pytest.raises(UsageError, match=f"the run ab is {kind}: its rows are the two arms") as caught:
        call(path, "ab", *option)
    assert "`harness compare ab` shows its verdicts" in caught.value.remedy


def test_a_comparison_of_two_files_names_both(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arms = [
        replace(case(arm=arm), model=replace(case().model, file=f"/builds/{arm}/net.tflite"))
        for arm in ("base", "candidate")
    ]
    settings = '{"comparison": {"purpose": "compare", "policy": {}, "pairs": []}}'
    save(path, named("ab", settings_json=settings), [(arm, 10.0, {}) for arm in arms])
    change = MetricChange("latency", ComparisonVerdict.SAME, 10.0, 10.0, "ms", 1.0)
    with Store.open(path) as store:
        store.save_outcomes("ab", [PairOutcome("s", "net", "net", "int8", "cpu", "host-a", "PC", "a", "b", (change,))])
    call(path, "ab")
    assert "base → candidate. SAME: 1 pair" in capsys.readouterr().out


def test_the_facts_of_the_fixture_are_those_of_a_device(path: Path) -> None:
    save(path, named("one"))
    with Store.open(path, read_only=True) as store:
        assert store.facts("one") == (DeviceFacts("host-a", "host", "Lab PC", "soc", "build 1"),)
