"""Kill the controller with SIGKILL at random instants of a sweep, resume it each time, and count. Target: nothing lost
or doubled.

`python -m benchmarks.crash_safety [--kills 50] [--seed 1]`

An invocation counts as finished once the controller has said so on its event stream.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from harness.store import Store

MODEL = Path(__file__).resolve().parent.parent / "tests" / "data" / "models" / "float32.tflite"
Key = tuple[str, str, int]


def write_sweep(folder: Path, blocks: int) -> Path:
    """Two quick cases in many blocks."""
    shutil.copy(MODEL, folder / "m.tflite")
    path = folder / "crash.yaml"
    path.write_text(
        "name: crash\nmodels: [{file: m.tflite}]\nvariants: [float32]\n"
        "backends: [{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]\n"
        f"measure: {{blocks: {blocks}, min_s: 0.02, max_s: 0.1, min_iterations: 2, warmup_min_s: 0.01, "
        "warmup_max_s: 0.1, warmup_min_iterations: 1}\n",
        encoding="utf-8",
    )
    return path


def run_once(command: list[str], kill_after_s: float | None) -> tuple[list[Key], bool]:
    """Run the controller; the invocations that it said were finished, and whether it came to its end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    timer = threading.Timer(kill_after_s or 3600.0, process.send_signal, [signal.SIGKILL])
    timer.start()
    try:
        output, errors = process.communicate()
    finally:
        timer.cancel()
    if process.returncode not in (0, 1, -signal.SIGKILL):
        raise SystemExit(f"the controller ended with {process.returncode}: {errors}")
    return finished_in(output), process.returncode != -signal.SIGKILL


def finished_in(output: str) -> list[Key]:
    """Keys of the finished invocations on an event stream; the last line may be cut off."""
    keys = []
    for line in output.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["event"] == "invocation_finished" and event["status"] == "DONE":
            keys.append((event["case"]["case_id"], event["purpose"], event["block"]))
    return keys


def main() -> int:
    """Kill, resume, count; exit code 1 when an invocation was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = write_sweep(folder, blocks=max(4, 2 * options.kills))
        base = [sys.executable, "-m", "harness", "run", str(sweep), "--display", "json"]
        base += ["--reports", str(folder / "reports"), "--cache", str(folder / "cache")]
        said: list[Key] = []
        kills, ended, started = 0, False, False
        begin = time.monotonic()
        while not ended:
            kill_after_s = rng.uniform(0.2, 3.0) if kills < options.kills else None
            store_path = folder / "reports" / "harness.sqlite"
            keys, ended = run_once(base + (["--resume"] if started else []), kill_after_s)
            said += keys
            kills += not ended
            started = has_run(store_path)
        return judge(store_path, said, kills, time.monotonic() - begin)


def has_run(path: Path) -> bool:
    """Whether a run is in the store yet: a kill may come before."""
    if not path.exists():
        return False
    with Store.open(path) as store:
        return bool(store.list_runs())


def judge(path: Path, said: list[Key], kills: int, wall_s: float) -> int:
    """Compare what was said with what is stored."""
    with Store.open(path, read_only=True) as store:
        runs = store.list_runs()
        records = store.invocations(runs[0].run_id)
    stored = Counter((record.case_id, str(record.purpose), record.block) for record in records)
    lost = [key for key in said if key not in stored]
    doubled = [key for key, count in stored.items() if count > 1]
    repeated = [key for key, count in Counter(said).items() if count > 1]
    print(f"{kills} kills in {wall_s:.0f} s, {len(runs)} run(s), {len(stored)} invocations stored, {len(said)} said")
    print(f"lost {len(lost)}, doubled {len(doubled)}, repeated {len(repeated)}; target 0, 0, 0")
    return 1 if lost or doubled or repeated or len(runs) != 1 else 0


if __name__ == "__main__":
    sys.exit(main())
