"""Who is called, and about what."""

from __future__ import annotations

import pytest

from harness.domain import ContextDifference, KnownFailure
from harness.measure.night_findings import Finding
from harness.measure.past_nights import discoveries
from tests.measure.nights import at, change, dated, decided, outcome, slower

SAME = change()


def kinds(night: object) -> list[str]:
    return [event.kind for event in night.events]  # type: ignore[attr-defined]


# ---- Benjamini and Hochberg ------------------------------------------------------------------------------------------


def test_a_small_p_value_among_many_large_ones_is_no_discovery() -> None:
    night = [outcome(change("REGRESSION", 1.03, 0.002), model="a")]
    assert discoveries(night, "latency") == {0}
    many = night + [outcome(change(p=0.5), model=f"m{number}") for number in range(99)]
    assert discoveries(many, "latency") == frozenset()
    one_smaller = [outcome(slower(p=1e-6), model="b"), *many]
    assert discoveries(one_smaller, "latency") == {0}


def test_what_the_screen_cleared_was_not_tested_and_makes_nobody_blind() -> None:
    screened = [outcome(change(p=0.5), model=f"m{number}", stage="screen") for number in range(99)]
    assert 0 in discoveries([outcome(change("REGRESSION", 1.03, 0.002)), *screened], "latency")


def test_each_metric_is_a_family_of_its_own() -> None:
    others = [outcome(SAME, change(p=0.9, metric="init"), model=f"m{number}", stage="screen") for number in range(99)]
    assert 0 in discoveries([outcome(change("REGRESSION", 1.03, 0.002)), *others], "latency")


def test_a_change_without_a_p_value_is_no_test_and_stays() -> None:
    assert discoveries([outcome(SAME, change("REGRESSION", 1.5, None, metric="model_size"))], "model_size") == {0}


def test_what_the_night_does_not_keep_is_undecided_and_says_why() -> None:
    night = decided(
        outcome(change("REGRESSION", 1.03, 0.002), model="a"),
        *(outcome(change(p=0.6), model=f"m{number}") for number in range(60)),
        history=dated(8, outcome(slower(), model="a")),
    )
    assert kinds(night) == ["INCONCLUSIVE"]
    assert night.verdict == "INCONCLUSIVE"
    assert "expected among those of tonight" in night.events[0].reason


# ---- paging ----------------------------------------------------------------------------------------------------------


def test_a_night_on_which_nothing_changed_passes() -> None:
    night = decided(outcome(SAME), outcome(SAME, model="other"), history=dated(8, outcome(SAME)))
    assert (night.verdict, night.events) == ("PASS", ())


def test_a_regression_of_one_device_awaits_a_second_witness() -> None:
    night = decided(outcome(slower()), outcome(SAME, device="p2"))
    assert (night.verdict, kinds(night)) == ("INCONCLUSIVE", ["AWAITING"])
    assert "Pixel or the next night" in night.events[0].reason


def test_a_second_device_of_the_same_model_is_a_witness() -> None:
    night = decided(outcome(slower()), outcome(slower(1.06), device="p2"))
    assert (night.verdict, kinds(night)) == ("REGRESSION", ["REGRESSION"])
    assert night.events[0].devices == ("p1", "p2")
    assert "5.0 to 6.0 % slower on 2 devices" in night.events[0].title


def test_a_device_of_another_model_is_none() -> None:
    night = decided(outcome(slower()), outcome(slower(), device="g1", kind="Galaxy"))
    assert (night.verdict, kinds(night)) == ("INCONCLUSIVE", ["AWAITING"])


def test_two_devices_of_no_known_model_are_none() -> None:
    night = decided(outcome(slower(), kind=""), outcome(slower(), device="p2", kind=""))
    assert kinds(night) == ["AWAITING"]


def test_another_series_on_the_second_device_is_none() -> None:
    night = decided(outcome(slower()), outcome(slower(), device="p2", variant="float16"))
    assert kinds(night) == ["AWAITING"]


def test_the_night_before_is_a_witness_also_on_another_device_of_the_model() -> None:
    for device in ("p1", "p2"):
        night = decided(outcome(slower()), history=dated(8, outcome(slower(), device=device)))
        assert (night.verdict, kinds(night)) == ("REGRESSION", ["REGRESSION"])


