from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as Xml

import pytest

from harness.domain import Night
from harness.report.nightly.junit import junit_xml
from tests.report.nightly import golden
from tests.report.nightly.factory import (
    FAILS,
    REGRESSION,
    SLOWER,
    empty_night,
    event,
    hostile_night,
    large_night,
    latency,
    night,
    pair,
    quiet_night,
)

# The schema of Jenkins' xUnit plugin (junit-10.xsd), and beside it what pytest writes for a property of a test case.
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out", "system-err"},
    "testcase": {"properties", "skipped", "error", "failure", "system-out", "system-err"},
    "properties": {"property"},
}
ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "disabled", "errors", "skipped"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "timestamp", "time", "hostname", "id", "package"},
    "testcase": {"name", "classname", "time", "assertions", "status", "group", "file", "line"},
    "property": {"name", "value"},
    "failure": {"type", "message"},
    "skipped": {"type", "message"},
}


def result_of(text: str, name: str) -> dict[str, str]:
    """The result of each test case whose name begins with `name`."""
    found = {}
    for case in Xml.fromstring(text).iter("testcase"):
        if case.get("name", "").startswith(name):
            tags = {child.tag for child in case} & {"failure", "skipped", "error"}
            found[case.get("name", "")] = "".join(tags) or "passed"
    return found


def test_golden() -> None:
    golden.check("junit.xml", junit_xml(night()))


@pytest.mark.parametrize("found", [night(), quiet_night(), empty_night(), hostile_night(), large_night(50)])
def test_it_keeps_to_the_common_schema(found: Night) -> None:
    root = Xml.fromstring(junit_xml(found).encode("utf-8"))
    assert root.tag == "testsuites"
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set()), element.tag
        assert set(element.keys()) <= ATTRIBUTES.get(element.tag, set()), element.tag
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(names) == len(set(names))


def test_only_what_somebody_is_called_for_fails() -> None:
    failed = {
        (case.get("classname"), case.find("failure").get("type"))  # type: ignore[union-attr]
        for case in Xml.fromstring(junit_xml(night())).iter("testcase")
        if case.find("failure") is not None
    }
    assert failed == {("mobilenet_v2", "REGRESSION"), ("mobilebert", "NEWLY_FAILING")}


def test_what_is_open_is_skipped_with_its_reason() -> None:
    text = junit_xml(night())
    for model in ("wav2letter", "hrnet", "gone_model", "late a"):
        assert set(result_of(text, model).values()) == {"skipped"}, model
    assert result_of(text, "deeplab")["deeplab int8 · cpu xnnpack 1 thread · adb · latency"] == "skipped"
    assert 'message="AWAITING +3.4 % (+2.2 % to +4.6 %): deeplab int8 is 3.4 % slower on pixel-1"' in text
    assert set(result_of(text, "yolo").values()) == set(result_of(text, "digits").values()) == {"passed"}


def test_a_device_that_changed_fails_no_model() -> None:
    found = replace(quiet_night(), outcomes=SLOWER[:1], events=(event("DEVICE", "pixel-1 is slower", SLOWER[0]),))
    assert "<failure" not in junit_xml(found)
    assert "DEVICE" in junit_xml(found)


def test_a_regression_that_was_not_confirmed_does_not_fail() -> None:
    found = replace(quiet_night(), outcomes=(pair("m", latency(1.05, REGRESSION)),))
    assert "<failure" not in junit_xml(found)
    assert "<skipped" in junit_xml(found)


def test_figures_are_properties_and_never_a_time() -> None:
    text = junit_xml(night())
    assert "time=" not in text
    case = Xml.fromstring(text).find(".//testcase")
    assert case is not None
    told = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert (told["ratio"], told["ci_low"], told["ci_high"]) == ("1.081", "1.069", "1.093")
    assert (told["mde"], told["blocks"]) == ("0.021", "12")


def test_what_is_not_known_is_left_out() -> None:
    found = replace(quiet_night(), outcomes=(FAILS,), events=(event("NEWLY_FAILING", "fails", FAILS),))
    names = {one.get("name") for one in Xml.fromstring(junit_xml(found)).iter("property")}
    assert names == {"kind", "device_model", "stage"}
