"""`harness nightly --replay`: the alarm is tested on recorded noise."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import rich_click as click

from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.measure.replay import RecordedPair, Replay, SeriesReplay
    from harness.measure.stopping import ScreenThenConfirm
    from harness.store import Store


def replay_alarm(
    location: str,
    run_name: str | None,
    inject: str | None,
    page_after: int | None,
    replays: int,
    seed: int,
    as_json: bool,
) -> int:
    """Replay a stored run and print how often the gate fires; 0 when it does what it should.

    Raises:
        UsageError: the run is no comparison, or the change cannot be injected.
    """
    from harness.measure.replay import replay
    from harness.store import Store

    if run_name is None or inject is None:
        raise UsageError("--replay and --inject go together", remedy="harness nightly --replay RUN --inject 5% (or 0%)")
    injected = _share(inject)
    with Store.open(location, read_only=True) as store:
        run = store.find_run(run_name)
        recorded, policy = _recorded(store, run.run_id)
    found = replay(recorded, injected, policy=policy, page_after=page_after or 2, replays=replays, seed=seed)
    if as_json:
        click.echo(json.dumps(_document(run.run_id, found), indent=2))
    else:
        click.echo("\n".join(_lines(run.run_id, found, replays)))
    return EXIT_OK if found.behaves else EXIT_FAILED_ROW


def _share(text: str) -> float:
    """0.05 of ``5%`` or ``5``."""
    match = re.fullmatch(r"\s*([+-]?\d+(?:\.\d+)?)\s*%?\s*", text)
    share = float(match[1]) / 100 if match else math.nan
    if not -0.9 <= share <= 10.0:
        raise UsageError(f"--inject {text!r} is no percentage", remedy="Give one from -90% to 1000%, such as 5%.")
    return share


def _recorded(store: Store, run_id: str) -> tuple[list[RecordedPair], ScreenThenConfirm]:
    """The pairs of a stored comparison with their invocations, and the screen that it had."""
    from harness.lab.night_plan import is_a_a
    from harness.lab.pairs import COMPARISON, policy_of, stored_outcomes
    from harness.measure import block_medians
    from harness.measure.replay import RecordedPair
    from harness.measure.stopping import ScreenThenConfirm

    settings = store.run_settings(run_id).get(COMPARISON)
    outcomes = [outcome for outcome in stored_outcomes(store, run_id) if not is_a_a(outcome.series)]
    if settings is None or not outcomes:
        raise UsageError(
            f"run {run_id} compared no two builds, so that there are no paired blocks to replay",
            remedy="Name a run of `harness nightly` or of `harness compare A B`.",
        )
    policy = policy_of(settings)
    recorded = []
    for outcome in outcomes:
        base, candidate = (
            block_medians(store.invocations(run_id, case_id))
            for case_id in (outcome.base_case_id, outcome.candidate_case_id)
        )
        floor = outcome.latency.min_effect if outcome.latency is not None else None
        recorded.append(RecordedPair(outcome, base, candidate, floor or 0.0))
    return recorded, policy if isinstance(policy, ScreenThenConfirm) else ScreenThenConfirm()


def _lines(run_id: str, found: Replay, replays: int) -> list[str]:
    from harness.report.wording import visible

    width = max((len(_name(one)) for one in found.series), default=0)
    lines = [
        f"{replays} nights drawn from the blocks of {run_id}, the candidate {100 * found.injected:+g} %, as if the "
        "nights before had said the same:",
        "",
    ]
    lines += [
        f"  {_name(one):<{width}}  fires in {one.share:6.1%}, {one.blocks:4.1f} blocks, least effect "
        f"{one.min_effect:.1%}  {_judgement(one)}"
        for one in found.series
    ]
    lines += [f"  {series}: left out, it has no two complete blocks" for series in found.left_out]
    lines += ["", f"The gate fires in {found.share:.1%} of {replays * len(found.series)}. {_verdict(found)}"]
    return [visible(line) for line in lines]


def _name(one: SeriesReplay) -> str:
    return f"{one.series} on {one.device_id}"


def _judgement(one: SeriesReplay) -> str:
    if one.demanded == "fires":
        return "as it should" if one.behaves else f"TOO RARELY: {_why_rarely(one)}"
    if one.demanded == "silent":
        return "as it should" if one.fired == 0 else "a false alarm"
    return "below twice the least effect: nothing is demanded"


def _why_rarely(one: SeriesReplay) -> str:
    if not one.undecided:
        return "the screen clears it; a lower nightly.threshold_pct would not"
    why = f" ({one.why_undecided})" if one.why_undecided else ""
    return (
        f"undecided in {one.undecided / one.replays:.0%} of the nights{why}; the device is too restless: calibrate it"
    )


def _verdict(found: Replay) -> str:
    if not found.series:
        return "Nothing could be replayed."
    return "It does what it should." if found.behaves else "It does NOT do what it should."


def _document(run_id: str, found: Replay) -> dict[str, Any]:
    series = [{**asdict(one), "share": one.share, "behaves": one.behaves} for one in found.series]
    return {
        "run_id": run_id,
        "injected": found.injected,
        "share": found.share,
        "behaves": found.behaves,
        "series": series,
        "left_out": list(found.left_out),
    }
