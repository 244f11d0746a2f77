"""The history as text, tables, data and page."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from harness.measure.history import series_histories
from harness.measure.history_series import SeriesHistory
from harness.report.history.data import SCALE, page_data, seconds
from harness.report.history.html import history_html
from harness.report.history.table import COLUMNS, history_csv, history_json
from harness.report.history.terminal import BARS, history_text, sparkline
from harness.report.history.words import change_words, state_words, verdict_line
from tests.measure.histories import nights
from tests.report.history.factory import farm, hostile, large
from tests.report.hostile import SCRIPT

FARM = farm()


def one_of(model: str, variant: str) -> SeriesHistory:
    return next(one for one in FARM if (one.model, one.variant) == (model, variant))


# ---- words -----------------------------------------------------------------------------------------------------------


def test_the_states_of_the_farm() -> None:
    assert one_of("mobilenet_v2", "int8").state == "stepped"
    assert one_of("deeplab", "int8").state == "creeping"
    assert one_of("yolo", "int8").state == "steady"
    assert verdict_line(FARM) == "4 of 16 series have changed: 2 creeping, 2 stepped, 12 steady"
    assert "of 1 series ha" in verdict_line(FARM[:1])
    assert verdict_line(()) == "No series has a history"


def test_a_change_names_its_nights_and_what_was_new_then() -> None:
    stepped = one_of("mobilenet_v2", "int8")
    assert state_words(stepped).startswith("stepped +5.")
    (change,) = stepped.changes
    assert "new then: runtime 2.20 → 2.21" in change_words(stepped, change)
    undone = one_of("yolo", "int8")
    assert "; back since 2026-04-1" in change_words(undone, undone.changes[0])


# ---- terminal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 60, 79, 80, 100, 140, 200])
def test_the_table_fits_and_shows_changes_first(width: int) -> None:
    lines = history_text(FARM, width).splitlines()
    series = [line for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert len(series) == 16
    assert all(len(line) <= width for line in lines)
    assert all("stepped" in line or "creeping" in line for line in series[:2])
    assert lines[lines.index("") + 1] == "phone-a (Phone A)"
    told = " ".join(" ".join(lines).split())
    assert "segment since 2026-03-02: system build: BP1A.250305 → BP2A.250605" in told
    assert any(bar in series[0] for bar in BARS) is (width >= 62)


def test_a_sparkline_is_as_tall_as_the_change_and_flat_for_noise() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0]) in BARS
    assert set(sparkline([1.0, 1.001] * 50)) <= set(BARS[3:6])
    rising = sparkline([1.0 + index / 100 for index in range(100)])
    assert (rising[0], rising[-1], len(rising)) == (BARS[0], BARS[-1], 24)
    assert list(rising) == sorted(rising)


def test_hostile_names_cannot_command_a_terminal() -> None:
    text = history_text(hostile(), 120)
    assert "\x1b" not in text
    assert "\u202e" not in text


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_csv_has_a_line_a_night() -> None:
    lines = list(csv.DictReader(io.StringIO(history_csv(FARM))))
    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == 16 * 180
    assert {line["segment"] for line in lines} == {"0", "1"}
    assert lines[0]["os_build"] == "BP1A.250305"


def test_no_cell_of_the_csv_is_a_formula() -> None:
    for line in csv.reader(io.StringIO(history_csv(hostile()))):
        assert all(not cell.startswith(("=", "@", "+1+1", "-2+3")) for cell in line)


def test_json_has_a_version_and_the_words() -> None:
    told = json.loads(history_json(FARM))
    assert (told["schema"], told["schema_version"]) == ("on-device-benchmark-harness/history", 1)
    stepped = next(one for one in told["series"] if one["state"] == "stepped")
    assert stepped["words"].startswith("stepped +5.")
    assert stepped["changes"][0]["first_night"] == "2026-06-21"
    assert stepped["changes"][0]["current"] is True


# ---- page ------------------------------------------------------------------------------------------------------------


def test_the_data_of_the_page_are_whole_numbers_and_texts_once() -> None:
    data = page_data(FARM)
    texts, series = data["texts"], data["series"]
    assert isinstance(texts, list)
    assert isinstance(series, list)
    assert len(texts) == len(set(texts))
    for told, history in zip(series, FARM, strict=True):
        assert told["r"] == [round(point.ratio * SCALE) for point in history.points]
        assert told["t"][0] == seconds(history.points[0].at)
        assert [texts[place] for place in told["run"]] == [point.run_id for point in history.points]
        assert [start for start, _ in told["segments"]] == [60]
    assert any("coverage: 62 of 62 nodes → 58 of 62 nodes" in text for text in texts)


def test_times_with_and_without_a_zone_are_utc() -> None:
    assert seconds("2026-01-01T00:00:00") == seconds("2026-01-01T00:00:00Z") == seconds("2026-01-01T01:00:00+01:00")
    assert seconds("yesterday") == 0


def test_the_page_has_everything_without_its_script() -> None:
    page = re.sub(r"<script.*?</script>", "", history_html(FARM), flags=re.DOTALL)
    for history in FARM:
        assert history.series in page
    assert "stepped +5." in page
    assert "2026-06-29" in page
    assert page.count("<figure") == 16
    assert page.count("<table") == 17


def test_a_page_without_nights_says_so() -> None:
    assert "No night has been compared" in history_html(())
    empty = history_html(series_histories(nights([None, None])))
    assert "0 of 34 nights" in empty


def test_hostile_names_are_text() -> None:
    page = history_html(hostile())
    assert SCRIPT not in page
    assert "<img" not in page
    assert page.count("</script>") == 4
    assert "\u202e" not in page


def test_a_year_of_a_large_farm_stays_small() -> None:
    page = history_html(large())
    assert len(page.encode()) < 3_000_000
