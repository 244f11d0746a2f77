"""How good the verdicts are, on simulated devices, beside what people do today.

`python -m benchmarks.verdict_quality [--sessions N]`

Every line is of N sessions (2,000), with the same seed for each rule. "found" is REGRESSION, or for a rule without that
word "B is slower". "false" is what is said when nothing changed. Device time is that of both arms together, by the
model of the simulator: 4 s of overhead and 2 s of measurement an invocation.

Targets on each device, for the sequential verdict and the nightly screen: false REGRESSION at or under 0.5 %, +5 %
found at or over 97 %, mean device time when nothing changed at or under 140 s.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from harness.domain import ComparisonVerdict
from harness.measure.comparison import compare_blocks
from harness.measure.simulator import Session, SimulatedDevice, run_with_policy, simulate_session
from harness.measure.stopping import Looks, Policy, ScreenThenConfirm

SESSIONS = 2000
SEED = 20
BLOCKS = 20
EFFECTS = (0.0, 0.03, 0.05, 0.10)
TARGET_FALSE, TARGET_FOUND, TARGET_S = 0.005, 0.97, 140.0
BASE = SimulatedDevice()
DEVICES = {
    "base": BASE,
    "strong drift (10 to 20 % in a session)": BASE.drifting(),
    "noisy (3 % between processes)": BASE.noisy(),
}
SLOWER, FASTER, NEITHER = "slower", "faster", ""


@dataclass(frozen=True)
class Answer:
    """What a rule says of B, and the device time that it took."""

    says: str
    device_s: float


@dataclass(frozen=True)
class Rule:
    """A way to compare: how a session of it runs, and what it says of one."""

    name: str
    session: Callable[[np.random.Generator, SimulatedDevice], Session]
    judge: Callable[[Session, SimulatedDevice], Answer]
    ours: bool = False


@dataclass
class Tally:
    """What a rule said over all sessions of one device, by the true effect."""

    said: dict[float, list[Answer]] = field(default_factory=lambda: {effect: [] for effect in EFFECTS})

    def share(self, effect: float, *words: str) -> float:
        """How often one of `words` was said."""
        return sum(answer.says in words for answer in self.said[effect]) / len(self.said[effect])

    @property
    def unchanged_s(self) -> float:
        """Mean device time when nothing changed."""
        return float(np.mean([answer.device_s for answer in self.said[0.0]]))

    @property
    def met(self) -> bool:
        """Whether all targets are met."""
        quiet, found = self.share(0.0, SLOWER) <= TARGET_FALSE, self.share(0.05, SLOWER) >= TARGET_FOUND
        return quiet and found and self.unchanged_s <= TARGET_S


# ---- sessions and rules ----------------------------------------------------------------------------------------------


def interleaved(blocks: int) -> Callable[[np.random.Generator, SimulatedDevice], Session]:
    """Sessions of blocks with one invocation of each arm."""
    return lambda rng, device: simulate_session(rng, device, blocks)


def one_after_other(rng: np.random.Generator, device: SimulatedDevice) -> Session:
    """All of A, then all of B."""
    return simulate_session(rng, device, BLOCKS, one_after_other=True)


def single(window_s: float) -> Callable[[np.random.Generator, SimulatedDevice], Session]:
    """One invocation of each arm."""
    return lambda rng, device: simulate_session(rng, replace(device, window_s=window_s), 1)


def by_policy(policy: Policy) -> Callable[[Session, SimulatedDevice], Answer]:
    """Blocks are added as the harness does."""

    def judge(session: Session, device: SimulatedDevice) -> Answer:
        comparison, _, made = run_with_policy(session, policy)
        verdict = ComparisonVerdict.INCONCLUSIVE if comparison is None else comparison.verdict
        return Answer(_word(verdict), made * device.block_s)

    return judge


def by_blocks(session: Session, device: SimulatedDevice) -> Answer:
    """The harness's test of a number of blocks that was fixed beforehand."""
    outcome = compare_blocks(session.arm_a, session.arm_b, planned=len(session.arm_a))
    return Answer(_word(outcome.verdict), len(session.arm_a) * device.block_s)


