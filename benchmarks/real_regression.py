"""Two real builds of one network on this host, one a layer slower: is it found, and is the same file left in peace?

`python -m benchmarks.real_regression [--sessions 20]`

The candidate has 21 equal convolutions where the base has 20: 5 % more instructions an inference, which is counted
here and not assumed, from processes of N and of 2N inferences so that starting cancels. Then, turn by turn, sessions
of candidate against base and of base against itself, each a run of its own as `harness compare` makes it, with
windows of 0.3 s. The same records are judged as people do today: the mean of the first invocation of each arm, a
change beyond 5 % counts; and Mann-Whitney's test at 5 % on all inferences of each arm pooled.

Targets: the slower build is a REGRESSION in every session, the same file never a REGRESSION or IMPROVEMENT. Where
neighbours or other work disturb this machine the answer may be INCONCLUSIVE, which is neither.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks._layered_net import LAYERS
from harness.domain import Case, InvocationRecord, ModelRef, Purpose
from harness.inspect import inspect_file, report_on
from harness.lab.interrupt import Interrupt
from harness.lab.pairs import PairsRequest, PairsResult, run_pairs
from harness.measure.stopping import Looks
from harness.prepare import prepare
from harness.store import LeaseBook, Store
from harness.sweep import Sweep, pair_sweeps, parse_sweep

SESSIONS, INFERENCES = 20, 10
RECIPE = Path(__file__).with_name("_layered_net.py")
SLOWER, THE_SAME = "one layer more", "the same file"
REGRESSION, IMPROVEMENT = "REGRESSION", "IMPROVEMENT"
COUNTED_WITHIN = (0.045, 0.055)
SWEEP = """\
name: real_regression
models: [{{name: net, file: "{model}"}}]
variants: [float32]
measure: {{min_s: 0.3, max_s: 1, warmup_min_s: 0.1, warmup_max_s: 0.3, memory: false, profile: false, seed: {seed}}}
"""
INFER = """
import sys
from ai_edge_litert.interpreter import Interpreter, OpResolverType
kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
interpreter = Interpreter(sys.argv[1], num_threads=1, experimental_op_resolver_type=kernels)
interpreter.allocate_tensors()
for _ in range(int(sys.argv[2])):
    interpreter.invoke()
"""
COUNTERS = {
    "perf": (("perf", "stat", "-x,", "-e", "instructions:u", "--"), r"(?m)^(\d+),.*instructions"),
    "valgrind": (("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"), r"Collected : (\d+)"),
}


# ---- the two builds --------------------------------------------------------------------------------------------------


def builds() -> tuple[Path, Path]:
    """The two files, prepared or from the cache."""
    models = [
        ModelRef(name, file=str(RECIPE), options=(("layers", str(layers)),))
        for name, layers in (("base", LAYERS), ("candidate", LAYERS + 1))
    ]
    files = prepare(models, ["float32"])
    failed = next((file.reason for file in files if file.path is None), "")
    if failed:
        raise SystemExit(f"the network could not be prepared: {failed}")
    base, candidate = (Path(str(file.path)) for file in files)
    return base, candidate


def instructions(model: Path, counter: str) -> float | None:
    """User instructions of one inference with the built-in kernels; None where `counter` does not work here."""
    command, pattern = COUNTERS[counter]
    if shutil.which(command[0]) is None:
        return None
    counts = []
    for inferences in (INFERENCES, 2 * INFERENCES):
        argv = [*command, sys.executable, "-c", INFER, str(model), str(inferences)]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
        found = re.search(pattern, done.stderr)
        if done.returncode != 0 or found is None:
            return None
        counts.append(int(found[1]))
    return (counts[1] - counts[0]) / INFERENCES


def multiply_accumulates(model: Path) -> float:
    """Of one inference, from the graph."""
    return float(report_on(inspect_file(model)).macs)


def counted(base: Path, candidate: Path) -> float:
    """How much more the candidate computes, 0.05 for 5 %: by instructions where they can be counted."""
    for counter in COUNTERS:
        found = [instructions(model, counter) for model in (base, candidate)]
        if None not in found:
            what = f"instructions an inference, built-in kernels, by {counter}"
            break
    else:
        found = [multiply_accumulates(model) for model in (base, candidate)]
        what = "multiply-accumulates of the graphs: no instructions can be counted here"
    before, after = (value for value in found if value is not None)
    change = after / before - 1.0
    print(f"{before / 1e6:.2f} and {after / 1e6:.2f} million {what}: {change:+.2%}", flush=True)
    return change


# ---- sessions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Session:
    """What one session said: by the harness, and by the two habits."""

    verdict: str
    ratio: float | None
    base_ms: float
    blocks: int
    device_s: float
    by_mean: str
    by_mann_whitney: str
    note: str


def sweep_of(model: Path, seed: int) -> Sweep:
    """One model on the host's CPU; the seed tosses which arm goes first."""
    return parse_sweep(SWEEP.format(model=model, seed=seed), "real_regression.yaml", known_models=())


