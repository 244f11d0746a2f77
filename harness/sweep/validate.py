"""A document against the schema and against itself, until every fault is known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from harness.sweep.document import Document
from harness.sweep.explain import faults_of, finding_of
from harness.sweep.fields import SweepFile
from harness.sweep.findings import Finding, KeyPath
from harness.sweep.model import Sweep
from harness.sweep.prune import PrunedView
from harness.sweep.resolve import Resolver

_MAX_PRUNED = 200


def validate(
    document: Document, text: str, name: str, folder: Path, known_models: Collection[str]
) -> tuple[Sweep | None, list[Finding]]:
    """The sweep that `document` describes, or its findings. See `parse_sweep` for the arguments; `name` is the default.

    pydantic checks a mapping as a whole only when each of its parts is right. What is wrong is therefore taken out and
    the rest checked again, until nothing new is found.
    """
    findings: list[Finding] = []
    pruned = list(document.broken)
    while True:
        view = PrunedView(document, pruned)
        try:
            file = SweepFile.model_validate(view.value, context={"known_models": known_models})
            break
        except ValidationError as error:
            new, faulty = _faults(error, view)
        findings += new
        pruned += faulty
        if not faulty or len(pruned) > _MAX_PRUNED:
            return None, findings
    resolver = Resolver(file, view, folder, known_models)
    sweep = resolver.sweep(name, text)
    return sweep, [*findings, *resolver.findings]


def _faults(error: ValidationError, view: PrunedView) -> tuple[list[Finding], list[KeyPath]]:
    """The findings of `error` that do not come of the pruning, and the paths to prune for them."""
    findings: list[Finding] = []
    faulty: list[KeyPath] = []
    for fault in (fault for detail in error.errors(include_url=False) for fault in faults_of(detail)):
        paths = tuple(map(view.original, fault.paths))
        if not any(map(view.touches, paths)):
            findings.append(finding_of(replace(fault, paths=paths), view.document))
        faulty += [path for path in paths if view.holds(path)]
    return findings, faulty
