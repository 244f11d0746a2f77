"""`junit.xml`: what a CI server shows of a run.

One suite a device; `classname` is the model, `name` the variant and backend. A case that failed, crashed, timed out or
ran out of memory is an error; one that was skipped or is unsupported is skipped; wrong output is always a failure. The
latency is a property and never the `time` of a test case: CI servers add those up and draw trends of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal
from xml.etree import ElementTree as Xml

from harness.domain import ResultRow, Status, Verdict
from harness.report.wording import NOT_RUN, WORDS, Labels, clip, is_trusted, outcome

Untrusted = Literal["passed", "skipped", "failure"]
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROPERTIES = (
    *("case_id", "verdict", "latency_p50_ms", "latency_ci_low_ms", "latency_ci_high_ms", "accuracy"),
    *("accuracy_metric", "accuracy_direction", "accuracy_loss"),
)


def junit_xml(rows: Sequence[ResultRow], *, name: str = "harness", untrusted: Untrusted = "passed") -> str:
    """The rows as JUnit XML.

    Args:
        rows: the run's rows.
        name: name of the whole, the run's.
        untrusted: how a finished row is shown whose number cannot be quoted (noisy, throttled, fell back, unverified):
            as a test that passed with its reason as output, as skipped, or as a failure.
    """
    labels = Labels.of(rows)
    root = Xml.Element("testsuites", name=legal(name))
    places = list(dict.fromkeys(labels.place(row) for row in rows))
    for place in places:
        suite = Xml.SubElement(root, "testsuite", name=legal(place))
        for row in rows:
            if labels.place(row) == place:
                _add_case(suite, row, labels, untrusted)
        add_counts(suite)
    add_counts(root)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _add_case(suite: Xml.Element, row: ResultRow, labels: Labels, untrusted: Untrusted) -> None:
    test_name = legal(f"{row.variant} {labels.setup(row)}")
    case = Xml.SubElement(suite, "testcase", classname=legal(row.model), name=test_name)
    properties = Xml.SubElement(case, "properties")
    for column in _PROPERTIES:
        value = getattr(row, column)
        if value not in (None, ""):
            Xml.SubElement(properties, "property", name=column, value=legal(str(value)))
    kind = _kind(row, untrusted)
    text = legal("\n".join(part for part in (row.reasons, row.remedy) if part))
    if kind != "passed":
        message = legal(clip(f"{WORDS[outcome(row)]}: {row.reasons}" if row.reasons else WORDS[outcome(row)], 300))
        attributes = {"message": message} if kind == "skipped" else {"message": message, "type": outcome(row)}
        Xml.SubElement(case, kind, attributes).text = text
    elif text:
        Xml.SubElement(case, "system-out").text = text


def _kind(row: ResultRow, untrusted: Untrusted) -> str:
    if row.status in NOT_RUN:
        return "skipped"
    if row.status is not Status.DONE:
        return "error"
    if row.verdict is Verdict.WRONG_OUTPUT:
        return "failure"
    return "passed" if is_trusted(row) else untrusted


def add_counts(element: Xml.Element) -> None:
    """Count the test cases in `element`, and those that failed, broke or were skipped, in its attributes."""
    element.set("tests", str(len(element.findall(".//testcase"))))
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        element.set(attribute, str(len(element.findall(f".//testcase/{tag}"))))


def legal(text: str) -> str:
    """XML 1.0 cannot carry most control characters, not even escaped: they become U+FFFD."""
    return _ILLEGAL.sub("\ufffd", text)
