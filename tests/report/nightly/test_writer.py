from __future__ import annotations

from pathlib import Path

import pytest

from harness.domain import Night
from harness.errors import StableError
from harness.report.nightly import write_night
from tests.measure.histories import nights
from tests.report.hostile import SCRIPT
from tests.report.nightly.factory import empty_night, hostile_night, large_night, night, quiet_night, view, viewed_night

FILES = (
    *("nightly.json", "summary.md", "junit.xml", "nightly.html", "google_benchmark.json", "bencher.json"),
    *("otava.csv", "otava.yaml", "metrics.prom"),
)


@pytest.mark.parametrize("found", [night(), quiet_night(), empty_night(), hostile_night(), large_night(20)])
def test_every_file_of_any_night_is_written(found: Night, tmp_path: Path) -> None:
    written = write_night(found, tmp_path / "deep" / "night")
    assert tuple(path.name for path in written) == FILES
    assert sorted(path.name for path in (tmp_path / "deep" / "night").iterdir()) == sorted(FILES)
    for path in written:
        path.read_text(encoding="utf-8")


def test_records_and_history_are_used(tmp_path: Path) -> None:
    write_night(viewed_night(), tmp_path, view=view(), history=nights([1.0, 1.1, 1.2]))
    assert '"repetition_index": 2' in (tmp_path / "google_benchmark.json").read_text(encoding="utf-8")
    assert len((tmp_path / "otava.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_writing_again_replaces_and_is_the_same(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in write_night(night(), tmp_path)}
    assert {path: path.read_bytes() for path in write_night(night(), tmp_path)} == first


def test_a_place_that_cannot_be_written_says_where_the_results_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StableError) as caught:
        write_night(night(), tmp_path / "file" / "night")
    assert "safe in the store" in caught.value.remedy


def test_the_page_shows_names_as_text(tmp_path: Path) -> None:
    write_night(hostile_night(), tmp_path)
    page = (tmp_path / "nightly.html").read_text(encoding="utf-8")
    assert SCRIPT not in page
    assert "<img" not in page
    assert "onload=document" not in page.replace("&#34;&gt;&lt;svg onload=document", "")
    assert "49" not in page.partition("{{ 7 * 7 }}")[2][:4]


def test_the_page_tells_what_changed_before_all_pairs(tmp_path: Path) -> None:
    write_night(night(), tmp_path)
    page = (tmp_path / "nightly.html").read_text(encoding="utf-8")
    changed = page.partition('id="changed"')[2].partition('id="others"')[0]
    assert "58 of 62 nodes" in changed
    assert "Four nodes left the delegate" in changed
    assert "hrnet" not in changed
    assert "hrnet" in page.partition('id="others"')[2]
    assert "digits_cnn" in page.partition('id="pairs"')[2]
