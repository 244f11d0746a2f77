"""Many phones in one sweep against one phone: do lanes run side by side?

`python -m benchmarks.phone_lanes [--phones 20] [--seconds 3]`

Virtual phones run a stand-in for benchmark_model that sleeps, so the wall time is the phones', not this machine's. Both
sweeps have the same cases a phone; the ratio is the wall time of all phones over that of one, everything included:
finding the phones, pushing, settings, telemetry, and putting back. The target is 1.1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from harness.domain import Status
from harness.lab import SweepRequest, run_sweep
from harness.lab.interrupt import Interrupt
from harness.store import LeaseBook, Store
from harness.sweep import parse_sweep

TARGET = 1.1
ROOT = Path(__file__).parent.parent
MODEL = ROOT / "tests" / "data" / "models" / "float32.tflite"
STAND_IN = ROOT / "tests" / "runtimes" / "fake_benchmark_model.sh"
SWEEP = """\
name: lanes
adb_server: {server}
models: [{{file: {model}}}]
variants: [float32]
targets: [{targets}]
runtime: {{benchmark_model: {{binary: {tool}}}}}
measure: {{blocks: {blocks}, memory: false, profile: false}}
"""


LOG = """\
INFO: STARTING!
INFO: Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate.
INFO: Initialized session in 1.0ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=10 first=300 curr=250 min=240 max=300 avg=250 std=9

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=50 first=210 curr=200 min=190 max=220 avg=200 std=9

INFO: Inference timings in us: Init: 1000, First inference: 300, Warmup (avg): 250, Inference (avg): 200"""


def sleeping_tool(folder: Path, seconds: float) -> Path:
    """The stand-in, with a sleep before it answers to a model and without outputs."""
    first, rest = STAND_IN.read_text(encoding="utf-8").split("\n", 1)
    # One process that sleeps, and what it prints without another: the stand-in itself would keep this machine busy.
    pause = f"case \" $* \" in *--graph=*) sleep {seconds}; echo '{LOG}'; exit 0 ;; esac"
    text = rest.replace("without=  ", "without='input_layer_value_files output_filepath'  ", 1)
    path = folder / "benchmark_model"
    path.write_text(f"{first}\n{pause}\n{text}", encoding="utf-8")
    return path


@contextmanager
def phones(folder: Path, count: int) -> Iterator[tuple[Any, list[Any]]]:
    """An adb server and `count` virtual phones that it knows."""
    from tests.phone.phone import VirtualPhone
    from tests.phone.server import AdbServer
    from tests.phone.soc import REAL_CORES

    with ExitStack() as stack:
        server = stack.enter_context(AdbServer(folder / "adb"))
        made = []
        for number in range(count):
            phone = VirtualPhone(folder / f"phone{number}", soc=REAL_CORES, serial_no=f"LANE{number}")
            made.append(stack.enter_context(phone))
            phone.connect(server)
        yield server, made


def sweep_s(folder: Path, server: Any, chosen: list[Any], tool: Path, blocks: int) -> float:
    """Seconds that a sweep over `chosen` takes."""
    targets = ", ".join(f'{{adb: {{serial: "{phone.serial}"}}}}' for phone in chosen)
    text = SWEEP.format(server=server.address, model=MODEL, targets=targets, tool=tool, blocks=blocks)
    sweep = parse_sweep(text, str(folder / "lanes.yaml"), known_models=())
    begin = time.monotonic()
    name = f"{len(chosen)}.sqlite"
    with Store.open(folder / name) as store, LeaseBook.open(folder / f"leases-{name}") as leases:
        outcome = run_sweep(
            SweepRequest(sweep, folder / "reports", folder / "cache", jobs=1),
            store=store,
            leases=leases,
            post=lambda event: None,
            interrupt=Interrupt(),
            write_reports=lambda run_id, directory: None,
        )
    failed = [row.reasons for row in outcome.rows if row.status is not Status.DONE]
    if failed:
        raise SystemExit(f"{len(failed)} of {len(outcome.rows)} rows failed: {failed[0]}")
    return time.monotonic() - begin


def main() -> int:
    """One phone, then all of them; the exit code says whether the target was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each invocation sleeps")
    parser.add_argument("--blocks", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, phones(Path(name), options.phones) as (server, made):
        folder = Path(name)
        tool = sleeping_tool(folder, options.seconds)
        one_s = sweep_s(folder, server, made[:1], tool, options.blocks)
        all_s = sweep_s(folder, server, made, tool, options.blocks)
    ratio = all_s / one_s
    asleep_s = options.seconds * options.blocks
    print(f"one phone {one_s:.1f} s, {options.phones} phones {all_s:.1f} s, of it {asleep_s:g} s asleep")
    print(f"ratio {ratio:.3f}, target {TARGET}: {'met' if ratio < TARGET else 'missed'}")
    return 0 if ratio < TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