def by_mean(session: Session, device: SimulatedDevice) -> Answer:
    """The mean of all inferences differs by more than 5 %."""
    ratio = float(session.samples_ns[:, 1].mean() / session.samples_ns[:, 0].mean())
    seconds = _inferred_s(session, device)
    return Answer(SLOWER if ratio > 1.05 else FASTER if ratio < 1 / 1.05 else NEITHER, seconds)


def by_mann_whitney(session: Session, device: SimulatedDevice) -> Answer:
    """Mann-Whitney's test at 5 % on all inferences of each arm, as if each were a sample of its own."""
    pooled_a, pooled_b = (session.samples_ns[:, arm].ravel() for arm in (0, 1))
    p = float(stats.mannwhitneyu(pooled_b, pooled_a, method="asymptotic").pvalue)
    slower = float(np.median(pooled_b)) > float(np.median(pooled_a))
    says = NEITHER if p >= 0.05 else SLOWER if slower else FASTER
    return Answer(says, _inferred_s(session, device))


RULES = (
    Rule("sequential verdict (8, 12, 20, 30 blocks)", interleaved(30), by_policy(Looks()), ours=True),
    Rule("nightly screen and confirmation", interleaved(36), by_policy(ScreenThenConfirm()), ours=True),
    Rule(f"{BLOCKS} blocks, fixed beforehand", interleaved(BLOCKS), by_blocks),
    Rule("one invocation of 1 s each, mean ±5 %", single(1.0), by_mean),
    Rule("one invocation of 116 s each, mean ±5 %", single(116.0), by_mean),
    Rule(f"Mann-Whitney, inferences of {BLOCKS} interleaved blocks pooled", interleaved(BLOCKS), by_mann_whitney),
    Rule(f"{BLOCKS} invocations of A, then {BLOCKS} of B, our test", one_after_other, by_blocks),
)


def _word(verdict: ComparisonVerdict) -> str:
    words = {ComparisonVerdict.REGRESSION: SLOWER, ComparisonVerdict.IMPROVEMENT: FASTER}
    return words.get(verdict, NEITHER)


def _inferred_s(session: Session, device: SimulatedDevice) -> float:
    """Two invocations a block, their windows as long as the number of inferences says."""
    blocks, arms, count = session.samples_ns.shape
    return float(blocks * arms * (count * device.latency_s + device.overhead_s))


# ---- the table -------------------------------------------------------------------------------------------------------


def tally(rule: Rule, device: SimulatedDevice, sessions: int) -> Tally:
    """All sessions of one rule on one device; each is judged as it is and with B slower by each effect."""
    rng, result = np.random.default_rng(SEED), Tally()
    for _ in range(sessions):
        session = rule.session(rng, device)
        for effect in EFFECTS:
            result.said[effect].append(rule.judge(session.slower(effect) if effect else session, device))
    return result


def line(device: str, rule: Rule, said: Tally) -> str:
    """One row of the Markdown table."""
    name = f"**{rule.name}**" if rule.ours else rule.name
    cells = [
        f"{said.share(0.0, SLOWER):.2%}",
        f"{said.share(0.0, SLOWER, FASTER):.2%}",
        *(f"{said.share(effect, SLOWER):.1%}" for effect in EFFECTS[1:]),
        f"{said.unchanged_s:.0f} s",
    ]
    return f"| {device} | {name} | {' | '.join(cells)} |".replace("%", " %").replace("  %", " %")


def main() -> int:
    """Print the table; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    sessions = parser.parse_args().sessions
    if sessions < 1:
        parser.error("--sessions must be at least 1")
    print(f"{sessions} sessions a line, seed {SEED}\n")
    print("| device | rule | false REGRESSION | false any | +3 % found | +5 % found | +10 % found | time, unchanged |")
    print("|---|---|---|---|---|---|---|---|")
    missed = []
    for device_name, device in DEVICES.items():
        for rule in RULES:
            said = tally(rule, device, sessions)
            print(line(device_name, rule, said), flush=True)
            if rule.ours and not said.met:
                missed.append(f"{device_name}: {rule.name}")
    print(
        f"\ntargets (false REGRESSION at most {TARGET_FALSE:.1%}, +5 % found at least {TARGET_FOUND:.0%}, at most "
        f"{TARGET_S:.0f} s): {'met' if not missed else 'MISSED'}"
    )
    for text in missed:
        print(f"  {text}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
