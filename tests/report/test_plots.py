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

from harness.domain import RunView, Verdict
from harness.report.plots.latency import PANELS_SHOWN, steadiness
from harness.report.plots.series import Series
from harness.report.plots.svg import Axis, element, fraction_axis, log_axis, marker, shapes
from harness.report.plots.trace import SEGMENTS_SHOWN, traces
from harness.report.plots.tradeoff import quality, tradeoffs
from harness.report.plots.variants import variant_charts
from harness.report.reduce import distributions, quantiles_ms
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
