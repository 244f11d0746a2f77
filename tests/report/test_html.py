from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from harness.domain import Backend, RunView, Status, Verdict
from harness.report.html import ROWS_LISTED, report_html
from harness.report.table import speedups_over_float32
from harness.report.takeaways import takeaways
from tests.report.factory import DIGITS, Model, empty_view, failed_view, row, run_view
from tests.report.hostile import NAMES, hostile_view
from tests.report.test_table_data import unpacked


class Reader(HTMLParser):
    """Collects elements with their attributes, and the text of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
            self._in_script = True

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def _read(view: RunView) -> Reader:
    reader = Reader()
    reader.feed(report_html(view))
    return reader


VIEWS = {"run": run_view(), "empty": empty_view(), "failed": failed_view(), "hostile": hostile_view()}


@pytest.mark.parametrize("name", VIEWS)
def test_the_page_asks_for_nothing_and_runs_its_own_script_only(name: str) -> None:
    reader = _read(VIEWS[name])
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"img", "link", "iframe", "object", "embed", "form", "base", "audio", "video"}
    for tag, attributes in reader.elements:
        assert "src" not in attributes
        assert not any(key.startswith("on") for key in attributes), (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert len(reader.scripts) == 3
    policy = next(one["content"] for _, one in reader.elements if one.get("http-equiv") == "Content-Security-Policy")
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in reader.scripts[1:]]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    assert policy.endswith("script-src " + " ".join(f"'sha256-{digest}'" for digest in digests))


@pytest.mark.parametrize("name", VIEWS)
def test_the_data_is_there_once_and_says_what_the_rows_say(name: str) -> None:
    rows = VIEWS[name].rows
    found = json.loads(_read(VIEWS[name]).scripts[0])
    assert found["rows"] == len(rows)
    assert list(found["columns"])[: found["summary_columns"]][:3] == ["run_id", "case_id", "status"]
    for column in ("model", "latency_p50_ms", "verdict", "threads", "reasons"):
        values = unpacked(found["columns"][column], len(rows))
        assert values == [_plain(getattr(one, column)) for one in rows]


def _plain(value: object) -> object:
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-6)
    return str(value) if value is not None and not isinstance(value, int) else value


def test_hostile_text_is_only_ever_text() -> None:
    page = report_html(hostile_view())
    for name in NAMES[:3]:
        assert name not in page
    assert "&lt;script&gt;document.title" in page
    assert "{{ 7 * 7 }}" in page


def test_the_three_sentences_stand_on_top() -> None:
    view = run_view()
    page = report_html(view).replace("\u00a0", " ")
    for sentence in takeaways(view):
        assert sentence in page
    assert page.index(takeaways(view)[2]) < page.index('id="results"')


def test_what_was_not_trusted_stands_before_the_results() -> None:
    page = report_html(run_view(blocks=2))
    assert page.index("What was not trusted, and why") < page.index('id="results"')


def test_every_row_of_a_small_run_is_in_the_table_without_a_script() -> None:
    view = run_view()
    page = report_html(view)
    assert len(re.findall(r'<tr id="r\d+"', page)) == len(view.rows)
    assert "61 of 62 operators ran on reference kernels" in page
    assert "Use XNNPACK, or a runtime built with" in page


def test_sections_without_content_are_left_out() -> None:
    page = report_html(empty_view())
    assert "This run has no rows" in page
    for section in ("attention", "delegates", "tradeoff", "variants", "steadiness", "operators", "sustained"):
        assert f'<section id="{section}">' not in page
    assert "Nothing was timed" in page


def test_an_interrupted_run_says_so() -> None:
    view = run_view(blocks=2)
    assert "--resume" not in report_html(view)
    assert "--resume" in report_html(replace(view, run=replace(view.run, state="interrupted", finished_at=None)))


def test_provenance_names_hashes_converter_seed_and_tensors() -> None:
    view = run_view(blocks=2)
    page = report_html(view)
    for text in (
        view.files[0].sha256,
        "tensorflow 2.21.0",
        "seed 1",
        "int8 1×8×8×1, scale 0.0039, zero -128",
        "models: [digits_cnn, mobilenet_v2]",
        "homogeneous cores: core 1 chosen by index",
        "commit 98683e1",
        view.run.sweep_sha256,
    ):
        assert text in page, text


def test_speed_against_float32_compares_like_with_like() -> None:
    rows = [
        row(case_id="a", latency_p50_ms=2.0),
        row(case_id="b", latency_p50_ms=1.0, variant="int8"),
        row(case_id="c", latency_p50_ms=1.0, variant="int8", threads=4),
        row(case_id="d", latency_p50_ms=1.0, variant="int8", verdict=None, status=Status.FAILED),
    ]
    assert speedups_over_float32(rows) == [1.0, 2.0, None, None]


def test_many_samples_do_not_grow_the_page() -> None:
    few = len(report_html(run_view(models=(DIGITS,), samples=60)))
    many = len(report_html(run_view(models=(DIGITS,), samples=6000)))
    assert many < 1.02 * few


def test_a_large_run_stays_below_a_megabyte_and_says_what_is_folded() -> None:
    models = [Model(f"m{index}", 1.0 + index, 1.0, 0.9) for index in range(20)]
    backends = [Backend(threads=1 + index // 2, xnnpack=index % 2 == 0) for index in range(17)]
    view = run_view(models=models, backends=backends, blocks=3, samples=20)
    assert len(view.rows) == 2040
    page = report_html(view)
    assert len(page.encode()) < 1_000_000
    listed = [int(index) for index in re.findall(r'<tr id="r(\d+)"', page)]
    assert len(listed) <= ROWS_LISTED
    for model in models:
        rows = [one for one in view.rows if one.model == model.name and one.verdict is Verdict.TRUSTED]
        best = min(rows, key=lambda one: one.latency_p50_ms or 0.0)
        assert view.rows.index(best) in listed
    assert sum(view.rows[index].verdict is not Verdict.TRUSTED for index in listed) > 100
    assert f"{len(listed)} of 2,040 rows" in page
    assert re.search(r"[\d,]+ more cases, steadier than these", page)
    assert re.search(r"[\d,]+ more lines: <code>harness compare", page)
    assert re.search(r"[\d,]+ slower rows are folded", page)


def test_no_character_turns_the_text_around_it() -> None:
    page = report_html(hostile_view())
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", page)
    assert "right-to-left \ufffdgnp.exe" in page