def session(base: Path, candidate: Path, number: int, folder: Path) -> Session:
    """Candidate against base, until there is an answer."""
    sweep = sweep_of(base, number)
    pairs = pair_sweeps(sweep, sweep_of(candidate, number)).pairs
    request = PairsRequest(pairs, sweep, Looks(), "compare", folder / "reports", folder / "cache", 1)
    with Store.open(folder / "results.sqlite") as store, LeaseBook.open(folder / "leases.sqlite") as leases:
        result = run_pairs(
            request,
            store=store,
            leases=leases,
            post=lambda event: None,
            interrupt=Interrupt(threading.Event(), threading.Event()),
            write_reports=lambda run_id, directory: None,
        )
        arms = [timings(store, result.run_id, case) for case in (pairs[0].base, pairs[0].candidate)]
    return told(result, arms[0], arms[1])


def timings(store: Store, run_id: str, case: Case) -> list[InvocationRecord]:
    """The timing invocations of an arm that were measured, in their order."""
    records = store.invocations(run_id, case.case_id)
    return [one for one in records if one.purpose is Purpose.TIMING and one.result.samples_ns is not None]


def told(result: PairsResult, base: list[InvocationRecord], candidate: list[InvocationRecord]) -> Session:
    """The session in a few words."""
    change = result.outcomes[0].latency
    if change is None or not base or not candidate:
        raise SystemExit(f"nothing was measured: {[row.reasons for row in result.rows]}")
    samples = [[one.result.samples_ns for one in arm if one.result.samples_ns is not None] for arm in (base, candidate)]
    first = [float(arm[0].mean()) for arm in samples]
    pooled = [np.concatenate(arm) for arm in samples]
    p = float(stats.mannwhitneyu(pooled[1], pooled[0], method="asymptotic").pvalue)
    by_mean = first[1] / first[0] if not 1 / 1.05 <= first[1] / first[0] <= 1.05 else 1.0
    by_rank = float(np.median(pooled[1])) / float(np.median(pooled[0])) if p < 0.05 else 1.0
    device_s = sum(one.result.wall_s or 0.0 for one in (*base, *candidate))
    base_ms = float(np.median([np.median(each) for each in samples[0]])) / 1e6
    habits = word(by_mean), word(by_rank)
    return Session(str(change.verdict), change.ratio, base_ms, change.blocks, device_s, *habits, change.note)


def word(ratio: float) -> str:
    """What a habit says that found `ratio`; 1 for no change."""
    return REGRESSION if ratio > 1.0 else IMPROVEMENT if ratio < 1.0 else "no change"


# ---- the report ------------------------------------------------------------------------------------------------------


def report(what: str, sessions: Sequence[Session]) -> bool:
    """Print what was said of one kind of session; whether each was said rightly."""
    ratios = [one.ratio for one in sessions if one.ratio is not None]
    counts = Counter(one.verdict for one in sessions)
    found = what == SLOWER
    right = counts[REGRESSION] if found else len(sessions) - counts[REGRESSION] - counts[IMPROVEMENT]
    print(f"{what}: {'found' if found else 'not alarmed'} in {right} of {len(sessions)}: {listed(counts)}")
    if ratios:
        base_ms = np.median([one.base_ms for one in sessions])
        print(f"  mean ratio {np.mean(ratios):.4f}, from {min(ratios):.4f} to {max(ratios):.4f}; base {base_ms:.2f} ms")
    blocks, device_s = ([getattr(one, name) for one in sessions] for name in ("blocks", "device_s"))
    print(f"  blocks {np.mean(blocks):.1f} in the mean, {max(blocks)} at most; device time {np.mean(device_s):.1f} s")
    for habit, name in (("one invocation each, mean ±5 %", "by_mean"), ("Mann-Whitney, pooled", "by_mann_whitney")):
        print(f"  {habit}: {listed(Counter(getattr(one, name) for one in sessions))}")
    return right == len(sessions)


def listed(counts: Counter[str]) -> str:
    """``19 REGRESSION, 1 INCONCLUSIVE``."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def main() -> int:
    """Build, count, compare; 1 when a session was told wrongly or left open."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="of each kind")
    parser.add_argument("--json", type=Path, help="write every session to this file")
    options = parser.parse_args()
    if options.sessions < 1:
        parser.error("--sessions must be at least 1")
    base, candidate = builds()
    change = counted(base, candidate)
    if not COUNTED_WITHIN[0] <= change <= COUNTED_WITHIN[1]:
        print("that is not the 5 % that was meant: the figures are of another change")
    done: dict[str, list[Session]] = {SLOWER: [], THE_SAME: []}
    print(f"{options.sessions} sessions of each kind, load average {os.getloadavg()[0]:.2f}", flush=True)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="real-regression-") as name:
        for number in range(options.sessions):
            for what, model in ((SLOWER, candidate), (THE_SAME, base)):
                done[what].append(session(base, model, number, Path(name)))
                one = done[what][-1]
                ratio = "no ratio" if one.ratio is None else f"{one.ratio:.4f}"
                why = f" ({one.note})" if one.verdict == "INCONCLUSIVE" and one.note else ""
                print(f"  {number + 1}  {what}: {one.verdict} {ratio}, {one.blocks} blocks{why}", flush=True)
    print(f"{time.monotonic() - begin:.0f} s, load average {os.getloadavg()[0]:.2f} at the end")
    if options.json is not None:
        options.json.write_text(json.dumps({what: [vars(one) for one in sessions] for what, sessions in done.items()}))
    met = [report(what, sessions) for what, sessions in done.items()]
    print(f"target, all of them: {'met' if all(met) else 'MISSED'}")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