def test_a_regression_two_nights_ago_is_none_when_last_night_saw_nothing() -> None:
    history = [*dated(7, outcome(slower())), *dated(8, outcome(SAME))]
    assert kinds(decided(outcome(slower()), history=history)) == ["AWAITING"]


def test_a_night_that_did_not_measure_the_series_is_passed_over() -> None:
    history = [*dated(7, outcome(slower()), outcome(SAME, model="b")), *dated(8, outcome(SAME, model="b"))]
    assert "REGRESSION" in kinds(decided(outcome(slower()), outcome(SAME, model="b"), history=history))


def test_last_nights_regression_counts_only_if_that_night_kept_it() -> None:
    weak = dated(
        8,
        outcome(change("REGRESSION", 1.03, 0.002)),
        *(outcome(change(p=0.6), model=f"m{number}") for number in range(60)),
    )
    night = decided(outcome(slower()), history=weak)
    assert "AWAITING" in kinds(night)
    assert "REGRESSION" not in kinds(night)


@pytest.mark.parametrize(
    ("page_after", "before", "kind"),
    [(1, 0, "REGRESSION"), (2, 0, "AWAITING"), (3, 1, "AWAITING"), (3, 2, "REGRESSION")],
)
def test_page_after_is_the_number_of_nights(page_after: int, before: int, kind: str) -> None:
    history = [one for night in range(9 - before, 9) for one in dated(night, outcome(slower()))]
    assert kinds(decided(outcome(slower()), history=history, page_after=page_after)) == [kind]


def test_outcomes_of_tonight_in_the_history_are_no_witness() -> None:
    assert kinds(decided(outcome(slower()), history=dated(9, outcome(slower())))) == ["AWAITING"]


@pytest.mark.parametrize("metric", ["model_size", "accuracy"])
def test_what_is_counted_and_not_sampled_pages_at_once(metric: str) -> None:
    worse = change("REGRESSION", 1.2, None, metric=metric, base=1.0, candidate=1.2)
    night = decided(outcome(SAME, worse))
    assert (night.verdict, kinds(night), night.events[0].metric) == ("REGRESSION", ["REGRESSION"], metric)


def test_memory_awaits_its_witness_as_latency_does() -> None:
    worse = change("REGRESSION", 1.2, 1e-5, metric="peak_rss")
    assert kinds(decided(outcome(SAME, worse))) == ["AWAITING"]
    night = decided(outcome(SAME, worse), history=dated(8, outcome(SAME, worse)))
    assert kinds(night) == ["REGRESSION"]
    assert "larger in peak memory" in night.events[0].title


def test_an_improvement_calls_nobody() -> None:
    night = decided(outcome(change("IMPROVEMENT", 0.9, 1e-6)))
    assert (night.verdict, kinds(night)) == ("PASS", ["IMPROVEMENT"])
    assert "10.0 % faster" in night.events[0].title


def test_a_latency_that_gave_no_answer_is_no_pass_but_other_metrics_only_a_note() -> None:
    night = decided(outcome(change("INCONCLUSIVE", 1.02, 0.1, note="two speeds")))
    assert (night.verdict, kinds(night)) == ("INCONCLUSIVE", ["INCONCLUSIVE"])
    assert "two speeds" in night.events[0].reason
    night = decided(outcome(SAME, change("INCONCLUSIVE", 1.1, 0.1, metric="init")), history=dated(8, outcome(SAME)))
    assert night.verdict == "PASS"
    assert night.notes == ("init is undecided in 1 series",)


def test_a_night_without_any_comparison_is_no_pass() -> None:
    assert decided().verdict == "INCONCLUSIVE"
    night = decided(outcome(change("NOT_COMPARABLE", None, None, note="another protocol")))
    assert (night.verdict, kinds(night)) == ("INCONCLUSIVE", ["INCONCLUSIVE"])


# ---- grouping --------------------------------------------------------------------------------------------------------


