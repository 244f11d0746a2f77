from __future__ import annotations

import pytest

from harness.report.markdown import FINDINGS_SHOWN, ROWS_SHOWN, escape, summary_md
from harness.report.takeaways import takeaways
from tests.report.factory import empty_view, failed_view, row, run_view
from tests.report.hostile import hostile_view


def test_verdict_line_sentences_table_and_findings() -> None:
    view = run_view()
    text = summary_md(view)
    assert text.startswith("# vision\n\n**18 of 24 rows can be quoted: 18 trusted, 2 noisy, 2 fell back, 2 crashed.**")
    for sentence in takeaways(view):
        assert escape(sentence) in text
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(table) == 2 + len(view.rows) - 1 + 1
    assert "<details><summary>What to look at: 3 findings</summary>" in text
    assert text.count("<details>") == text.count("</details>") == 1


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a\\|b"),
        ("[x](http://e.com)", "\\[x\\](http:\u200b//e.com)"),
        ("<b>", "&lt;b&gt;"),
        ("@team", "@\u200bteam"),
        ("`code`", "\\`code\\`"),
        ("*bold* _it_", "\\*bold\\* \\_it\\_"),
        ("mobilenet_v2", "mobilenet_v2"),
        ("two\nlines", "two lines"),
        ("# head", "\\# head"),
    ],
)
def test_names_are_text_and_nothing_else(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_hostile_names_add_no_rows_and_no_html() -> None:
    view = hostile_view()
    text = summary_md(view)
    assert "<script" not in text
    assert "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    pipes = {line.replace("\\|", "").count("|") for line in rows}
    assert len(pipes) == 1


def test_empty_and_failed_runs() -> None:
    assert "**This run has no rows.**" in summary_md(empty_view())
    assert "0 of 4 rows can be quoted: 4 crashed" in summary_md(failed_view())


def test_large_runs_stay_small() -> None:
    from dataclasses import replace

    from harness.domain import Verdict

    rows = tuple(row(case_id=str(i), verdict=Verdict.NOISY, reasons="r" + "x" * (i % 200)) for i in range(3000))
    text = summary_md(replace(empty_view(), rows=rows))
    assert len(text.encode()) < 200_000
    assert f"{3000 - ROWS_SHOWN:,} more rows" in text
    assert f"{200 - FINDINGS_SHOWN} more findings" in text
