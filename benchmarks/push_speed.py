"""How fast a large file comes onto a phone: ours over `adb push` of the same file, in turn. Target: at least 0.95.

    python -m benchmarks.push_speed [--mb 200] [--rounds 8] [--adb-server HOST:PORT --serial SERIAL]

Without a serial it starts the virtual phone of the tests. Three figures: the transfer alone, the first push as a sweep
makes it (transfer, verification by sha256 on the phone, final name), and the second, which must send nothing. How much
the verification costs is a matter of the phone's sha256sum, whose speed is printed: Android's uses the instructions of
the processor, that of the virtual phone is portable C.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks._phones import attached_phone
from harness.devices.android.connection import Connection
from harness.devices.android.server import adb_program
from harness.devices.android.transfer import FileCache
from harness.units import bytes_to_mb

TARGET = 0.95
PLAIN = "/data/local/tmp/push_speed"


def main() -> int:
    """Print the figures; 1 when the transfer misses its target or the second push sends something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--adb-server", default="")
    parser.add_argument("--serial", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, attached_phone(asked.adb_server, asked.serial) as connection:
        local = Path(name) / "random"
        local.write_bytes(os.urandom(asked.mb * 1_000_000))
        try:
            return _measure(connection, local, asked.rounds)
        finally:
            connection.shell(f"rm -f {PLAIN}")
            FileCache(connection).clean()


def _measure(connection: Connection, local: Path, rounds: int) -> int:
    size = local.stat().st_size
    digest = hashlib.sha256(local.read_bytes()).hexdigest()
    adb: list[float] = []
    plain: list[float] = []
    whole: list[float] = []
    second_bytes = 0
    pushes = [
        (adb, lambda: _adb_push(connection, local)),
        (plain, lambda: connection.push(local, PLAIN, timeout_s=300)),
    ]
    for number in range(rounds):
        for times_s, push in pushes if number % 2 else pushes[::-1]:
            times_s.append(_timed(push))
        cache = FileCache(connection)
        cache.clean()
        whole.append(_timed(lambda cache=cache: cache.put(local, sha256=digest)))  # type: ignore[misc]
        again = FileCache(connection)
        again.put(local, sha256=digest)
        second_bytes += again.pushed_bytes
    hashing_s = _timed(lambda: connection.shell(f"sha256sum {PLAIN}", timeout_s=300))
    ratio = _ratio(adb, plain)
    print(f"adb push              {_speed(adb, size)}")
    print(f"transfer alone        {_speed(plain, size)}  ratio {ratio:.2f} (target {TARGET})")
    print(f"first push, verified  {_speed(whole, size)}  ratio {_ratio(adb, whole):.2f}")
    print(f"sha256sum there       {bytes_to_mb(size) / hashing_s:.0f} MB/s")
    print(f"second push           {second_bytes} bytes sent (target 0)")
    return 0 if ratio >= TARGET and second_bytes == 0 else 1


def _adb_push(connection: Connection, local: Path) -> None:
    server = connection.server
    command = [str(adb_program()), "-H", server.host, "-P", str(server.port), "-s", connection.serial]
    subprocess.run([*command, "push", str(local), PLAIN], check=True, capture_output=True, timeout=300)


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _ratio(reference_s: Sequence[float], ours_s: Sequence[float]) -> float:
    """The median over the rounds of how many times faster ours was."""
    return statistics.median(theirs / ours for theirs, ours in zip(reference_s, ours_s, strict=True))


def _speed(times_s: Sequence[float], size: int) -> str:
    median_s = statistics.median(times_s)
    return (
        f"{bytes_to_mb(size) / median_s:6.0f} MB/s  (median {median_s:.2f} s, {min(times_s):.2f} to {max(times_s):.2f})"
    )


if __name__ == "__main__":
    sys.exit(main())
