"""What a measured invocation costs over the same command typed into `adb shell`, in turn. Target: under 50 ms median.

    python -m benchmarks.invocation_overhead [--rounds 60] [--adb-server HOST:PORT --serial SERIAL]

Ours pins, reads the affinity, clocks and CPU time, keeps a watchdog and a run file, and parses. Without a serial it
starts the virtual phone of the tests. The command sleeps 20 ms, so that start and end do not overlap.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from threading import Event

from benchmarks._phones import attached_phone
from harness.devices.android.connection import Connection
from harness.devices.android.server import adb_program
from harness.devices.base import Watch
from harness.units import s_to_ms

TARGET_MS = 50
COMMAND = ("sleep", "0.02")


def main() -> int:
    """Print the figures; 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--adb-server", default="")
    parser.add_argument("--serial", default="")
    asked = parser.parse_args()
    with attached_phone(asked.adb_server, asked.serial) as connection:
        rounds = [(_typed(connection), _ours(connection)) for _ in range(asked.rounds + 3)][3:]
    typed_s, ours_s = (statistics.median(times) for times in zip(*rounds, strict=True))
    overhead_s = statistics.median(ours - typed for typed, ours in rounds)
    print(f"adb shell: median {1e3 * typed_s:.1f} ms; measured run: median {1e3 * ours_s:.1f} ms; {len(rounds)} rounds")
    met = s_to_ms(overhead_s) < TARGET_MS
    print(f"overhead: median {1e3 * overhead_s:.1f} ms (target: under {TARGET_MS} ms): {'met' if met else 'MISSED'}")
    return 0 if met else 1


def _typed(connection: Connection) -> float:
    server = connection.server
    command = [str(adb_program()), "-H", server.host, "-P", str(server.port), "-s", connection.serial, "shell"]
    began = time.perf_counter()
    subprocess.run([*command, *COMMAND], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return time.perf_counter() - began


def _ours(connection: Connection) -> float:
    began = time.perf_counter()
    result = connection.run(COMMAND, stdin=b"", env={}, timeout_s=60, cancel=Event(), watch=Watch((0,)))
    taken_s = time.perf_counter() - began
    if result.returncode != 0 or result.observed is None or result.observed.cpus is None:
        raise SystemExit(f"the measured run went wrong: {result}")
    return taken_s


if __name__ == "__main__":
    sys.exit(main())
