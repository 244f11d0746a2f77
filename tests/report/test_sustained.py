"""The section of the report on sustained passes, and its lines in summary.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.domain import Evidence, InvocationRecord, ResultRow, RunView
from harness.measure.sustained import sustained_of
from harness.report.html import report_html
from harness.report.markdown import summary_md
from harness.report.plots.series import Series
from harness.report.sustained import pass_sentence, sustained_lines, sustained_parts
from tests.measure.test_sustained import heating, noisy, slices
from tests.report.browser import CHROMIUM, chromium
from tests.report.factory import DIGITS, row, run_view
from tests.report.hostile import NAMES

GPU = noisy([10.0] * 12 + [18.0] * 48, 0.003, 1)
DSP = noisy([14.0] * 60, 0.003, 2)
CPU = noisy([2 * level for level in heating(1.6, 5, 60, 60)], 0.003, 3)


def seen(index: int) -> Evidence:
    hot = index >= 12
    return Evidence(clock_share=0.5 if hot else 0.9, temp_end_c=30.0 + index / 4, thermal_status=2 if hot else 0)


def view_of(*passes: tuple[str, Sequence[float]], **changes: object) -> RunView:
    """A run with one row and one pass for each backend."""
    rows: list[ResultRow] = []
    records: list[InvocationRecord] = []
    for name, medians in passes:
        made = [replace(one, case_id=name) for one in slices(medians, seen=seen)]
        found = sustained_of(made)
        assert found is not None
        figures = {
            "sustained_first_ms": found.first.ms,
            "sustained_settled_ms": found.settled_ms,
            "sustained_ratio": found.ratio if found.settled else None,
            "sustained_settled_after_s": found.settled_after_s,
            "sustained_duty": found.duty,
        }
        rows.append(row(case_id=name, backend=name, **figures, **changes))
        records += made
    base = run_view(models=(DIGITS,), variants=("float32",), blocks=1)
    return replace(base, rows=tuple(rows), invocations=tuple(records))


@pytest.fixture(scope="module")
def three() -> RunView:
    return view_of(("gpu", GPU), ("hexagon", DSP), ("cpu xnnpack", CPU))


def section(view: RunView) -> str:
    found = re.search(r'<section id="sustained">.*?</section>', report_html(view), re.DOTALL)
    assert found is not None
    return found[0]


def test_the_gpu_wins_the_first_minute_and_the_dsp_when_hot(three: RunView) -> None:
    assert re.fullmatch(
        r"digits_cnn: gpu wins the first minute \(10\.0\d ms\), hexagon when hot \(14\.0\d ms, against 1[78]\.\d+ ms "
        r"of gpu\)\. 1 case did not settle and is not ranked when hot\.",
        sustained_lines(three)[0],
    )
    assert "gpu wins the first minute" in section(three)
    assert "These change places" not in section(three), "the sentence has said it"


def test_pairs_behind_the_leader_that_change_places_are_named() -> None:
    best, slow = noisy([5.0] * 60, 0.003, 4), noisy([14.0] * 60, 0.003, 2)
    text = section(view_of(("npu", best), ("gpu", GPU), ("hexagon", slow)))
    assert "npu is fastest in the first minute and when hot; behind, 1 pair changes places." in text
    assert "These change places: gpu and hexagon." in text


def test_each_pass_is_told_with_its_interval_and_its_cause(three: RunView) -> None:
    _, gpu, dsp, cpu = sustained_lines(three)
    assert re.match(
        r"digits_cnn float32 on gpu: 10\.0\d ms in the first minute, settled at 1[78]\.\d+ ms \(1\.80 times, 1\.", gpu
    )
    assert gpu.endswith(
        "after 2 min 00 s: the clock fell to 56 % of the first minute's; thermal status up to moderate, first after "
        "2 min 00 s"
    )
    assert "ms (1.00 times" in dsp
    assert "not settled within 10 min 00 s: " in cpu
    assert "in the last third" in cpu


def test_a_clock_that_held_is_said_only_where_it_slowed_beyond_doubt() -> None:
    def held(index: int) -> Evidence:
        return Evidence(clock_share=0.9)

    slowed, flat = (sustained_of(slices(noisy(levels), seen=held)) for levels in (heating(), [10.0] * 60))
    assert slowed is not None
    assert flat is not None
    assert "something else slowed it" in pass_sentence(slowed)
    assert "clock" not in pass_sentence(flat)


def test_the_section_has_a_panel_with_a_line_and_markers_for_each_setup(three: RunView) -> None:
    text = section(three)
    assert text.count("<figure>") == 1, "one model, one variant, one device"
    for style in range(3):
        assert f'class="s{style} w"' in text
        assert text.count(f'href="#m{style}"') >= 30, "its shape on three strips"
    for word in ("latency, ms", "clock, % of the highest", "temperature, °C", "minutes →"):
        assert word in text
    assert "1.800" in text
    assert "not settled" in text
    assert "95 %" in text or "95%" in text


def test_a_run_without_passes_has_no_section() -> None:
    plain = run_view(models=(DIGITS,), variants=("float32",), blocks=1)
    assert sustained_parts(plain, Series.of(plain.rows)) is None
    assert 'id="sustained"' not in report_html(plain)
    assert "When it is hot" not in summary_md(plain)
    assert sustained_lines(plain) == []


def test_a_pass_that_was_broken_off_is_not_shown(three: RunView) -> None:
    half = replace(three, invocations=three.invocations[:30])
    assert sustained_lines(half) == []


def test_one_case_has_no_ranking() -> None:
    view = view_of(("gpu", GPU))
    assert len(sustained_lines(view)) == 1
    assert "Fastest in the first minute" not in section(view)


def test_summary_md_says_it(three: RunView) -> None:
    text = summary_md(three)
    assert "**When it is hot**" in text
    assert "- digits_cnn: gpu wins the first minute (10.0" in text


def test_hostile_names_stay_text() -> None:
    for name in NAMES:
        view = view_of((name, GPU), ("gpu", DSP), model=name)
        text = section(view)
        assert "<script" not in text
        assert "<img" not in text
        assert not re.search(r"<img|<script|(?<!\\)\]\(", summary_md(view))


def test_a_short_pass_is_drawn_in_seconds_and_says_what_its_first_minute_is() -> None:
    made = [replace(one, case_id="gpu") for one in slices(noisy([10.0] * 12), step_s=3.3)]
    base = view_of(("gpu", GPU))
    text = section(replace(base, invocations=tuple(made)))
    assert "seconds →" in text
    assert "first quarter" in text


@pytest.mark.browser
def test_the_section_fits_a_phone_and_a_desk(three: RunView, tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    page_file = tmp_path / "report.html"
    page_file.write_text(report_html(three), encoding="utf-8")
    with chromium(tmp_path / "profile") as page:
        for width in (390, 1280):
            page.open(page_file.as_uri(), width=width)
            assert page.run("document.documentElement.scrollWidth") <= width
            assert page.run("document.querySelectorAll('#sustained svg path.w').length") == 9
        assert page.problems == []
        assert page.requests == [page_file.as_uri()]
