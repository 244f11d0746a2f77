from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest

from harness.domain import Status, Verdict
from harness.report.junit import Untrusted, junit_xml
from tests.report.factory import row, run_view
from tests.report.hostile import hostile_view


def _case(text: str) -> Xml.Element:
    found = Xml.fromstring(text).find(".//testcase")
    assert found is not None
    return found


def _kinds(case: Xml.Element) -> set[str]:
    return {child.tag for child in case} & {"error", "failure", "skipped"}


@pytest.mark.parametrize(
    "status", [Status.FAILED, Status.CRASHED, Status.TIMEOUT, Status.OOM, Status.OFFLINE, Status.INTERRUPTED]
)
def test_what_did_not_finish_is_an_error(status: Status) -> None:
    case = _case(junit_xml([row(status=status, verdict=None, reasons="killed by signal 9", remedy="Look at logs/")]))
    error = case.find("error")
    assert error is not None
    assert error.get("type") == status.value
    assert "killed by signal 9" in (error.get("message") or "")
    assert "Look at logs/" in (error.text or "")


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.UNSUPPORTED])
def test_what_did_not_run_is_skipped(status: Status) -> None:
    assert _kinds(_case(junit_xml([row(status=status, verdict=None, latency_p50_ms=None)]))) == {"skipped"}


@pytest.mark.parametrize(
    ("untrusted", "kinds"), [("passed", set()), ("skipped", {"skipped"}), ("failure", {"failure"})]
)
def test_a_row_that_cannot_be_quoted_is_shown_as_asked(untrusted: Untrusted, kinds: set[str]) -> None:
    noisy = junit_xml([row(verdict=Verdict.NOISY, reasons="wide")], untrusted=untrusted)
    assert _kinds(_case(noisy)) == kinds
    assert "wide" in noisy
    assert _kinds(_case(junit_xml([row()], untrusted=untrusted))) == set()


def test_wrong_output_is_always_a_failure() -> None:
    assert _kinds(_case(junit_xml([row(verdict=Verdict.WRONG_OUTPUT)]))) == {"failure"}


def test_a_suite_for_each_device_with_counts_that_add_up() -> None:
    view = run_view(devices=("phone a", "phone b"))
    root = Xml.fromstring(junit_xml(view.rows, name="nightly"))
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["phone a", "phone b"]
    assert sum(int(suite.get("tests", "0")) for suite in suites) == len(view.rows) == int(root.get("tests", "0"))
    assert int(root.get("errors", "0")) == len(root.findall(".//error")) == 4
    assert len({(one.get("classname"), one.get("name")) for one in suites[0]}) == len(suites[0])


def test_an_accuracy_says_what_it_is_and_which_way_is_better() -> None:
    scored = row(accuracy=7.8, accuracy_metric="nme_pct", accuracy_direction="lower", accuracy_loss=0.4)
    found = {each.get("name"): each.get("value") for each in _case(junit_xml([scored])).iter("property")}
    assert (found["accuracy"], found["accuracy_metric"], found["accuracy_direction"]) == ("7.8", "nme_pct", "lower")
    assert found["accuracy_loss"] == "0.4"
    plain = _case(junit_xml([row(accuracy=None, accuracy_metric="", accuracy_direction="")])).iter("property")
    assert not {each.get("name", "") for each in plain} & {"accuracy", "accuracy_metric", "accuracy_direction"}


def test_latency_is_a_property_and_never_the_time() -> None:
    text = junit_xml(run_view().rows)
    assert "time=" not in text
    found = _case(text).find(".//property[@name='latency_p50_ms']")
    assert found is not None
    assert float(found.get("value", "nan")) > 0


def test_hostile_names_make_valid_xml() -> None:
    view = hostile_view()
    root = Xml.fromstring(junit_xml(view.rows, name=view.run.name).encode("utf-8"))
    assert len(root.findall(".//testcase")) == len(view.rows)


def test_no_rows_make_valid_xml() -> None:
    assert Xml.fromstring(junit_xml(())).get("tests") == "0"
