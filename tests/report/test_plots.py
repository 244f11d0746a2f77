from __future__ import annotations

import math
import re
from dataclasses import replace
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from harness.domain import Evidence, InvocationResult, RunView, Status, Verdict
from harness.report.plots.latency import PANELS_SHOWN, steadiness
from harness.report.plots.series import Series
from harness.report.plots.svg import Axis, color, element, fraction_axis, log_axis, marker, markers, shapes
from harness.report.plots.trace import SEGMENTS_SHOWN, traces
from harness.report.plots.tradeoff import POINTS_WHOLE, quality, tradeoffs
from harness.report.plots.variants import variant_charts
from harness.report.reduce import Distribution, distributions, doubt_of, quantiles_ms
from tests.report.factory import DIGITS, MOBILENET, XNNPACK, row, run_view
from tests.report.hostile import hostile_view


def _tradeoffs(view: RunView) -> list[Markup]:
    return tradeoffs(view.rows, distributions(view.invocations), Series.of(view.rows))


def _drawn(figure: str) -> list[tuple[str, str]]:
    """(classes, tooltip) of each marker."""
    return re.findall(r'<use href="#m\d" x="[^"]+" y="[^"]+" class="([^"]+)"><title>([^<]*)</title></use>', figure)


def test_text_and_attributes_are_escaped() -> None:
    made = element("a", "<b>", Markup("<i/>"), class_="\"'<", data_x=1.25)
    assert made == '<a class="&#34;&#39;&lt;" data-x="1.2">&lt;b&gt;<i/></a>'


@given(st.floats(1e-6, 1e6), st.floats(1.001, 1e6))
def test_a_log_axis_keeps_order_and_has_ticks_inside(low: float, factor: float) -> None:
    axis = log_axis([low, low * factor], 0, 100)
    assert axis.at(low) < axis.at(low * factor)
    for tick in axis.ticks():
        assert axis.low <= tick * (1 + 1e-9)
        assert tick <= axis.high * (1 + 1e-9)
    assert 1 <= len(axis.ticks()) <= 12


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_a_linear_axis_has_ticks_inside(low: float, span: float) -> None:
    axis = Axis(low, low + span, 100, 0)
    ticks = axis.ticks()
    assert len(ticks) <= 12
    rounding = 1e-6 * span + 4 * math.ulp(low + span)
    assert all(low - rounding <= tick <= low + span + rounding for tick in ticks)


def test_values_outside_an_axis_are_drawn_at_its_ends() -> None:
    axis = Axis(-5, 5, 0, 100)
    assert (axis.at(-50), axis.at(0), axis.at(50)) == (0, 50, 100)


def test_every_marker_refers_to_a_shape_of_the_page() -> None:
    defined = set(re.findall(r'id="(m\d)"', shapes()))
    used = {re.findall(r'href="#(m\d)"', marker(style, 0, 0, "m"))[0] for style in range(20)}
    assert used <= defined
    assert len(used) == 8


def test_front_leads_dominated_fade_and_untrusted_are_hollow() -> None:
    view = run_view(models=(DIGITS,))
    drawn = _drawn(_tradeoffs(view)[0])
    kinds = {title.split(":")[0]: classes for classes, title in drawn}
    assert len(drawn) == 11  # the crashed case has no latency and no point
    assert kinds["int8, cpu xnnpack"].endswith(" m")
    assert kinds["float32, cpu builtin"].endswith("m dim")
    assert kinds["float16, cpu builtin"].endswith("m hollow")


def test_an_untrusted_row_is_never_on_the_front() -> None:
    rows = [
        row(accuracy_metric="top1", accuracy=0.9),
        row(case_id="b", variant="int8", latency_p50_ms=0.1, accuracy=0.99),
    ]
    rows[1] = replace(rows[1], accuracy_metric="top1", verdict=Verdict.FELL_BACK)
    figure = tradeoffs(rows, {}, Series.of(rows))[0]
    assert [classes for classes, _ in _drawn(figure)] == ["s0 m", "s0 m hollow"]
    assert "1 on the front" in figure


