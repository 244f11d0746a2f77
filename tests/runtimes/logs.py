"""Logs of benchmark_model for tests: the recorded ones, and lines put together as the tool prints them."""

import re
from pathlib import Path

RECORDED = Path(__file__).parent.parent / "data" / "benchmark_model"
LOGS = sorted(RECORDED.glob("*.log"))
# Every number that a text can be read to hold, with and without its sign.
TOKEN = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")

HEAD = "STARTING!\nLog parameter values verbosely: [0]\nGraph: [/data/local/tmp/m.tflite]\n"
WARMUP_TITLE = (
    "Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds."
)
TITLE = "Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds."
WARMUP = "count=5 first=125113 curr=112537 min=111758 max=125113 avg=115344 std=4959 p5=111758 median=112912 p95=125113"
MEASURED = (
    "count=50 first=119614 curr=115889 min=111842 max=119614 avg=115246 std=1329 p5=112107 median=115350 p95=116620"
)
SUMMARY = (
    "Inference timings in us: Init: 1361236, First inference: 125113, Warmup (avg): 115344, Inference (avg): 115246"
)
MEMORY = "Memory footprint delta from the start of the tool (MB): init=132.816 overall=140.25"
RUN = f"Initialized session in 1361.24ms.\n{WARMUP_TITLE}\n{WARMUP}\n\n{TITLE}\n{MEASURED}\n\n{SUMMARY}\n{MEMORY}\n"


def recorded(name: str) -> bytes:
    return (RECORDED / name).read_bytes()


def log(*messages: str, flags: str = "", code: int | None = 0, run: str = RUN) -> bytes:
    """A whole log: header with `flags`, the start, `messages`, the run."""
    head = f"$ ./benchmark_model --graph=m.tflite {flags}\n" if flags else ""
    status = "" if code is None else f"# exit status {code}\n"
    return "\n".join([head + status + HEAD, *messages, run]).encode()


def prefixed(text: str) -> str:
    """As builds from 2.8 on print it."""
    return "".join(f"INFO: {line}\n" if line else "\n" for line in text.splitlines())


def numbers_in(text: str) -> set[float]:
    """The values of all numbers in `text`."""
    found: set[float] = set()
    for token in TOKEN.findall(text):
        found |= {float(token), float(token.lstrip("+-"))}
    return found
