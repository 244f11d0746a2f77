"""Comparisons of two builds through the lab; only the interpreters with LiteRT are stand-ins."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.domain import ComparisonVerdict, DeviceProfile, Pair, Purpose, Status
from harness.domain.comparisons import ClassProfile
from harness.errors import UsageError
from harness.events import Event, InvocationFinished
from harness.lab.interrupt import Interrupt
from harness.lab.lane import utc_now
from harness.lab.pairs import COMPARISON, PairsRequest, PairsResult, run_pairs, stored_outcomes
from harness.lab.sentinel import SENTINEL
from harness.measure.calibration import model_class
from harness.measure.stopping import FixedBlocks, Looks, Policy, ScreenThenConfirm
from harness.store import LeaseBook, Store
from harness.sweep import pair_sweeps
from tests.lab.fake_interpreter import make_interpreter
from tests.lab.test_session import Bench, outputs

__all__ = ["outputs"]

TWO = "[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]"


@dataclass
class PairBench:
    """One test's lab, with an old and a new interpreter."""

    bench: Bench

    def pairs(self, candidate: str = "", *, measure: str = "", backends: str = "[cpu]") -> PairsRequest:
        """A comparison of two interpreters; `candidate` is what the new one does in its timing with XNNPACK."""
        builds = []
        for name, action in (("old", ""), ("new", candidate)):
            folder = self.bench.folder / name
            folder.mkdir(exist_ok=True)
            behaviour = {"xnnpack__timing": action} if action else {}
            fake = make_interpreter(folder, self.bench.outputs, **behaviour)
            builds.append(self.bench.sweep(fake.path, backends, measure))
        folder = self.bench.folder
        pairs = pair_sweeps(*builds).pairs
        return PairsRequest(pairs, builds[0], Looks(), "compare", folder / "reports", folder / "cache", 1)

    def run(self, request: PairsRequest, on_event: Callable[[Event], None] = lambda event: None) -> PairsResult:
        with self.bench.store() as store, LeaseBook.open(self.bench.folder / "leases.sqlite") as leases:
            return run_pairs(
                request,
                store=store,
                leases=leases,
                post=on_event,
                interrupt=self.bench.interrupt,
                write_reports=lambda run_id, directory: None,
            )

    def store(self) -> Store:
        return self.bench.store()

    def blocks(self, run_id: str, pair: Pair) -> list[int]:
        with self.store() as store:
            records = store.invocations(run_id, pair.candidate.case_id)
        return [record.block for record in records if record.purpose is Purpose.TIMING]


@pytest.fixture
def lab(tmp_path: Path, outputs: Path) -> PairBench:
    return PairBench(Bench(tmp_path, outputs))


def test_a_slower_runtime_is_found_and_the_runtime_is_named(lab: PairBench) -> None:
    request = lab.pairs("slower 1.06")
    result = lab.run(request)
    (outcome,) = result.outcomes
    assert outcome.verdict is ComparisonVerdict.REGRESSION
    assert outcome.latency is not None
    assert outcome.latency.ratio == pytest.approx(1.06, rel=0.01)
    assert outcome.latency.blocks == 12, "without any spread it is the sign test, for which eight are too few"
    assert any("/new/" in one.candidate for one in outcome.differs)
    assert lab.blocks(result.run_id, request.pairs[0]) == list(range(12))


def test_the_outcomes_are_stored_and_can_be_judged_again(lab: PairBench) -> None:
    request = lab.pairs(backends=TWO)
    result = lab.run(request)
    assert [outcome.verdict for outcome in result.outcomes] == [ComparisonVerdict.SAME] * 2
    with lab.store() as store:
        assert store.outcomes(result.run_id) == result.outcomes
        assert stored_outcomes(store, result.run_id) == result.outcomes
        settings = json.loads(store.find_run(result.run_id).settings_json)[COMPARISON]
    assert settings["policy"] == {"kind": "looks"}, "plain JSON"
    assert settings["purpose"] == "compare"
    assert [one["series"] for one in settings["pairs"]] == [pair.series for pair in request.pairs]


def test_an_ordinary_run_has_no_outcomes(lab: PairBench) -> None:
    sweep = lab.bench.sweep(lab.bench.interpreter().path)
    outcome = lab.bench.run(sweep)
    with lab.store() as store:
        assert stored_outcomes(store, outcome.run_id) == ()


@pytest.mark.parametrize(("policy", "blocks"), [(FixedBlocks(3), 3), (ScreenThenConfirm(2), 2)])
def test_the_policy_says_how_many_blocks(lab: PairBench, policy: Policy, blocks: int) -> None:
    request = replace(lab.pairs(), policy=policy, purpose="nightly")
    result = lab.run(request)
    assert lab.blocks(result.run_id, request.pairs[0]) == list(range(blocks))