def test_one_model_in_many_places_is_one_event() -> None:
    night = decided(
        *(
            outcome(slower(), device=device, variant=variant, backend=backend)
            for device in ("p1", "p2")
            for variant in ("int8", "float32")
            for backend in ("cpu xnnpack", "gpu")
        ),
        outcome(SAME, model="b"),
        outcome(SAME, model="c"),
    )
    (event,) = night.events
    assert (event.kind, len(event.series), event.devices) == ("REGRESSION", 8, ("p1", "p2"))


def test_what_awaits_joins_the_alert_of_its_model() -> None:
    night = decided(
        outcome(slower()), outcome(slower(), device="g1", kind="Galaxy"), history=dated(8, outcome(slower()))
    )
    (event,) = night.events
    assert (event.kind, event.devices) == ("REGRESSION", ("p1", "g1"))


def test_two_models_are_two_events() -> None:
    history = dated(8, outcome(slower(), model="a"), outcome(slower(), model="b"))
    calm = [outcome(SAME, model=name) for name in "cdef"]
    night = decided(outcome(slower(), model="a"), outcome(slower(), model="b"), *calm, history=history)
    assert kinds(night) == ["REGRESSION", "REGRESSION"]


def test_most_models_on_one_device_are_one_device_event() -> None:
    names = "abcde"
    here = [outcome(slower() if name != "e" else SAME, model=name) for name in names]
    there = [outcome(SAME, model=name, device="p2") for name in names]
    night = decided(*here, *there, history=dated(8, *here))
    (event,) = night.events
    assert (event.kind, event.devices, len(event.series)) == ("DEVICE", ("p1",), 4)
    assert "4 of 5 models" in event.title
    assert "suspect the device or its system" in event.reason
    assert night.verdict == "REGRESSION"  # the ratio to the interleaved reference is not excused
    first = decided(*here, *there)
    assert (first.verdict, kinds(first)) == ("INCONCLUSIVE", ["DEVICE"])


def test_a_shared_difference_of_the_builds_does_not_clear_a_device_that_is_alone_with_it() -> None:
    runtime = ContextDifference("runtime version", "2.0", "2.1", 0.9)
    here = [outcome(slower(), model=name, differs=[runtime]) for name in "abcd"]
    there = [outcome(SAME, model=name, device="p2", differs=[runtime]) for name in "abcd"]
    assert kinds(decided(*here, *there)) == ["DEVICE"]


def test_most_models_on_every_device_are_one_alert_for_what_they_share() -> None:
    runtime = ContextDifference("runtime version", "2.0", "2.1", 0.9, "other kernels")
    every = [
        outcome(slower(), model=name, device=device, differs=[runtime]) for name in "abc" for device in ("p1", "p2")
    ]
    night = decided(*every)
    (event,) = night.events
    assert (event.kind, night.verdict) == ("REGRESSION", "REGRESSION")
    assert "3 of 3 models" in event.title
    assert "runtime version (2.0, now 2.1): other kernels" in event.reason


@pytest.mark.parametrize("kind", ["REGRESSION", "DEVICE"])
def test_a_farm_of_one_device_suspects_the_build_where_the_builds_share_a_difference(kind: str) -> None:
    shared = [ContextDifference("binary", "a1", "b2", 0.8, "another build")] if kind == "REGRESSION" else []
    here = [outcome(slower(), model=name, differs=shared) for name in "abcd"]
    assert kinds(decided(*here, history=dated(8, *here))) == [kind]


def test_two_models_are_too_few_to_accuse_a_device() -> None:
    here = [outcome(slower(), model=name) for name in "ab"]
    assert kinds(decided(*here)) == ["AWAITING", "AWAITING"]


def test_a_device_whose_rows_are_all_missing_is_one_event() -> None:
    lost = [outcome(model=name, statuses=("OFFLINE", "OFFLINE")) for name in "abcd"]
    night = decided(*lost, outcome(SAME, device="p2"))
    (event,) = night.events
    assert (event.kind, event.devices, night.verdict) == ("MISSING", ("p1",), "INCONCLUSIVE")
    assert "OFFLINE" in event.reason


# ---- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["FAILED", "CRASHED", "TIMEOUT", "OOM", "UNSUPPORTED"])
def test_a_row_that_fails_where_the_reference_runs_pages_at_once(status: str) -> None:
    night = decided(outcome(statuses=("DONE", status)), history=dated(8, outcome(SAME)))
    assert (night.verdict, kinds(night)) == ("REGRESSION", ["NEWLY_FAILING"])
    assert status in night.events[0].reason


