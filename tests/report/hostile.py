"""Names as an attacker, or an unlucky user, would choose them."""

from __future__ import annotations

from dataclasses import replace

from harness.domain import RunView
from tests.report.factory import run_view

SCRIPT = "<script>document.title='owned'</script>"
NAMES = (
    SCRIPT,
    "</script><img src=x onerror=document.title='owned'>",
    "\"><svg onload=document.title='owned'>",
    "'; DROP TABLE rows; --",
    "{{ 7 * 7 }}{% raw %}",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "\t=1+1",
    "a|b`c`[d](http://example.com)",
    "line\nbreak\r\nand \x1b[31mred\x07\x00",
    "right-to-left \u202egnp.exe",
    "\ud800 lone surrogate",
    "x" * 300,
    "emoji 🦄 and 漢字",
    "../../etc/passwd",
    "]]>&amp;",
)


def hostile_view() -> RunView:
    """A run in which every text that a user, device or file controls is one of NAMES."""
    view = run_view()
    rows = tuple(
        replace(
            row,
            model=NAMES[index % len(NAMES)],
            variant=NAMES[(index + 1) % len(NAMES)],
            backend=NAMES[(index + 2) % len(NAMES)],
            device=NAMES[(index + 3) % 3],
            reasons=NAMES[(index + 4) % len(NAMES)],
            remedy=NAMES[(index + 5) % len(NAMES)],
            runtime=SCRIPT,
            runtime_version=SCRIPT,
            accelerator=SCRIPT,
            converter=SCRIPT,
            coverage=SCRIPT,
            clock_source=SCRIPT,
            timed=SCRIPT,
            accuracy_metric=SCRIPT if row.accuracy is not None else "",
        )
        for index, row in enumerate(view.rows)
    )
    files = tuple(
        replace(file, model=NAMES[0], variant=NAMES[1], converter=NAMES[2], reason=NAMES[0], float_operators=NAMES)
        for file in view.files
    )
    records = tuple(
        replace(record, result=replace(record.result, error=NAMES[1], log=NAMES[0] + NAMES[13]))
        for record in view.invocations
    )
    facts = tuple(
        replace(one, device_id=NAMES[1], model=NAMES[0], notes=NAMES, os_build=NAMES[2]) for one in view.facts
    )
    run = replace(view.run, name=NAMES[1], sweep_text="\n".join(NAMES), settings_json=NAMES[1], started_at=NAMES[0])
    return replace(view, run=run, rows=rows, files=files, facts=facts, invocations=records)
