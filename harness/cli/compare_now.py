"""`harness compare` of two builds that can both be measured now: interleaved in blocks, until there is an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.compare import SWEEP_SUFFIXES
from harness.cli.live import live_session, make_reports_dir
from harness.cli.options import DEFAULT_REPORTS_DIR, store_location, typed_command
from harness.errors import ModelFileError, UsageError

if TYPE_CHECKING:
    from harness.domain import RunRecord
    from harness.lab.pairs import PairsRequest, PairsResult
    from harness.store import Store
    from harness.sweep import Pairing, Sweep


@dataclass(frozen=True)
class Measurement:
    """What a person asked for. `shared`, `for_base` and `for_candidate` are ``a.b=c`` overrides of the sweeps;
    `blocks` is a fixed number of blocks, None for as many as it takes."""

    base: str
    candidate: str
    shared: tuple[str, ...] = ()
    for_base: tuple[str, ...] = ()
    for_candidate: tuple[str, ...] = ()
    blocks: int | None = None
    resume: str | None = None
    display_kind: str | None = None
    reports_dir: Path = DEFAULT_REPORTS_DIR
    store_url: str | None = None
    cache_dir: Path | None = None
    jobs: int = 1

    @property
    def command(self) -> str:
        """What a person types to continue, quoted for a shell."""
        options = {
            "--set": self.shared,
            "--set-base": self.for_base,
            "--set-candidate": self.for_candidate,
            "--blocks": self.blocks,
            "--reports": self.reports_dir,
            "--store": self.store_url,
            "--cache": self.cache_dir,
        }
        return typed_command(["compare", self.base, self.candidate], options, "--resume")


def measure_now(asked: Measurement) -> tuple[PairsResult, tuple[str, ...]]:
    """Measure both builds interleaved; what came of it, and sentences on what the sweeps differ in beside the builds:
    rules that only judge rows, and cases that only one of them has.

    Raises:
        UsageError: they have nothing in common, or their protocols differ.
        SweepFileError, ModelFileError: one of them cannot be read.
        NoDeviceError, DeviceBusyError, StoreError: as `run_pairs`.
    """
    from harness.lab.pairs import PairsRequest, run_pairs
    from harness.measure.stopping import FixedBlocks, Looks
    from harness.prepare import default_cache_dir
    from harness.store import Store
    from harness.sweep import pair_sweeps

    base = _sweep_of(asked.base, (*asked.shared, *asked.for_base))
    candidate = _sweep_of(asked.candidate, (*asked.shared, *asked.for_candidate))
    require_one_protocol(base, candidate)
    pairing = pair_sweeps(base, candidate)
    _require_pairs(pairing, asked)
    make_reports_dir(asked.reports_dir)
    with Store.open(store_location(asked.store_url, asked.reports_dir)) as store:
        request = PairsRequest(
            pairing.pairs,
            base,
            Looks() if asked.blocks is None else FixedBlocks(asked.blocks),
            "compare",
            asked.reports_dir,
            asked.cache_dir or default_cache_dir(),
            asked.jobs,
        )
        request = replace(request, resume=_resumed(store, request, asked.resume))
        with live_session(store, asked.display_kind, asked.command) as live:
            return run_pairs(request, **live.arguments), (*differing(base, candidate), *unpaired(pairing, asked))


def require_one_protocol(base: Sweep, candidate: Sweep) -> None:
    """Refuse builds that would be measured in two ways: their difference would be the protocol's.

    Raises:
        UsageError: names what differs.
    """
    for key in ("measure", "accuracy", "settings", "adb_server", "edgetpu_compiler"):
        ours, theirs = getattr(base, key), getattr(candidate, key)
        if ours != theirs:
            raise UsageError(
                f"the two sweeps do not agree in `{key}`: {_difference(ours, theirs)}",
                remedy=f"Both arms run interleaved under one protocol; make `{key}` equal in both files.",
            )


def differing(base: Sweep, candidate: Sweep) -> tuple[str, ...]:
    """A sentence for each rule that does not change what is measured, and is not the same in both sweeps."""
    told = []
    if base.require_coverage != candidate.require_coverage:
        told.append(
            f"The sweeps differ in `require: coverage`: {base.require_coverage} for the base and "
            f"{candidate.require_coverage} for the candidate; that of the base judges the rows of both."
        )
    return tuple(told)


def _difference(ours: object, theirs: object) -> str:
    if isinstance(ours, str):
        return f"{ours!r} and {theirs!r}"
    names = [name for name, value in vars(ours).items() if value != vars(theirs)[name]]
    return ", ".join(f"{name} {vars(ours)[name]} and {vars(theirs)[name]}" for name in names)


def _sweep_of(name: str, overrides: Sequence[str]) -> Sweep:
    """The sweep file, or one that is made for a single model."""
    from harness.prepare import recipe_names
    from harness.sweep import load_sweep, parse_sweep

    path = Path(name)
    if path.suffix in SWEEP_SUFFIXES:
        return load_sweep(path, overrides, known_models=recipe_names())
    text = json.dumps({"name": "compare", "models": [_model(path)], "variants": [_variant(path)]})
    return parse_sweep(text, name, overrides, known_models=recipe_names(), folder=Path.cwd())


def _model(path: Path) -> dict[str, str]:
    if not path.exists():
        raise UsageError("no such model file", where=str(path))
    words = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in path.stem
    )
    return {"name": words.strip("_-") or "model", "file": str(path.absolute())}


def _variant(path: Path) -> str:
    """What a ``.tflite`` file is; of other models the float32 variant."""
    if path.suffix != ".tflite":
        return "float32"
    from harness.prepare.inspection import inspect_model

    try:
        return inspect_model(path).variant
    except ModelFileError as error:  # exit code 1 would be read as a regression
        raise UsageError(error.what, where=error.where, remedy=error.remedy) from error


def _require_pairs(pairing: Pairing, asked: Measurement) -> None:
    if not pairing.pairs:
        left = ", ".join(case.label for case in pairing.only_base[:3])
        right = ", ".join(case.label for case in pairing.only_candidate[:3])
        raise UsageError(
            f"{asked.base} and {asked.candidate} have no case in common: {left or 'nothing'} against "
            f"{right or 'nothing'}",
            remedy="Give the models the same names, or make the lists of the sweeps equally long.",
        )


def unpaired(pairing: Pairing, asked: Measurement) -> tuple[str, ...]:
    """A sentence for each build that has cases without a counterpart: they are not measured."""
    sides = ((asked.base, pairing.only_base), (asked.candidate, pairing.only_candidate))
    return tuple(
        f"Only {name} has, and so it was not measured: {', '.join(case.label for case in cases)}."
        for name, cases in sides
        if cases
    )


def _resumed(store: Store, request: PairsRequest, resume: str | None) -> RunRecord | None:
    if resume is None:
        return None
    found = store.unfinished_run(request.sha256) if resume == "latest" else store.find_run(resume)
    if found is None or found.sweep_sha256 != request.sha256:
        raise UsageError(
            "this comparison has no unfinished run to resume",
            remedy="A changed sweep or model is another comparison. Leave --resume away to start anew.",
        )
    return found