def test_a_size_that_is_known_of_a_build_that_crashed_hides_nothing() -> None:
    latency = change("NOT_COMPARABLE", None, None)
    size = change("SAME", 1.0, None, metric="model_size")
    assert kinds(decided(outcome(latency, size, statuses=("DONE", "CRASHED")))) == ["NEWLY_FAILING"]


def test_a_failure_that_goes_on_says_since_when() -> None:
    failing = outcome(statuses=("DONE", "CRASHED"))
    history = [*dated(5, outcome(SAME)), *dated(6, failing), *dated(7, outcome(SAME, model="b")), *dated(8, failing)]
    night = decided(failing, outcome(SAME, model="b"), history=history)
    assert f"since the night of {at(6)}" in night.events[0].reason


@pytest.mark.parametrize(
    ("statuses", "before", "kind"),
    [
        (("DONE", "DONE"), ("DONE", "CRASHED"), "NEWLY_PASSING"),
        (("CRASHED", "DONE"), None, "NEWLY_PASSING"),
        (("CRASHED", "DONE"), ("DONE", "DONE"), "INCONCLUSIVE"),
        (("CRASHED", "CRASHED"), ("DONE", "DONE"), "MISSING"),
        (("DONE", "OFFLINE"), ("DONE", "DONE"), "MISSING"),
        (("OFFLINE", "DONE"), ("DONE", "DONE"), "INCONCLUSIVE"),
        (("DONE", ""), None, "MISSING"),
        (("", "DONE"), None, "NEW"),
    ],
)
def test_the_statuses_of_the_arms_are_events(
    statuses: tuple[str, str], before: tuple[str, str] | None, kind: str
) -> None:
    def row(pair: tuple[str, str]) -> object:
        return outcome(*([SAME] if pair == ("DONE", "DONE") else []), statuses=pair)

    history = dated(8, row(before)) if before else []  # type: ignore[arg-type]
    night = decided(row(statuses), outcome(SAME, model="b"), history=history)  # type: ignore[arg-type]
    assert kind in kinds(night)
    assert len(night.events) == 1


def test_what_always_failed_in_both_builds_is_a_note() -> None:
    broken = outcome(statuses=("FAILED", "FAILED"))
    night = decided(broken, outcome(SAME, model="b"), history=dated(8, broken, outcome(SAME, model="b")))
    assert (night.verdict, night.events) == ("PASS", ())
    assert night.notes == ("1 series fails in both builds",)


def test_a_series_of_last_night_that_is_not_there_is_missing() -> None:
    night = decided(outcome(SAME), history=dated(8, outcome(SAME), outcome(SAME, model="gone")))
    assert (night.verdict, kinds(night)) == ("INCONCLUSIVE", ["MISSING"])
    assert night.events[0].series[0].startswith("gone")


def test_a_model_that_went_to_another_phone_of_its_kind_is_not_missing() -> None:
    assert decided(outcome(SAME, device="p2"), history=dated(8, outcome(SAME, device="p1"))).events == ()


def test_what_did_not_become_a_pair_is_told() -> None:
    absent = [outcome(model=name, statuses=("", "")) for name in "abc"]
    beside = [
        Finding("NOT_REACHED", absent[0], reason="the time budget was used up"),
        Finding("BASELINE_GONE", absent[1], reason="its file was altered"),
        Finding("NEW", absent[2], reason="the baseline does not have it"),
    ]
    night = decided(outcome(SAME), beside=beside)
    assert kinds(night) == ["BASELINE_GONE", "NOT_REACHED", "NEW"]
    assert night.verdict == "INCONCLUSIVE"
    assert decided(outcome(SAME), beside=beside[2:]).verdict == "PASS"


# ---- known failures --------------------------------------------------------------------------------------------------


def known(**more: str) -> KnownFailure:
    return KnownFailure(**{"reason": "driver bug", "expires": "2026-12-31", "link": "https://x/1", **more})


