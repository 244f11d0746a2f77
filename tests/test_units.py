from datetime import datetime, timezone

import pytest

from harness import units


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30.0), ("200ms", 0.2), ("20min", 1200.0), ("1.5 h", 5400.0), ("5us", 5e-6)]
)
def test_durations(text: str, seconds: float) -> None:
    assert units.parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 weeks", "-5s", "1e3s", "5s 3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        units.parse_duration_s(text)


@pytest.mark.parametrize(("text", "size"), [("64MiB", 64 * 2**20), ("2GB", 2 * 10**9), ("1.5kB", 1500)])
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size_bytes(text) == size


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_spans_for_people(seconds: float, text: str) -> None:
    assert units.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("value_ms", "text"), [(None, "—"), (0.01234, "0.0123"), (3.5, "3.500"), (158.26, "158.3"), (2516.4, "2516")]
)
def test_latencies_for_people(value_ms: float, text: str) -> None:
    assert units.format_latency(value_ms) == text


@pytest.mark.parametrize(
    "text", ["2026-05-31T02:00:00Z", "2026-05-31T02:00:00+00:00", "2026-05-31T02:00:00", "2026-05-31T04:00+02:00"]
)
def test_a_moment_is_read_with_or_without_its_zone(text: str) -> None:
    assert units.parse_moment(text) == datetime(2026, 5, 31, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01"])
def test_what_is_no_moment_is_none(text: str | None) -> None:
    assert units.parse_moment(text) is None