def test_a_row_without_accuracy_is_left_out_and_counted() -> None:
    rows = [row(accuracy_metric="top1", accuracy=0.9), row(case_id="b", variant="int8", reference_error=0.1)]
    figure = tradeoffs(rows, {}, Series.of(rows))[0]
    assert len(_drawn(figure)) == 1
    assert "1 row without it" in figure


def test_what_quality_means_follows_the_evidence() -> None:
    assert quality([row(accuracy_metric="top1", accuracy=0.9)]).kind == "top1"
    random = quality([row(weights="random", reference_error=0.1)])
    assert (random.kind, random.higher) == ("error", False)
    assert "random weights" in random.note
    assert quality([row(model_size_mb=3.0)]).kind == "size"


def test_random_weights_are_set_against_the_reference_error() -> None:
    figure = _tradeoffs(run_view(models=(MOBILENET,)))[0]
    assert "random weights: outputs against the float reference instead of accuracy" in figure
    assert "RMSE against the float reference (less is up)" in figure


def test_an_error_of_zero_is_drawn() -> None:
    rows = [row(reference_error=0.0), row(case_id="b", variant="int8", reference_error=0.1, latency_p50_ms=0.5)]
    assert len(_drawn(tradeoffs(rows, {}, Series.of(rows))[0])) == 2
    only = [row(reference_error=0.0)]
    assert len(_drawn(tradeoffs(only, {}, Series.of(only))[0])) == 1


def test_variants_show_each_size_and_the_fastest_quotable_latency() -> None:
    view = run_view(models=(MOBILENET,))
    figure = variant_charts(view.rows, Series.of(view.rows))[0]
    assert figure.count('class="bar"') == 6
    assert figure.count("RMSE against the float reference (log)") >= 1
    shown = re.findall(r'class="v e">([^<]+)<', figure)
    assert "756.8" not in shown


def test_steadiness_has_a_panel_for_each_timed_case() -> None:
    view = run_view(blocks=4)
    found = steadiness(view.rows, distributions(view.invocations), Series.of(view.rows))
    assert [title for title, _ in found.groups] == ["digits_cnn", "mobilenet_v2"]
    assert sum(len(panels) for _, panels in found.groups) == 22
    assert found.folded == 0
    panel = found.groups[0][1][0]
    dots = re.search(r'class="dots" d="([^"]+)"', panel)
    assert dots is not None
    assert dots[1].count("M") == 4


def test_too_many_panels_show_what_cannot_be_quoted_first() -> None:
    view = run_view(models=(DIGITS,), variants=("float32",), backends=(XNNPACK,), blocks=1)
    spread = distributions(view.invocations)[view.rows[0].case_id]
    rows = [replace(view.rows[0], case_id=str(index)) for index in range(PANELS_SHOWN + 10)]
    rows[-1] = replace(rows[-1], verdict=Verdict.NOISY)
    found = steadiness(rows, {one.case_id: spread for one in rows}, Series.of(rows))
    assert found.folded == 10
    assert "NOISY" in found.groups[0][1][-1]


def test_traces_need_evidence() -> None:
    view = run_view(blocks=2)
    places = {one.case_id: "host" for one in view.rows}
    ((device, strips),) = traces(view.invocations, places)
    assert device == "host"
    assert [re.findall(r"<b>([^<]+)</b>", strip)[0] for strip in strips] == ["Effective clock", "Foreign load"]
    warm = run_view(blocks=2, temperature=True)
    assert len(traces(warm.invocations, places)[0][1]) == 3
    assert traces((), {}) == []


def test_a_long_trace_keeps_its_extremes() -> None:
    view = run_view(models=(DIGITS,), variants=("float32",), backends=(XNNPACK,), blocks=1200, samples=2)
    records = list(view.invocations)
    evidence = replace(records[777].result.evidence, clock_start_ghz=0.05, clock_end_ghz=0.05)
    records[777] = replace(records[777], result=replace(records[777].result, evidence=evidence))
    strip = traces(records, {})[0][1][0]
    path = re.findall(r'class="trace" d="([^"]+)"', strip)[0]
    assert path.count("M") <= 2 * SEGMENTS_SHOWN
    assert "0.05 to " in strip
    bottom = max(float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path))
    assert sum(float(y) > bottom - 1 for y in re.findall(r"M[\d.]+ ([\d.]+)", path)) == 1


