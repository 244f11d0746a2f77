"""`junit.xml` of a night: one suite a device, one test case for each series and metric.

A failure is only what somebody is called for: a regression that was confirmed twice, or a row that newly fails. What is
undecided, awaits a second look, is known or is missing is skipped with the reason. No figure is ever the `time` of a
case.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from harness.domain import Night
from harness.report.junit import add_counts, legal
from harness.report.nightly.answers import OPEN, PAGED, RUN, Answer, answers
from harness.report.nightly.words import REMEDIES, WORDS, change_text, interval_text, metric_word
from harness.report.wording import clip

_SKIPPED = (*OPEN, "NOT_COMPARABLE")


def junit_xml(night: Night) -> str:
    """The night as JUnit XML."""
    found = answers(night)
    root = Xml.Element("testsuites", name=legal(night.name))
    for device in dict.fromkeys(answer.device_id for answer in found):
        suite = Xml.SubElement(root, "testsuite", name=legal(device or "no device"), timestamp=legal(night.at[:19]))
        _add_suite(suite, (answer for answer in found if answer.device_id == device))
        add_counts(suite)
    add_counts(root)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _add_suite(suite: Xml.Element, found: Iterable[Answer]) -> None:
    for answer in found:
        outcome = answer.outcome
        name = answer.series if answer.metric == RUN else f"{answer.series} · {metric_word(answer.metric)}"
        model = outcome.model if outcome is not None else answer.series
        case = Xml.SubElement(suite, "testcase", classname=legal(model), name=legal(name))
        _add_properties(case, answer)
        _add_answer(case, answer)


def _add_properties(case: Xml.Element, answer: Answer) -> None:
    change = answer.change
    figures: dict[str, object] = {"kind": answer.kind}
    if change is not None:
        figures |= {name: getattr(change, name) for name in ("ratio", "ci_low", "ci_high", "mde", "min_effect", "p")}
        figures |= {"blocks": change.blocks, "base": change.base, "candidate": change.candidate, "unit": change.unit}
    if answer.outcome is not None:
        figures |= {"device_model": answer.outcome.device_model, "stage": answer.outcome.stage}
    properties = Xml.SubElement(case, "properties")
    for name, value in figures.items():
        if value not in (None, ""):
            Xml.SubElement(properties, "property", name=name, value=legal(str(value)))


def _add_answer(case: Xml.Element, answer: Answer) -> None:
    message, text = _message(answer), _text(answer)
    if answer.kind in PAGED:
        Xml.SubElement(case, "failure", message=message, type=answer.kind).text = text
    elif answer.kind in _SKIPPED:
        Xml.SubElement(case, "skipped", message=message).text = text
    elif text:
        Xml.SubElement(case, "system-out").text = text


def _message(answer: Answer) -> str:
    """``REGRESSION +5.1 % (+3.9 % to +6.3 %): mobilenet_v2 is 5.1 % slower``."""
    parts = [answer.kind]
    if answer.change is not None and answer.kind != "NOT_COMPARABLE":
        interval = interval_text(answer.change)
        parts.append(change_text(answer.change) + (f" ({interval})" if interval else ""))
    why = answer.event.title if answer.event is not None else _note(answer) or WORDS.get(answer.kind, "")
    return legal(clip(f"{' '.join(parts)}: {why}", 300))


def _text(answer: Answer) -> str:
    event = answer.event
    told = [event.reason, event.link, REMEDIES.get(answer.kind, "")] if event is not None else []
    return legal("\n".join(filter(None, [*told, _note(answer)])))


def _note(answer: Answer) -> str:
    return answer.change.note if answer.change is not None else ""