def test_a_known_failure_calls_nobody_and_keeps_its_reason_and_link() -> None:
    history = dated(8, outcome(slower()))
    night = decided(outcome(slower()), history=history, known=[known(model="mobile*", metric="latency")])
    assert (night.verdict, kinds(night)) == ("PASS", ["KNOWN"])
    assert night.events[0].link == "https://x/1"
    assert "driver bug (until 2026-12-31)" in night.events[0].reason


@pytest.mark.parametrize(
    "other",
    [{"model": "x*"}, {"variant": "float*"}, {"backend": "gpu"}, {"device": "p2"}, {"metric": "init"}],
)
def test_a_known_failure_of_something_else_hides_nothing(other: dict[str, str]) -> None:
    night = decided(outcome(slower()), history=dated(8, outcome(slower())), known=[known(**other)])
    assert night.verdict == "REGRESSION"
    assert len([note for note in night.notes if "known failure" in note]) == 1


@pytest.mark.parametrize("device", ["p1", "Pix*"])
def test_a_known_failure_names_a_device_by_its_id_or_its_model(device: str) -> None:
    assert kinds(decided(outcome(statuses=("DONE", "CRASHED")), known=[known(device=device)])) == ["KNOWN"]


def test_a_known_failure_covers_its_last_day_and_alerts_again_on_the_next() -> None:
    failing = outcome(statuses=("DONE", "CRASHED"))
    last_day = decided(failing, known=[known(expires=at(9)[:10], metric="failure")])
    assert (last_day.verdict, kinds(last_day)) == (
        "PASS" if last_day.outcomes[0].changes else "INCONCLUSIVE",
        ["KNOWN"],
    )
    expired = decided(failing, known=[known(expires=at(8)[:10])])
    assert (expired.verdict, kinds(expired)) == ("REGRESSION", ["NEWLY_FAILING"])
    assert "the entry has expired" in expired.events[0].reason
    assert expired.events[0].link == "https://x/1"


def test_an_entry_in_force_wins_over_an_expired_one() -> None:
    entries = [known(expires="2025-01-01"), known(reason="new ticket")]
    (event,) = decided(outcome(slower()), known=entries).events
    assert (event.kind, event.reason) == ("KNOWN", "new ticket (until 2026-12-31)")


def test_an_unreadable_expiry_hides_nothing() -> None:
    assert kinds(decided(outcome(slower()), known=[known(expires="soon")])) == ["AWAITING"]


def test_what_is_not_in_the_sweep_any_more_may_be_known_too() -> None:
    beside = [Finding("MISSING", outcome(statuses=("", "")), reason="it is not in the sweep any more")]
    night = decided(outcome(SAME, model="b"), beside=beside, known=[known(model="mobilenet")])
    assert (night.verdict, kinds(night), night.notes[1:]) == ("PASS", ["KNOWN"], ())


def test_an_entry_that_matches_nothing_is_a_note() -> None:
    night = decided(outcome(SAME), known=[known(model="mobilenet"), known(model="nothing")])
    told = [note for note in night.notes if "known failure" in note]
    assert "covers only what is in order" in told[0]
    assert "covers no series" in told[1]


# ---- clocks ----------------------------------------------------------------------------------------------------------


def test_a_clock_that_went_backwards_is_noted_and_nights_keep_their_order() -> None:
    night = decided(outcome(slower()), night=5, history=dated(8, outcome(slower())))
    assert kinds(night) == ["REGRESSION"]
    assert any("a clock was wrong" in note for note in night.notes)
    order = [*dated(20, outcome(SAME)), *dated(4, outcome(slower()))]  # the clock was put right between the two
    assert kinds(decided(outcome(slower()), night=5, history=order)) == ["REGRESSION"]
    assert kinds(decided(outcome(slower()), night=5, history=order[::-1])) == ["AWAITING"]


@pytest.mark.parametrize("now", ["", "yesterday", "2026-01-10", "2026-01-10T02:00:00Z", "2026-01-10T02:00:00+02:00"])
def test_no_date_makes_a_night_fail(now: str) -> None:
    history = [*dated(7, outcome(SAME)), *dated(8, outcome(slower()))]
    night = decided(outcome(slower()), now=now, history=history)
    assert night.verdict == "REGRESSION"