def test_quantiles_agree_with_numpy() -> None:
    samples = np.random.default_rng(1).integers(1, 10**9, 137)
    for size in (1, 2, 3, 10, 137):
        expected = np.quantile(samples[:size], [0.1, 0.25, 0.5, 0.75, 0.9]) / 1e6
        assert quantiles_ms([samples[:size]] * 3).tolist() == [pytest.approx(expected)] * 3


def test_pooling_is_never_done() -> None:
    """The whisker of a case is the median of its invocations' quantiles, also when their sizes differ."""
    view = run_view(models=(DIGITS,), variants=("float32",), backends=(XNNPACK,), blocks=3, samples=50)
    records = list(view.invocations)
    flood = np.full(100_000, 10**9, dtype=np.int64)
    records[0] = replace(records[0], result=replace(records[0].result, samples_ns=flood))
    found = distributions(records)[view.rows[0].case_id]
    assert found.p90_ms < 1.0


@pytest.mark.parametrize("view", [run_view(temperature=True), hostile_view()])
def test_charts_are_well_formed(view: RunView) -> None:
    series, spreads = Series.of(view.rows), distributions(view.invocations)
    places = {one.case_id: one.device for one in view.rows}
    made = [*tradeoffs(view.rows, spreads, series), *variant_charts(view.rows, series), series.legend(view.rows)]
    made += [panel for _, panels in steadiness(view.rows, spreads, series).groups for panel in panels]
    made += [strip for _, strips in traces(view.invocations, places) for strip in strips]
    for figure in made:
        text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", "", figure)
        Xml.fromstring(text)
        assert "nan" not in re.findall(r' (?:d|x|y|cx|cy|width|height)="([^"]*)"', figure)
        assert "inf" not in " ".join(re.findall(r' (?:d|x|y)="([^"]*)"', figure))


def test_equal_latencies_and_scores_can_be_drawn() -> None:
    rows = [row(case_id=str(index), accuracy_metric="top1", accuracy=1.0, latency_p50_ms=2.0) for index in range(4)]
    assert len(_drawn(tradeoffs(rows, {}, Series.of(rows))[0])) == 4
    assert not math.isnan(log_axis([2.0], 0, 1).at(2.0))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_an_axis_of_fractions_never_promises_more_than_all(values: list[float]) -> None:
    axis = fraction_axis(values, 0, 100)
    assert axis.low <= min(values)
    assert max(values) <= axis.high
    assert max(axis.ticks(), default=0.0) <= 1.0 + 1e-9


def one_case(p50s_ms: list[float], doubts: dict[int, str] | None = None) -> Distribution:
    times = tuple(p50s_ms)
    found = tuple((doubts or {}).get(index, "") for index in range(len(times)))
    return Distribution(times, times, times, times, times, found)


def panel_of(distribution: Distribution) -> str:
    rows = (row(latency_p50_ms=1.0, latency_ci_low_ms=0.99, latency_ci_high_ms=1.01),)
    (group,) = steadiness(rows, {rows[0].case_id: distribution}, Series.of(rows)).groups
    return str(group[1][0])


def strokes(panel: str, name: str) -> int:
    found = re.search(rf'class="{name}" d="([^"]+)"', panel)
    return len(re.findall("M", found[1])) if found else 0


def test_a_suspect_invocation_is_crossed_and_one_off_the_scale_is_an_arrow() -> None:
    panel = panel_of(one_case([1.0] * 7 + [1.002, 9.0], {2: "the clock fell"}))
    assert strokes(panel, "dots") == 7
    assert strokes(panel, "cross") == 1
    assert strokes(panel, "arrow") == 1
    assert "1 suspect: the clock fell" in panel


def test_of_many_invocations_no_outlier_and_no_suspect_is_hidden() -> None:
    times = [1.0 + 0.001 * (index % 7) for index in range(500)]
    times[123], times[321] = 5.0, 4.0
    panel = panel_of(one_case(times, {77: "other processes ran", 78: "other processes ran"}))
    assert strokes(panel, "arrow") == 2
    assert strokes(panel, "cross") == 2
    assert 20 <= strokes(panel, "dots") <= 40
    assert "500 invocations; 2 suspect" in panel


