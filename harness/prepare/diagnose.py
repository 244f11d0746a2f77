"""In the worker: measure which layers of a model cost the accuracy of one quantized mode.

One float file is quantized again and again: all of it, then with single layers kept in float, then with all but single
layers, and each file is run on the check samples. Layers come in the order of suspicion, until the time is over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.domain.diagnosis import LayerError
from harness.prepare.float_layers import short_names
from harness.prepare.labelled import Scores
from harness.prepare.progress import report
from harness.prepare.sensitivity import (
    NOTHING,
    Choice,
    Kept,
    by_group,
    by_suspicion,
    choose,
    in_groups,
    ranked,
    with_alone,
    with_kept,
    with_neighbours,
)
from harness.prepare.trials import Trials

# Of the time that is left after the first files: when the single layers, and when the choice have to be done.
SINGLES_SHARE, CHOICE_SHARE = 0.6, 0.95
# Where there is no time for every layer, the first trials take groups of neighbours: at most so many, in so much time.
MAX_GROUPS, GROUPS_SHARE = 12, 0.2
# What the choice aims at by itself: half the error of the fully quantized model, or nearly what can be had at all.
DEFAULT_GAIN_DB, BELOW_LIMIT_DB = 6.0, 1.0


def diagnose(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `harness.domain.diagnosis.Diagnosis` that are measured.

    `base` is the float file, `source` the folder of its samples, `folder` one for files in between, `mode` what is
    diagnosed, `budget_s` the time, `wanted_db` the SQNR to reach or None, `metric_samples` how many labelled samples
    to score, and `data` their folder or None.
    """
    began_s = time.monotonic()
    trials = Trials(arguments)
    everything = trials.outcome(NOTHING)
    names = short_names(trials.layers)
    findings = [LayerError(name, layer.kind) for name, layer in zip(names, trials.layers, strict=True)]
    study = _Study(trials, findings, everything.agreement.sqnr_db)
    study.look_inside()
    wanted_db = study.attainable_db() if arguments["wanted_db"] is None else float(arguments["wanted_db"])
    study.single_layers()
    choice = study.chosen(wanted_db)
    order = ranked(study.findings)
    kept_names = [findings[at].name for at in choice.kept]
    return {
        "samples": len(trials.inputs),
        "float_size_bytes": Path(arguments["base"]).stat().st_size,
        "everything": trials.described(NOTHING),
        "boundaries_db": study.boundaries_db,
        "layers": [asdict(study.findings[at]) for at in order],
        "groups": [asdict(group) for group in study.groups],
        "wanted_db": wanted_db,
        "reached": choice.reached,
        "keep_float": kept_names,
        "chosen": trials.described_by_name(kept_names),
        "metric": _metric(arguments, trials, [study.findings[at] for at in order], choice, names),
        "complete": all(found.alone_db is not None for found in study.findings),
        "seconds": time.monotonic() - began_s,
    }


@dataclass(frozen=True)
class GroupError:
    """What neighbouring layers cost together: `first` to `last`, `count` of them."""

    first: str
    last: str
    count: int
    kept_db: float
    gain_db: float


class _Study:
    """The measurements, in the order in which they are made."""

    def __init__(self, trials: Trials, findings: list[LayerError], all_db: float) -> None:
        self._trials, self.findings, self.all_db = trials, findings, all_db
        self._everything = frozenset(range(len(findings)))
        self._order = list(range(len(findings)))
        self._near: list[tuple[int, ...]] = []
        self.groups: list[GroupError] = []
        self.boundaries_db = math.inf
        self._left_s = trials.left_s

    def look_inside(self) -> None:
        """The error of every layer's own result: quick, and the order in which the layers are measured."""
        report("comparing what each layer computes")
        here, inputs = self._trials.tensor_errors()
        self.findings = [
            found if error is None else replace(found, here_db=error.sqnr_db)
            for found, error in zip(self.findings, here, strict=True)
        ]
        self._order = by_suspicion([None if error is None else error.share for error in here], inputs)
        self._near = with_neighbours(inputs)
        self.boundaries_db = self._trials.outcome(self._everything).agreement.sqnr_db
        self._left_s = self._trials.left_s

    def attainable_db(self) -> float:
        """What to aim at where nothing is wished."""
        return min(self.all_db + DEFAULT_GAIN_DB, self.boundaries_db - BELOW_LIMIT_DB)

    def single_layers(self) -> None:
        """Each layer kept in float alone, and quantized alone."""
        until_s = self._left_s * (1 - SINGLES_SHARE)
        if 2 * self._trials.seconds * len(self._order) > self._left_s - until_s:
            self._groups()
        for done, at in enumerate(self._order):
            report(f"{done} of {len(self._order)} layers, {max(0.0, self._trials.left_s):.0f} s left")
            kept_db = self._trials.sqnr_db(frozenset((at,)), until_s)
            if kept_db is None:
                break
            self.findings[at] = with_kept(self.findings[at], kept_db, self.all_db)
            alone_db = self._trials.sqnr_db(self._everything - {at}, until_s)
            if alone_db is None:
                break
            self.findings[at] = with_alone(self.findings[at], alone_db, self.boundaries_db, self.all_db)

    def _groups(self) -> None:
        """Neighbours kept in float together, so that the time is spent where it is worth it."""
        affordable = int(self._left_s * GROUPS_SHARE / max(self._trials.seconds, 1e-3))
        groups = in_groups(len(self._order), min(MAX_GROUPS, affordable))
        gains: list[tuple[range, float | None]] = []
        for group in groups if len(groups) > 1 else ():
            report(f"{len(gains)} of {len(groups)} groups of layers")
            found = self._trials.sqnr_db(frozenset(group), self._left_s * (1 - SINGLES_SHARE))
            gains.append((group, None if found is None else found - self.all_db))
            if found is not None:
                names = self.findings[group[0]].name, self.findings[group[-1]].name
                self.groups.append(GroupError(*names, len(group), found, found - self.all_db))
        self._order = by_group(self._order, gains)

    def chosen(self, wanted_db: float) -> Choice:
        """The smallest set that reaches `wanted_db`."""
        until_s = self._left_s * (1 - CHOICE_SHARE)

        def measure(kept: Kept) -> float | None:
            report(f"choosing what to keep in float: {len(kept)} layers, {max(0.0, self._trials.left_s):.0f} s left")
            return self._trials.sqnr_db(kept, until_s)

        return choose(ranked(self.findings), self._near, measure, self.all_db, wanted_db)


def _metric(
    arguments: Mapping[str, Any], trials: Trials, order: Sequence[LayerError], choice: Choice, names: Sequence[str]
) -> dict[str, Any] | None:
    """The task's figure: the float and the quantized file, each of the dearest layers in float, the choice.

    None where it was not asked for.
    """
    if not arguments["metric_samples"]:
        return None
    scores = Scores(Path(arguments["data"]), int(arguments["metric_samples"]))
    position = {name: at for at, name in enumerate(names)}
    dear = [found.name for found in order[:3] if found.cost_pct]
    wanted = [("all quantized", NOTHING), *((f"{name} in float", frozenset((position[name],))) for name in dear)]
    if choice.kept:
        wanted.append(("the chosen layers in float", frozenset(choice.kept)))
    figures = [["float32", scores.of(Path(arguments["base"]))]]
    for label, kept in wanted:
        report(f"scoring {scores.samples} samples: {label}")
        figures.append([label, scores.of(trials.written(trials.outcome(kept).content, "scored"))])
    return {"name": scores.metric, "samples": scores.samples, "figures": figures}
