"""The parser of benchmark_model's logs on damaged logs: 100,000 of them, none may raise or give a number that is not in
the text.

`python -m benchmarks.parser_robustness [--logs 100000] [--seed 1] [--keep FOLDER]`

The recorded logs are cut, spliced, interleaved with each other, their lines and bytes repeated and changed, their
numbers exchanged. A failing log is written to --keep.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.runtimes.benchmark_model_help import parse_help
from harness.runtimes.benchmark_model_log import parse_log, to_coverage, to_json, to_tool_timing
from harness.runtimes.op_profile import parse_op_profile

RECORDED = Path(__file__).resolve().parent.parent / "tests" / "data" / "benchmark_model"
# Sentences that the recorded build does not print.
SENTENCES = (
    b"VERBOSE: Replacing 20 out of 31 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 5 partitions for "
    b"subgraph 0.\n",
    b"INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 3 "
    b"delegate kernels.\n",
    b"INFO: count=50 first=119614 curr=115889 min=111842 max=119614 avg=115246 std=1329 p5=112107 median=115350 "
    b"p95=116620\n",
    b"INFO: count=7 curr=12(all same)\n",
    b"INFO: count=0\n",
    b"Average inference timings in us: Warmup: 86184.3, Init: 1892, no stats: 115062\n",
    b"TfLiteQnnDelegate delegate: 7 nodes delegated out of 31 nodes with 2 partitions.\n",
    b"46 operations will run on the GPU, and the remaining 4 operations will run on the CPU.\n",
    b"11-21 23:46:01.123  1234  1240 E tflite  : Failed to apply GPU delegate.\n",
    b"Segmentation fault \n",
)
TOKEN = re.compile(r"[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?")
NUMBER = re.compile(rb"[0-9]+")
Mutation = Callable[[random.Random, bytes, bytes], bytes]


def cut(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Lose a piece, often the end."""
    start = rng.randrange(len(data) + 1)
    return data[:start] if rng.random() < 0.5 else data[:start] + data[start + rng.randrange(500) :]


def change_bytes(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Put any bytes anywhere."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 20)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def repeat_lines(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Have some lines twice, some elsewhere."""
    lines = data.splitlines(keepends=True)
    for _ in range(rng.randint(1, 5) if lines else 0):
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return b"".join(lines)


def splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Begin as one log and end as another."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def interleave(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Two streams in pieces of any length, as unbuffered and buffered output mix."""
    pieces, left, right = [], 0, 0
    while left < len(data) or right < len(other):
        size = rng.randint(1, 4000)
        if rng.random() < 0.5:
            pieces.append(data[left : left + size])
            left += size
        else:
            pieces.append(other[right : right + size])
            right += size
    return b"".join(pieces)


def exchange_number(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Another number in place of one, also ones that no type holds."""
    strange = [b"", b"-1", b"0", b"nan", b"inf", b"1e999", b"9" * 30, b"9" * 5000, b"1.5.2", b"0x10", b"\xd9\xa3"]
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(strange) + data[match.end() :]


def insert_sentence(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A sentence of other builds and platforms somewhere."""
    start = rng.randrange(len(data) + 1)
    line = data.rfind(b"\n", 0, start) + 1 if rng.random() < 0.7 else start
    return data[:line] + rng.choice(SENTENCES) + data[line:]


def change_ends(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Line ends of a terminal, or none."""
    return data.replace(b"\n", rng.choice([b"\r\n", b"\r\r\n", b"\r", b"\n\n", b"", b" "]))


MUTATIONS: tuple[Mutation, ...] = (
    cut,
    change_bytes,
    repeat_lines,
    splice,
    interleave,
    exchange_number,
    insert_sentence,
    change_ends,
)


def damaged(rng: random.Random, sources: list[bytes]) -> bytes:
    """One of the logs after one to four mutations."""
    data = rng.choice(sources)
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(MUTATIONS)(rng, data, rng.choice(sources))
    return data


def numbers_in(text: str) -> set[float]:
    """The values of all numbers in `text`."""
    return {abs(float(token)) for token in TOKEN.findall(text)}


def numbers_of(value: Any) -> list[float]:
    """All numbers of a JSON value."""
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_of(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_of(item)]
    return [] if isinstance(value, bool) or not isinstance(value, (int, float)) else [abs(float(value))]


def foreign_numbers(data: bytes) -> list[float]:
    """Numbers of the result that the log does not hold; sums over several subgraphs are left to the tests."""
    parsed = parse_log(data)
    told = to_json(parsed)
    json.dumps(told, allow_nan=False)
    to_tool_timing(parsed)
    for name in ("gpu", "qnn", "cpu"):
        to_coverage(parsed, name)
    text = data.decode("utf-8", "replace")
    if text.count("Replacing") > 1:
        told["delegates"] = []
    stated = numbers_of(told)
    known = numbers_in(text) if stated else set()
    return [number for number in stated if number not in known]


def parse_rest(data: bytes) -> None:
    """The other parsers of the same tool's output."""
    parse_op_profile(data)
    parse_help(data)


def main() -> int:
    """Parse the damaged logs and print the counts; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    sources = [path.read_bytes() for path in sorted(RECORDED.glob("amd64*")) + sorted(RECORDED.glob("arm64*"))]
    found: Counter[str] = Counter()
    start = time.perf_counter()
    for index in range(options.logs):
        data = damaged(rng, sources)
        problem = try_one(data)
        found[problem] += 1
        if problem and options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{index}.log").write_bytes(data)
    wall_s = time.perf_counter() - start
    raised = sum(count for problem, count in found.items() if problem.startswith("exception"))
    print(f"{options.logs} damaged logs of {len(sources)} recorded ones, seed {options.seed}, in {wall_s:.0f} s")
    print(f"exceptions {raised}, with foreign numbers {found['foreign']}; target 0, 0")
    for problem in sorted(set(found) - {"", "foreign"}):
        print(f"  {found[problem]} x {problem}")
    return 1 if raised or found["foreign"] else 0


def try_one(data: bytes) -> str:
    """Empty, or what went wrong."""
    try:
        foreign = foreign_numbers(data)
        parse_rest(data)
    except Exception as error:  # what is counted is that there is none, of any kind
        return f"exception {type(error).__name__}: {error}"[:200]
    return "foreign" if foreign else ""


if __name__ == "__main__":
    sys.exit(main())
