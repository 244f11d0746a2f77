from __future__ import annotations

from harness.display.findings import Also, findings
from harness.domain import Status, Verdict
from tests.display.builders import CASE, case, failed, row

OTHER = case("other")


def test_good_rows_need_no_look() -> None:
    assert findings([row(reasons="8 invocations within ±0.4%")]) == ()


def test_the_same_reason_is_said_once_with_its_cases() -> None:
    found = findings(
        [
            row(verdict=Verdict.NOISY, reasons="the interval is ±6.1 %", remedy="Measure more blocks (now 8)."),
            row(OTHER, verdict=Verdict.NOISY, reasons="the interval is ±9.4 %", remedy="Measure more blocks (now 8)."),
        ]
    )
    assert len(found) == 1
    assert found[0].reason == "the interval is ±6.1 to 9.4 %"
    assert found[0].remedy == "Measure more blocks (now 8)."
    assert found[0].cases == ("mobilenet_v2 int8 · cpu xnnpack 1T", "other int8 · cpu xnnpack 1T")


def test_further_reasons_are_counted_beside_the_leading_one() -> None:
    found = findings(
        [
            row(verdict=Verdict.NOISY, reasons="wide; a neighbour took 12 %"),
            row(OTHER, verdict=Verdict.NOISY, reasons="wide; a neighbour took 30 %; two speeds"),
        ]
    )
    assert [finding.reason for finding in found] == ["wide"]
    assert found[0].also == (Also("a neighbour took 12 to 30 %", 2), Also("two speeds", 1))


def test_the_worst_comes_first_and_then_what_hits_most() -> None:
    cases = [case(f"m{index}") for index in range(5)]
    found = findings(
        [
            failed(cases[0], Status.SKIPPED, "no device"),
            row(cases[1], verdict=Verdict.NOISY, reasons="two speeds"),
            row(cases[2], verdict=Verdict.NOISY, reasons="wide"),
            row(cases[3], verdict=Verdict.NOISY, reasons="wide"),
            failed(cases[4], reasons="signal 11"),
        ]
    )
    assert [(str(finding.mark.word), finding.reason) for finding in found] == [
        ("CRASHED", "signal 11"),
        ("NOISY", "wide"),
        ("NOISY", "two speeds"),
        ("SKIPPED", "no device"),
    ]


def test_devices_are_named_where_there_are_several() -> None:
    found = findings([failed(), row(OTHER, device="phone")])
    assert found[0].cases == ("mobilenet_v2 int8 · cpu xnnpack 1T · host-a",)


def test_a_reason_may_be_missing() -> None:
    assert findings([failed(CASE, reasons="")])[0].reason == ""
