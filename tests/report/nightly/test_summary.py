from __future__ import annotations

import re

import pytest

from harness.domain import Night
from harness.report.nightly.summary import LONGEST, summary_md
from tests.report.hostile import SCRIPT
from tests.report.nightly import golden
from tests.report.nightly.factory import empty_night, hostile_night, large_night, night, quiet_night


def test_golden() -> None:
    golden.check("summary.md", summary_md(night()))


def test_the_verdict_is_the_first_line() -> None:
    assert summary_md(night()).startswith("# REGRESSION: 1 regression, 1 newly failing, 1 missing,")
    assert summary_md(quiet_night()).startswith("# PASS: nothing changed; 2 of 2 pairs unchanged\n")
    assert summary_md(empty_night()).startswith("# INCONCLUSIVE: nothing was compared\n")


def test_what_did_not_change_is_folded() -> None:
    shown = re.sub(r"<details>.*?</details>", "", summary_md(night()), flags=re.DOTALL)
    for word in ("mobilenet_v2", "mobilebert", "gone_model", "deeplab", "yolo"):
        assert word in shown
    for word in ("digits_cnn", "wav2letter", "hrnet", "calibrated"):
        assert word not in shown
        assert word in summary_md(night())


def test_the_cause_and_what_to_do_are_there() -> None:
    text = summary_md(night())
    assert "coverage (62 of 62 nodes, now 58 of 62 nodes)" in text
    assert "Read the logs of the run" in text


@pytest.mark.parametrize("pairs", [10, 100, 3000])
def test_it_fits_a_comment_and_stays_whole(pairs: int) -> None:
    text = summary_md(large_night(pairs))
    assert len(text) <= 65_536 == LONGEST
    assert len(text.encode()) < 2**20
    assert text.count("<details>") == text.count("</details>")
    assert "more" in text or pairs == 10


@pytest.mark.parametrize("limit", [1500, 4000, 20_000])
def test_a_smaller_limit_is_kept(limit: int) -> None:
    text = summary_md(large_night(200), limit=limit)
    assert len(text) <= limit
    assert text.startswith("# REGRESSION")
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("found", [night(), hostile_night(), large_night(20)])
def test_tables_have_as_many_cells_as_heads(found: Night) -> None:
    for line in summary_md(found).splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 10, line


def test_hostile_names_do_nothing() -> None:
    text = summary_md(hostile_night())
    assert SCRIPT not in text
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "\x1b" not in text
    assert text.count("<details>") == text.count("</details>")