def test_cases_without_a_panel_are_strokes_of_an_overview_with_their_outliers() -> None:
    rows = [row(case_id=str(index)) for index in range(PANELS_SHOWN + 30)]
    spreads = {one.case_id: one_case([1.0, 1.01, 0.99, 1.0]) for one in rows}
    spreads["5"] = one_case([1.0, 1.004, 0.996, 1.0], {1: "the clock fell"})
    found = steadiness(rows, spreads, Series.of(rows))
    assert found.folded == 30
    (overview,) = found.overviews
    assert strokes(overview, "s0 range") == 30
    assert strokes(overview, "cross") == 1
    assert "30 cases, 120 invocations, 1 of them marked" in overview


def test_invocations_are_doubted_by_the_rules_of_their_case() -> None:
    fell = Evidence(clock_start_ghz=2.0, clock_end_ghz=1.8)
    assert doubt_of(InvocationResult(Status.DONE, evidence=fell)) == "the clock fell"
    assert doubt_of(InvocationResult(Status.DONE, evidence=Evidence(foreign_load=0.2))) == "other processes ran"
    assert doubt_of(InvocationResult(Status.DONE, warmup_capped=True)) == "still warming up"
    assert doubt_of(InvocationResult(Status.DONE)) == ""


def test_unfinished_invocations_are_counted() -> None:
    view = run_view(models=(DIGITS,), variants=("float32",), backends=(XNNPACK,), blocks=3)
    crashed = replace(view.invocations[0], result=InvocationResult(Status.CRASHED))
    spreads = distributions((crashed, *view.invocations[1:]))
    found = spreads[view.rows[0].case_id]
    assert found.unfinished == 1
    assert len(found.p50s_ms) == 2
    (group,) = steadiness(view.rows, spreads, Series.of(view.rows)).groups
    assert "2 invocations; 1 did not finish" in group[1][0]


def test_series_differ_in_shape_or_colour_up_to_sixty_four() -> None:
    looks = {(re.search(r"#m\d", marker(style, 0, 0, "m")), color(style)) for style in range(64)}
    assert len({(found[0], shade) for found, shade in looks if found}) == 64


def test_many_markers_are_small_and_each_place_is_there_once() -> None:
    text = markers([(0, "m", 1.2, 2.3), (0, "m", 1.4, 2.1), (1, "m dim", 5, 6), (9, "m", 1, 1)])
    assert text.count("<use") == 3
    assert '<g class="s0 m"><use href=#m0 x=1 y=2 /></g>' in text
    assert '<g class="s4 m"><use href=#m1 x=1 y=1 /></g>' in text


def test_a_crowded_trade_off_keeps_the_front_whole() -> None:
    rows = [
        row(case_id=str(index), latency_p50_ms=1.0 + index, accuracy_metric="top1", accuracy=0.5 + 0.001 * (index == 7))
        for index in range(POINTS_WHOLE + 20)
    ]
    (panel,) = tradeoffs(rows, {}, Series.of(rows))
    assert panel.count("<title>") == 2
    assert "2 on the front" in panel
    assert panel.count("<use") >= 60
    assert "whiskers of the front only" in panel


def test_a_crowded_variant_shows_the_fastest_of_each_backend_and_says_so() -> None:
    rows = [row(case_id=str(index), latency_p50_ms=100.0 - index, model_size_mb=1.0) for index in range(80)]
    rows[3] = replace(rows[3], verdict=Verdict.NOISY)
    (figure,) = variant_charts(rows, Series.of(rows))
    assert figure.count("<use") == 2
    assert "21.00" in figure
    assert "78 slower rows are folded" in figure


def test_traces_of_many_devices_share_the_room() -> None:
    one = run_view(models=(DIGITS,), blocks=200, samples=2)
    places = {found.case_id: "a" for found in one.rows}
    ((_, (alone, *_)),) = traces(one.invocations, places)
    many = {found.case_id: str(index) for index, found in enumerate(one.rows)}
    (_, (shared, *_)), *_ = traces(one.invocations, many)
    assert len(shared) < 0.4 * len(alone)
