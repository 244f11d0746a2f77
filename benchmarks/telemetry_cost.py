"""What watching a phone costs the process that is measured: its latency with the telemetry loop over that without.

    python -m benchmarks.telemetry_cost [--blocks 30] [--seconds 2] [--where phone|host]

A block is one process of each arm in random order, pinned to the last core; the loop of `device_scripts/telemetry.sh`
runs on the first, at the interval of a sweep. On the virtual phone it is started through adbd and asks the phone's
services; on this host it is a shell process over made-up files of a phone. The ratio is the trimmed mean over blocks
of the logarithm of the medians, with its 95 % interval. Target: within 1 %.

The first half of each process is warm-up. A third arm, without telemetry as well, shows what the same ratio is of
nothing: on a busy machine the interval is that wide.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event

import numpy as np

from harness.devices.android.connection import Connection
from harness.devices.android.server import AdbServer
from harness.devices.android.telemetry import INTERVAL_S, SLOW_EVERY, Streaming, Telemetry
from harness.measure import summarise_invocation
from harness.measure.statistics import t_quantile, trimmed_mean
from tests.devices.android.local_shell import SHELLS
from tests.devices.android.local_stream import LocalStreams
from tests.devices.android.phone_tree import PhoneTree
from tests.phone.debian import UnavailableError
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer as Server
from tests.phone.soc import REAL_CORES

TARGET = 0.01
SETTLE_S = 0.3
FIRST_SAMPLE_S = 10.0
SOURCE = Path(__file__).with_name("steady_loop.c")
REMOTE = "/data/local/tmp/steady_loop"

Run = Callable[[int, float], Sequence[int]]
"""Runs the loop pinned to a core for so many seconds; the nanoseconds of its rounds."""


def build(folder: Path) -> Path:
    """The measured program, static so that it runs on the phone."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("a C compiler is needed: apt-get install gcc")
    program = folder / "steady_loop"
    subprocess.run([compiler, "-O2", "-static", str(SOURCE), "-o", str(program)], check=True)
    return program


@contextmanager
def on_phone(folder: Path, program: Path) -> Iterator[tuple[Streaming, Run]]:
    """The virtual phone with the cores of this machine.

    Raises:
        UnavailableError: there can be none here.
    """
    home = folder / "adb"
    home.mkdir()
    with Server(home) as server, VirtualPhone(folder / "phone", soc=REAL_CORES) as phone:
        connection = Connection(AdbServer(port=server.port), phone.connect(server))
        connection.push(program, REMOTE, timeout_s=30.0, mode=0o755)

        def run(cpu: int, seconds: float) -> Sequence[int]:
            argv = (REMOTE, str(cpu), str(seconds))
            done = connection.run(argv, stdin=b"", env={}, timeout_s=seconds + 30, cancel=Event(), watch=None)
            if done.returncode != 0:
                raise SystemExit(f"the measured process failed on the phone: {done.stderr.decode(errors='replace')}")
            return [int(line) for line in done.stdout.split()]

        yield connection, run


@contextmanager
def on_host(folder: Path, program: Path) -> Iterator[tuple[Streaming, Run]]:
    """This machine, with files of a phone that somebody made up."""
    if not SHELLS:
        raise SystemExit("a shell is needed: apt-get install mksh")
    tree = PhoneTree(folder)

    def run(cpu: int, seconds: float) -> Sequence[int]:
        done = subprocess.run([str(program), str(cpu), str(seconds)], check=True, capture_output=True, text=True)
        return [int(line) for line in done.stdout.split()]

    yield LocalStreams(SHELLS[0], tree.root, [tree.path]), run


def median_ms(run: Run, cpu: int, seconds: float) -> float:
    """The median of the second half of one process."""
    rounds = run(cpu, seconds)
    return summarise_invocation(np.array(rounds[len(rounds) // 2 :], np.int64)).median_ms


def measure(phone: Streaming, run: Run, blocks: int, seconds: float, seed: int) -> dict[str, list[float]]:
    """Medians in ms of each arm, one a block."""
    cores, order = REAL_CORES.cores, random.Random(seed)
    found: dict[str, list[float]] = {"with": [], "without": [], "without again": []}
    for block in range(blocks):
        for arm in order.sample(list(found), len(found)):
            with watching(phone) if arm == "with" else nullcontext():
                time.sleep(SETTLE_S)  # in every arm, so that all begin alike
                found[arm].append(median_ms(run, cores[-1], seconds))
        shown = "  ".join(f"{arm} {values[-1]:.4f} ms" for arm, values in found.items())
        print(f"  block {block + 1}  {shown}", flush=True)
    return found


@contextmanager
def watching(phone: Streaming) -> Iterator[Telemetry]:
    """The loop, from its first sample on."""
    watched = Telemetry(phone, REAL_CORES.cores[-1:], observer_cpu=REAL_CORES.cores[0])
    watched.start()
    try:
        if not watched.wait_past(0.0, FIRST_SAMPLE_S):
            raise SystemExit("no telemetry came: there is nothing to measure the cost of")
        yield watched
    finally:
        watched.close()


def own_load(phone: Streaming) -> float:
    """The share of a core that the loop takes itself, over four rounds of questions to the services."""
    with watching(phone) as watched:
        time.sleep(4 * INTERVAL_S * SLOW_EVERY)
        return watched.own_load() or 0.0


def ratio(of: list[float], over: list[float]) -> tuple[float, float, float]:
    """The ratio and its 95 % interval."""
    location = trimmed_mean(np.log(np.array(of) / np.array(over)))
    half = t_quantile(location.df, 0.975) * location.se if location.se is not None else math.inf
    low, high = math.exp(location.mean - half), math.exp(location.mean + half)
    return math.exp(location.mean), low, high


def report(found: dict[str, list[float]], own: float) -> bool:
    """Print the figures; whether the ratio is within the target."""
    value, low, high = ratio(found["with"], found["without"])
    nothing = ratio(found["without again"], found["without"])
    met = abs(value - 1) <= TARGET
    told = ", but the interval is wider than that: add blocks" if high - low > 2 * TARGET else ""
    print(
        f"  with / without: {value:.4f}  95 % [{low:.4f}, {high:.4f}]  target +-{TARGET:.0%}: "
        f"{'met' if met else 'MISSED'}{told}\n"
        f"  without / without: {nothing[0]:.4f}  95 % [{nothing[1]:.4f}, {nothing[2]:.4f}]\n"
        f"  the loop itself: {own:.2%} of one core, a tick every {INTERVAL_S:g} s, "
        f"services asked every {INTERVAL_S * SLOW_EVERY:g} s"
    )
    return met


def main() -> int:
    """Measure and print; 1 when it misses the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--where", choices=("phone", "host"), help="default: the virtual phone where there can be one")
    options = parser.parse_args()
    for place in {"phone": (on_phone,), "host": (on_host,)}.get(options.where, (on_phone, on_host)):
        with tempfile.TemporaryDirectory(prefix="telemetry-") as name:
            folder = Path(name)
            try:
                with place(folder, build(folder)) as (phone, run):
                    load = os.getloadavg()[0]
                    print(f"{place.__name__}: {options.blocks} blocks, load average {load:.2f}", flush=True)
                    found = measure(phone, run, options.blocks, options.seconds, options.seed)
                    return 0 if report(found, own_load(phone)) else 1
            except UnavailableError as reason:
                print(f"no virtual phone: {reason}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
