"""Rows of a stored run made again from its records: after a crash, during a run, or by newer rules."""

from __future__ import annotations

import json
from dataclasses import replace

from harness.domain import AccuracySettings, ResultRow, RunView, Status
from harness.lab.ledger import Ledger
from harness.store import Store
from harness.store.codec import decode


def current_view(store: Store, run_id: str) -> RunView:
    """The run as the store holds it, with every row summarised anew from its invocations.

    A case that never began keeps the row that says why, or gets one that says it was not reached.
    """
    view = store.view(run_id)
    settings = json.loads(view.run.settings_json or "{}")
    allowed = decode(AccuracySettings, settings.get("accuracy", {}))
    ledger = Ledger(run_id, store, view.cases, settings.get("require_coverage", "any"), allowed)
    ledger.restore(view.invocations, store.checks(run_id))
    files = {(file.model, file.variant): file for file in view.files}
    facts = {fact.device_id: fact for fact in view.facts}
    devices = store.devices(run_id)
    stored = {row.case_id: row for row in view.rows}
    rows: list[ResultRow] = []
    for case in view.cases:
        ledger.attach(files, facts.get(devices.get(case.case_id, "")), case)
        told = stored.get(case.case_id)
        if told is not None and not ledger[case.case_id].records and told.status is not Status.INTERRUPTED:
            rows.append(told)
        else:
            rows.append(ledger.final_row(case))
    return replace(view, rows=tuple(rows))