def test_the_sentinel_is_measured_beside_the_pairs(lab: PairBench) -> None:
    result = lab.run(lab.pairs(measure=", sentinel: true"))
    (row,) = [row for row in result.rows if row.model == SENTINEL]
    # The stand-in answers with the outputs of another model, which is told and hurts nobody else.
    assert row.status is Status.FAILED
    assert "not the outputs of this model" in row.reasons
    assert [outcome.verdict for outcome in result.outcomes] == [ComparisonVerdict.SAME], "it is no pair"


def test_an_interrupted_comparison_goes_on(lab: PairBench) -> None:
    request = lab.pairs()
    finished = []

    def press(event: Event) -> None:
        finished.append(isinstance(event, InvocationFinished))
        if sum(finished) == 7:
            lab.bench.interrupt.press()

    first = lab.run(request, press)
    assert first.state == "interrupted"
    assert first.outcomes[0].verdict is ComparisonVerdict.INCONCLUSIVE
    with lab.store() as store:
        unfinished = store.unfinished_run(request.sha256)
    lab.bench.interrupt = Interrupt()
    second = lab.run(replace(request, resume=unfinished))
    assert (second.run_id, second.state) == (first.run_id, "finished")
    assert lab.blocks(second.run_id, request.pairs[0]) == list(range(8))
    assert second.outcomes[0].verdict is ComparisonVerdict.SAME


@pytest.mark.slow
@pytest.mark.parametrize("when", ["begun", "continued"])
def test_a_comparison_goes_on_where_its_sentinel_cannot_run_any_more_or_only_now(
    lab: PairBench, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = lab.pairs(measure=", sentinel: true")

    def press(event: Event) -> None:
        if isinstance(event, InvocationFinished) and event.block == 1:
            lab.bench.interrupt.press()

    with monkeypatch.context() as patched:
        if when == "continued":
            patched.setattr("harness.lab.sentinel._place", lambda *arguments: None)
        first = lab.run(request, press)
    assert first.state == "interrupted"
    with lab.store() as store:
        unfinished = store.unfinished_run(request.sha256)
    lab.bench.interrupt = Interrupt()
    if when == "begun":
        monkeypatch.setattr("harness.lab.sentinel._place", lambda *arguments: None)
    second = lab.run(replace(request, resume=unfinished))
    assert (second.run_id, second.state) == (first.run_id, "finished")
    assert second.outcomes[0].verdict is ComparisonVerdict.SAME


def test_a_model_cannot_take_the_name_of_the_sentinel(lab: PairBench) -> None:
    request = lab.pairs()
    (pair,) = request.pairs
    base = replace(pair.base, model=replace(pair.base.model, name=SENTINEL))
    with pytest.raises(UsageError, match="no model can be called sentinel"):
        lab.run(replace(request, pairs=(replace(pair, base=base),)))


def test_a_candidate_that_crashes_is_told_and_not_compared(lab: PairBench) -> None:
    (outcome,) = lab.run(lab.pairs("crash")).outcomes
    assert outcome.verdict is ComparisonVerdict.NOT_COMPARABLE
    assert (outcome.base_status, outcome.candidate_status) == ("DONE", "CRASHED")


def _calibrated(quarantine: str = "", noise_floor: float = 0.10) -> Callable[[Store, str, str], None]:
    def save(store: Store, device_id: str, os_build: str) -> None:
        known = ClassProfile(model_class("cpu", 1.0), 30, 0, noise_floor)
        store.save_profile(DeviceProfile(device_id, utc_now(), os_build, (known,), quarantine))

    return save


@pytest.mark.parametrize(
    ("profile", "verdict"),
    [
        (_calibrated(), ComparisonVerdict.SAME),
        (_calibrated("4 of 100 A/A comparisons gave an alarm", 0.02), ComparisonVerdict.INCONCLUSIVE),
    ],
)
def test_what_calibration_knows_decides(
    lab: PairBench, profile: Callable[[Store, str, str], None], verdict: ComparisonVerdict
) -> None:
    from harness.devices.host import HostDevice

    facts = HostDevice().facts()
    with lab.store() as store:
        profile(store, facts.device_id, facts.os_build)
        result = lab.run(lab.pairs("slower 1.06"))
        assert [outcome.verdict for outcome in result.outcomes] == [verdict]
        _calibrated("found restless later", 0.03)(store, facts.device_id, facts.os_build)
        assert stored_outcomes(store, result.run_id) == result.outcomes, "by what was known when it was measured"


def test_nothing_in_common_is_said(lab: PairBench) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        lab.run(replace(lab.pairs(), pairs=()))
