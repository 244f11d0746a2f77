"""A night from its plan to its decision, with a stand-in where devices are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.domain import Status
from harness.errors import DeviceBusyError, NoDeviceError, StableError, UsageError
from harness.events import Message
from harness.lab.nightly import NightRequest, NightResult, planned, run_night, unfinished_night
from harness.lab.paired_rounds import OUT_OF_TIME
from harness.lab.pinned_build import load_build
from harness.measure.stopping import ScreenThenConfirm
from harness.report.nightly.words import verdict_line
from harness.store import LeaseBook, Store
from harness.sweep import expand
from tests.lab.night_bench import Clock, FakeRun, around, offers, pinned, sweep

ALPHA = "alpha float32 · cpu xnnpack 1 thread · host"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def leases(tmp_path: Path) -> Iterator[LeaseBook]:
    with LeaseBook.open(tmp_path / "leases.sqlite") as opened:
        yield opened


class Bench:
    """One farm, night after night."""

    def __init__(self, folder: Path, store: Store, leases: LeaseBook) -> None:
        self.folder, self.store, self.leases = folder, store, leases
        self.sweep = sweep(folder)
        self.baseline = pinned(self.sweep, folder)
        self.run = FakeRun()
        self.clock = Clock()
        self.posted: list[Any] = []

    def request(self, **more: Any) -> NightRequest:
        given = {"sweep": self.sweep, "baseline": self.baseline, "jobs": 1}
        places = {"reports_dir": self.folder / "reports", "cache_dir": self.folder / "cache"}
        return NightRequest(**{**given, **places, **more})

    def night(self, ask: Any = offers, **more: Any) -> NightResult:
        return run_night(
            self.request(**more),
            around(self.store, self.leases, self.posted),
            run=self.run,
            clock=self.clock,
            sleep=self.clock.sleep,
            ask=ask,
        )

    def pinned_file(self, name: str) -> Path:
        build = load_build(self.baseline)
        paths = {case.model.name: build.file(case).path for case in expand(build.sweep).cases}
        return Path(paths[name] or "")


@pytest.fixture
def bench(tmp_path: Path, store: Store, leases: LeaseBook) -> Bench:
    return Bench(tmp_path, store, leases)


def kinds(result: NightResult) -> list[str]:
    return [event.kind for event in result.night.events]


# ---- the plan --------------------------------------------------------------------------------------------------------


def test_every_case_is_paired_with_its_copy_and_each_device_gets_an_a_a_set(bench: Bench) -> None:
    plan = planned(bench.request(), bench.store, offers)
    assert len(plan.compared) == 6
    assert [pair.series for pair in plan.pairs if pair not in plan.compared] == [f"A/A {ALPHA}"]
    pair = plan.compared[0]
    copies = str(bench.folder / "baselines" / "farm")
    assert (pair.base.model.name, pair.candidate.model.name) == ("alpha", "alpha-candidate")
    assert str(pair.base.model.file).startswith(copies)
    assert pair.candidate.model.file == str(bench.folder / "alpha.tflite")
    assert plan.files["alpha", "float32"].path == str(bench.pinned_file("alpha"))
    assert plan.files["alpha-again-candidate", "float32"].sha256 == plan.files["alpha", "float32"].sha256
    assert ("alpha-candidate", "float32") not in plan.files  # tonight's is prepared
    assert plan.policy == ScreenThenConfirm()
    assert plan.estimate_s == plan.lanes_s["host"] > 60


def test_a_case_is_in_one_pair_only(bench: Bench) -> None:
    plan = planned(bench.request(), bench.store, offers)
    ids = [case.case_id for pair in plan.pairs for case in (pair.base, pair.candidate)]
    assert len(ids) == len(set(ids))


def test_priorities_go_first_in_their_order_and_the_rest_keeps_its_own(bench: Bench, tmp_path: Path) -> None:
    wanted = sweep(tmp_path, "nightly: {priorities: [{model: gamma}, {backend: cpu b*}], screen_blocks: 4}\n")
    plan = planned(bench.request(sweep=wanted), bench.store, offers)
    told = [(pair.base.model.name, pair.base.backend.xnnpack) for pair in plan.compared]
    assert told == [
        *(("gamma", True), ("gamma", False), ("alpha", False), ("beta", False)),
        *(("alpha", True), ("beta", True)),
    ]
    assert plan.policy.screen_blocks == 4


def test_the_a_a_set_turns_from_model_to_model(bench: Bench) -> None:
    found = [bench.night() for _ in range(4)]
    sets = [
        outcome.series.split()[1]
        for result in found
        for outcome in bench.store.outcomes(result.night.run_id)
        if outcome.series.startswith("A/A ")
    ]
    assert sets == ["alpha", "beta", "gamma", "alpha"]


def test_what_only_one_side_has_is_missing_or_new(bench: Bench, tmp_path: Path) -> None:
    models = "models: [{name: alpha, file: alpha.tflite}, {name: delta, file: beta.tflite}]"
    text = f"name: farm\n{models}\nvariants: [float32]\n"
    result = bench.night(sweep=sweep(tmp_path, text=text))
    found = {event.kind: {outcome.model for outcome in event.outcomes} for event in result.night.events}
    assert found == {"MISSING": {"alpha", "beta", "gamma"}, "NEW": {"delta"}}


# ---- the pinned build ------------------------------------------------------------------------------------------------


def test_a_build_that_was_altered_is_found_out_before_and_the_rest_goes_on(bench: Bench) -> None:
    bench.pinned_file("alpha").write_bytes(b"something else")
    bench.pinned_file("beta").unlink()
    result = bench.night()
    assert {pair.base.model.name for pair in bench.run.requests[0].pairs} == {"gamma", "gamma-again"}
    assert kinds(result) == ["BASELINE_GONE", "BASELINE_GONE"]
    assert {event.reason.rpartition(" ")[2] for event in result.night.events} == {"altered", "gone"}
    assert result.night.verdict == "INCONCLUSIVE"


def test_what_is_left_out_is_said_before_anything_is_measured(bench: Bench) -> None:
    bench.pinned_file("beta").unlink()
    bench.run.fails = [NoDeviceError("the phone is away")]
    with pytest.raises(NoDeviceError):
        bench.night()
    (told,) = [event.text for event in bench.posted if isinstance(event, Message)]
    assert told.startswith(str(bench.pinned_file("beta")))
    assert "is gone: what needs it is left out tonight" in told
    assert "harness baseline pin SWEEP.yaml --name farm" in told


def test_one_interpreter_of_two_that_changed_leaves_out_what_needs_it(bench: Bench, tmp_path: Path) -> None:
    """Its cases are not measured with another library under the name of the pinned one."""
    text = (
        "name: farm\nmodels: [{name: alpha, file: alpha.tflite}]\nvariants: [float32]\n"
        "runtimes: [{litert: {python: /old/python}}, {litert: {python: /new/python}}]\n"
    )
    bench.sweep = sweep(tmp_path, text=text)
    bench.baseline = pinned(bench.sweep, tmp_path)
    gone = "/old/python is not an executable Python interpreter"
    result = bench.night(ask=lambda runtime: gone if runtime.python == "/old/python" else offers(runtime))
    measured = {pair.base.runtime.python for pair in bench.run.requests[0].pairs}
    assert measured == {"/new/python"}
    (event,) = [one for one in result.night.events if one.kind == "BASELINE_GONE"]
    assert gone in event.reason
    assert "'python: litert 2.1' when it was pinned" in event.reason
    assert any(gone in one.text for one in bench.posted if isinstance(one, Message))


def test_an_interpreter_that_changed_is_a_baseline_that_is_gone(bench: Bench) -> None:
    with pytest.raises(UsageError, match=r"offers 'python: litert 2\.2' now"):
        bench.night(ask=lambda runtime: "python: litert 2.2")
    assert bench.run.requests == []


def test_a_baseline_without_its_description_says_how_to_pin_it_anew(bench: Bench) -> None:
    next((bench.folder / "baselines").rglob("build.json")).unlink()
    with pytest.raises(StableError, match=r"is gone: .*build\.json is gone") as caught:
        bench.night()
    assert "harness baseline pin" in caught.value.remedy


# ---- the decision ----------------------------------------------------------------------------------------------------


def test_a_night_on_which_nothing_changed_passes(bench: Bench) -> None:
    result = bench.night()
    assert (result.night.verdict, result.night.events, len(result.night.outcomes)) == ("PASS", (), 6)
    assert result.night.baseline == "farm"
    assert bench.run.requests[0].sweep.measure.sentinel
    assert bench.run.requests[0].purpose == "nightly"
    assert result.report_dir == bench.folder / "reports" / result.night.run_id


def test_the_second_night_pages_and_a_new_baseline_begins_anew(bench: Bench) -> None:
    bench.night()
    bench.run.ratios = {"alpha": 1.08}
    assert (bench.night().night.verdict, bench.night().night.verdict) == ("INCONCLUSIVE", "REGRESSION")
    (bench.folder / "beta.tflite").write_bytes(b"another beta")
    bench.baseline = pinned(bench.sweep, bench.folder)
    result = bench.night()
    assert kinds(result) == ["AWAITING"]
    assert len(result.history) == 6


def test_the_history_is_that_of_this_sweep_and_build(bench: Bench) -> None:
    bench.run.ratios = {"alpha": 1.08}
    bench.night(sweep=replace(bench.sweep, name="another"))
    assert bench.night().night.verdict == "INCONCLUSIVE"


def test_page_after_one_pages_at_once(bench: Bench) -> None:
    bench.run.ratios = {"alpha": 1.08}
    now = replace(bench.sweep, nightly=replace(bench.sweep.nightly, page_after=1))
    assert bench.night(sweep=now).night.verdict == "REGRESSION"


def test_known_failures_of_the_sweep_count(bench: Bench, tmp_path: Path) -> None:
    bench.run.ratios = {"alpha": 1.08}
    bench.night()
    known = sweep(tmp_path, "nightly: {known_failures: [{model: alpha, reason: driver, expires: 2026-12-31}]}\n")
    assert kinds(bench.night(sweep=known)) == ["KNOWN"]


def test_everything_slower_with_the_sentinel_is_one_device_event(bench: Bench) -> None:
    for _ in range(5):
        bench.night()
    bench.run.sentinel_ms, bench.run.base_ms = 2.16, 10.8
    result = bench.night()
    assert (kinds(result), result.night.verdict) == (["DEVICE"], "PASS")
    assert result.night.events[0].title == "host-x is 8.0 % slower than on the nights before"


def test_what_the_budget_or_an_interrupt_left_out_was_not_reached(bench: Bench) -> None:
    skipped = (Status.SKIPPED, Status.SKIPPED)
    bench.run.statuses, bench.run.reasons = {"gamma": skipped}, OUT_OF_TIME
    result = bench.night()
    assert (kinds(result), result.night.verdict) == (["NOT_REACHED"], "INCONCLUSIVE")
    assert result.night.events[0].reason == OUT_OF_TIME
    bench.run.statuses, bench.run.state = {"gamma": (Status.DONE, Status.INTERRUPTED)}, "interrupted"
    assert kinds(bench.night()) == ["NOT_REACHED"]


def test_a_skip_for_another_reason_is_missing(bench: Bench) -> None:
    bench.run.statuses, bench.run.reasons = {"gamma": (Status.SKIPPED, Status.SKIPPED)}, "no such core"
    (event,) = bench.night().night.events
    assert (event.kind, event.reason) == ("MISSING", "the candidate was not measured: SKIPPED; no such core")


@pytest.mark.parametrize(
    ("status", "reason", "line"),
    [
        (Status.SKIPPED, OUT_OF_TIME, "INCONCLUSIVE: nothing was compared; 1 not reached"),
        (Status.SKIPPED, "no such core", "INCONCLUSIVE: nothing was compared; 1 missing"),
        (Status.UNSUPPORTED, "no such delegate", "INCONCLUSIVE: nothing was compared; 6 pairs without a time"),
    ],
)
def test_a_night_on_which_nothing_ran_says_that_nothing_was_compared(
    bench: Bench, status: Status, reason: str, line: str
) -> None:
    bench.run.statuses, bench.run.reasons = {"": (status, status)}, reason
    assert verdict_line(bench.night().night) == line


def test_a_sweep_that_shares_nothing_with_the_baseline_is_refused(bench: Bench, tmp_path: Path) -> None:
    other = sweep(tmp_path, text="name: farm\nmodels: [{name: delta, file: beta.tflite}]\nvariants: [int8]\n")
    with pytest.raises(UsageError, match="nothing can be compared with the baseline farm: no case of it") as caught:
        bench.night(sweep=other)
    assert "pin the baseline anew" in caught.value.remedy
    assert bench.run.requests == []


def test_the_a_a_set_becomes_noise_and_no_event(bench: Bench) -> None:
    bench.run.ratios = {"A/A": 1.05}
    result = bench.night()
    assert result.night.verdict == "PASS"
    assert any("false alarm" in note for note in result.night.notes)
    (noise,) = bench.store.noise("host-x")
    assert noise.effect == pytest.approx(0.05)
    assert (noise.origin, noise.model_class) == ("nightly", "cpu 10 to 100 ms")
    assert str(noise.verdict) == "REGRESSION"


def test_a_candidate_that_is_what_was_pinned_is_noise_and_no_regression(bench: Bench) -> None:
    bench.run.ratios, bench.run.same_build = {"alpha": 1.05}, "alpha"
    for result in (bench.night(), bench.night()):  # nor does the second night confirm anything
        assert (result.night.verdict, result.night.events) == ("PASS", ())
    assert "2 pairs of one and the same build on both sides: not judged, they measure the noise" in result.night.notes
    assert f"{ALPHA} on host-x: +5.0 %: a false alarm, see `harness calibrate`" in result.night.notes
    noise = [one for one in bench.store.noise("host-x") if not one.series.startswith("A/A")]
    assert [(one.series.split()[0], str(one.verdict), one.origin) for one in noise] == [
        ("alpha", "REGRESSION", "nightly")
    ] * 4
    bench.run.same_build = "nothing"
    assert kinds(bench.night()) == ["AWAITING"], "the false alarms of the nights before are no witnesses"


def test_a_candidate_that_is_what_was_pinned_and_crashes_is_told_all_the_same(bench: Bench) -> None:
    bench.run.statuses, bench.run.same_build = {"alpha": (Status.DONE, Status.CRASHED)}, "alpha"
    assert kinds(bench.night()) == ["NEWLY_FAILING"]


def test_a_clock_that_went_backwards_does_not_hide_the_night_before(bench: Bench) -> None:
    bench.run.dates = ["2027-05-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"]
    bench.run.ratios = {"alpha": 1.08}
    bench.night()
    result = bench.night()
    assert result.night.verdict == "REGRESSION"
    assert any("a clock was wrong" in note for note in result.night.notes)


# ---- waiting and resuming --------------------------------------------------------------------------------------------


def test_a_device_that_is_in_use_is_waited_for(bench: Bench) -> None:
    bench.run.fails = [DeviceBusyError("host-x is held by sweep other") for _ in range(3)]
    bench.night(wait_s=60.0)
    assert bench.clock.slept == [10.0, 10.0, 10.0]
    told = [event.text for event in bench.posted if isinstance(event, Message)]
    assert told == ["host-x is held by sweep other; waiting for it, 1 min 00 s at most"]


def test_waiting_has_an_end(bench: Bench) -> None:
    bench.run.fails = [DeviceBusyError("host-x is held") for _ in range(9)]
    with pytest.raises(DeviceBusyError):
        bench.night(wait_s=25.0)
    assert bench.clock.slept == [10.0, 10.0, 5.0]
    with pytest.raises(DeviceBusyError):
        bench.night()


def test_an_interrupted_night_goes_on_with_its_pairs_whatever_was_added_to_known_failures(
    bench: Bench, tmp_path: Path
) -> None:
    bench.night()
    bench.run.state = "interrupted"
    cut = bench.night()
    assert bench.store.noise("host-x", since="2026-01-03") == ()
    bench.run.state = "finished"
    known = sweep(
        tmp_path,
        "nightly: {screen_blocks: 9, priorities: [{model: gamma}],"
        " known_failures: [{model: alpha, reason: driver, expires: 2026-12-31}]}\n",
    )
    again = bench.night(sweep=known, resume=unfinished_night(bench.store, known))
    assert again.night.run_id == cut.night.run_id
    assert bench.run.requests[-1].pairs == bench.run.requests[-2].pairs
    assert bench.run.requests[-1].policy == ScreenThenConfirm()
    assert len(bench.store.noise("host-x")) == 2
    assert len(bench.store.list_runs()) == 2


def test_a_night_of_another_sweep_is_not_continued(bench: Bench, tmp_path: Path) -> None:
    bench.run.state = "interrupted"
    cut = bench.store.find_run(bench.night().night.run_id)
    for other in (sweep(tmp_path, "measure: {min_s: 3}\n"), sweep(tmp_path, "exclude: [{model: beta}]\n")):
        with pytest.raises(UsageError, match="another version of this sweep"):
            bench.night(sweep=other, resume=cut)


def test_there_may_be_nothing_to_resume(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no unfinished night"):
        unfinished_night(bench.store, bench.sweep)
    bench.night()
    with pytest.raises(UsageError, match="no unfinished night"):
        unfinished_night(bench.store, bench.sweep)
