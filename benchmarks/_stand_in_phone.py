"""A virtual phone whose inferences take as long as a benchmark says, through a stand-in for benchmark_model.

The folder of the stand-in on the phone holds, by the SHA-256 of a model file, its latency in microseconds, and one
factor in ten-thousandths for each invocation to come, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.measure.simulator import SimulatedDevice, simulate_session
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.soc import REAL_CORES

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "tests" / "data" / "models" / "float32.tflite"
STAND_IN = ROOT / "tests" / "runtimes" / "fake_benchmark_model.sh"
FOLDER = "data/local/tmp/stand_in"
SCALE = 10_000
# What comes before the stand-in of the tests, which answers when it is asked for its flags.
_ANSWER = f"""\
folder=/{FOLDER}
case " $* " in *' --graph='*)
    for word in "$@"; do case $word in --graph=*) graph=${{word#--graph=}} ;; esac; done
    graph=${{graph%/*}}
    read -r base_us < "$folder/${{graph##*/}}" || exit 9
    read -r number < "$folder/next"
    echo $((number + 1)) > "$folder/next"
    us=$((base_us * $(sed -n "$number p" "$folder/factors") / {SCALE}))
    cat << END
INFO: STARTING!
INFO: Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate.
INFO: Initialized session in 1.0ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=10 first=$us curr=$us min=$us max=$us avg=$us std=0

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=50 first=$us curr=$us min=$us max=$us avg=$us std=0 p5=$us median=$us p95=$us

INFO: Inference timings in us: Init: 1000, First inference: $us, Warmup (avg): $us, Inference (avg): $us
END
    exit 0 ;;
esac
"""


@dataclass(frozen=True)
class StandInPhone:
    """A phone, the address of its adb server, and the program to measure with."""

    phone: VirtualPhone
    server: str
    tool: Path

    def set_latencies(self, latencies_us: Mapping[str, int]) -> None:
        """Say how long the models take, by the SHA-256 of their files."""
        for sha256, latency_us in latencies_us.items():
            (self._folder / sha256).write_text(f"{latency_us}\n", encoding="utf-8")

    def set_factors(self, factors: Sequence[float]) -> None:
        """Say how many times slower than that each of the next invocations is."""
        lines = "".join(f"{round(SCALE * factor)}\n" for factor in factors)
        (self._folder / "factors").write_text(lines, encoding="utf-8")
        (self._folder / "next").write_text("1\n", encoding="utf-8")

    @property
    def _folder(self) -> Path:
        return self.phone.state_dir / FOLDER


@contextmanager
def stand_in_phone(folder: Path) -> Iterator[StandInPhone]:
    """The phone, while the block lasts.

    Raises:
        UnavailableError: there can be no virtual phone here.
    """
    first, rest = STAND_IN.read_text(encoding="utf-8").split("\n", 1)
    tool = folder / "benchmark_model"
    rest = rest.replace("without=  ", "without='input_layer_value_files output_filepath'  ", 1)
    tool.write_text(f"{first}\n{_ANSWER}{rest}", encoding="utf-8")
    with AdbServer(folder / "adb") as server, VirtualPhone(folder / "phone", soc=REAL_CORES) as phone:
        (phone.state_dir / FOLDER).mkdir(parents=True)
        phone.connect(server)
        yield StandInPhone(phone, server.address, tool)


def model_file(path: Path, mark: str) -> Path:
    """A model file of its own: what stands behind a model's data is not read. Files with marks of equal length are of
    equal size."""
    path.write_bytes(MODEL.read_bytes() + mark.encode())
    return path


def factors(rng: np.random.Generator, device: SimulatedDevice, count: int) -> list[float]:
    """How many times slower than its latency `device` is in each of `count` invocations of one session."""
    session = simulate_session(rng, device, -(-count // 2))
    found: list[float] = []
    for pair in zip(session.arm_a, session.arm_b, strict=True):
        found += [one.median_ms / (1e3 * device.latency_s) for one in sorted(pair, key=lambda one: one.order)]
    return found[:count]
