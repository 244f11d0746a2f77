"""The two timed loops in a log of benchmark_model, told apart, checked against each other and the summary.

``count=`` lines stand after a ``Running benchmark for …`` line each: warm-up first, then the measurement. Captures that
hold every line twice (standard output beside logcat) count as one; of several runs in one log the last is read.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from harness.runtimes.log_lines import INTEGER, NUMBER, Line, integer, number
from harness.units import ms_to_us

_INT = rf"({INTEGER})"
_NUM = rf"({NUMBER}|-?nan|-?inf)"
_START = "STARTING!"
_RUN = re.compile(rf"Running benchmark for (?:at least )?{INTEGER} iterations.*")
_COUNT = re.compile(
    rf"(?:^|[:\]] )count={_INT}"
    rf"(?: first={_INT} curr={_INT} min={_INT} max={_INT} avg={_NUM} std={_NUM}"
    rf"(?: p5={_INT} median={_INT} p95={_INT})?"
    rf"| curr={_INT}(?P<same> ?\(all same\))?)?\s*$"
)
# The same grammar in the operator profile and in the summary of several performance options.
_NOT_A_BLOCK = ("(microseconds)", "(bytes)", "): count=")
_SUMMARY = re.compile(
    rf"Inference timings in us: Init: {_NUM}, First inference: {_NUM}, Warmup \(avg\): {_NUM}, "
    rf"Inference \(avg\): {_NUM}\s*$"
)
_OLD_SUMMARY = re.compile(
    rf"Average inference timings in us: Warmup: {_NUM}, Init: {_NUM}, (?:no stats|Inference): {_NUM}\s*$"
)
_LITERT_TITLE = "BENCHMARK RESULTS"
_LITERT = re.compile(
    rf"(Model initialization|(?:Warmup|Inference) \((?:first|avg|min|max|std)\)): +{_NUM}(?: ms)?"
    rf"(?: \({_INT} runs\))?\s*$"
)
_ROUNDING = 2e-5  # the tool prints averages with six digits


@dataclass(frozen=True)
class Block:
    """One timed loop. `same_us` is the one value of samples that are all the same, or of a single one."""

    count: int | None = None
    min_us: float | None = None
    max_us: float | None = None
    avg_us: float | None = None
    std_us: float | None = None
    p5_us: float | None = None
    median_us: float | None = None
    p95_us: float | None = None
    first_us: float | None = None
    same_us: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """The keys of ``harness parse-log --json``."""
        names = ("count", "min_us", "max_us", "avg_us", "std_us", "p5_us", "median_us", "p95_us")
        return {name: getattr(self, name) for name in names}


NO_BLOCK = Block()


@dataclass(frozen=True)
class Blocks:
    """Both loops and the summary.

    Attributes:
        summarized: the tool's closing summary is there.
        in_run: a loop had begun.
        litert: the summary is that of LiteRT's own tool.
        contradiction: why the numbers of the measurement were not taken, or empty.
    """

    warmup: Block = NO_BLOCK
    inference: Block = NO_BLOCK
    init_us: float | None = None
    first_inference_us: float | None = None
    summarized: bool = False
    in_run: bool = False
    litert: bool = False
    contradiction: str = ""


@dataclass(frozen=True)
class _Summary:
    init_us: float | None = None
    first_us: float | None = None
    warmup_avg_us: float | None = None
    inference_avg_us: float | None = None


@dataclass(frozen=True)
class _Box:
    """Both loops as a summary gives them."""

    init_us: float | None
    warmup: Block
    inference: Block


@dataclass
class _Loop:
    title: str
    text: str = ""
    block: Block | None = None


def read_blocks(lines: tuple[Line, ...]) -> Blocks:
    """The loops of the last run in `lines`."""
    lines = _last_run(lines)
    loops, loose, summary = _collect(lines)
    litert = _litert_box(lines)
    warmup, inference = _told_apart(loops, loose, summary)
    contradiction = ""
    if inference is not None and not _agrees(inference, summary):
        contradiction, inference = "the measurement's average is not that of the summary", None
    left = litert or _averages(summary)
    warmup = warmup or left.warmup
    if inference is None and not contradiction:
        inference = left.inference
    first_us = warmup.first_us if summary is None or summary.first_us is None else summary.first_us
    return Blocks(
        warmup,
        inference or NO_BLOCK,
        init_us=left.init_us if summary is None else summary.init_us,
        first_inference_us=first_us,
        summarized=summary is not None or litert is not None,
        in_run=bool(loops),
        litert=litert is not None,
        contradiction=contradiction,
    )


def _averages(summary: _Summary | None) -> _Box:
    """What is left of loops without their lines: the summary's averages."""
    if summary is None:
        return _Box(None, NO_BLOCK, NO_BLOCK)
    return _Box(summary.init_us, Block(avg_us=summary.warmup_avg_us), Block(avg_us=summary.inference_avg_us))


def _last_run(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    starts = [index for index, line in enumerate(lines) if line.text.endswith(_START)]
    return lines[starts[-1] :] if starts else lines


def _collect(lines: tuple[Line, ...]) -> tuple[list[_Loop], list[Block], _Summary | None]:
    """Loops with the first ``count=`` line after each title, all blocks in order, and the summary."""
    loops: list[_Loop] = []
    blocks: list[Block] = []
    summary: _Summary | None = None
    copied = _is_copied(lines)
    for line in lines:
        if "count=" in line.text:
            block = _block(line)
            if block is not None:
                _add_block(loops, block, line.text, copied)
                blocks.append(block)
        elif (title := _RUN.search(line.text)) is not None:
            _add_title(loops, title[0], copied)
        elif "timings in us" in line.text:
            summary = _summary(line) or summary
    return _without_copies(loops), blocks, summary


def _is_copied(lines: tuple[Line, ...]) -> bool:
    """Whether the capture holds its messages more than once."""
    return sum("Initialized session in" in line.text for line in lines) > 1


def _add_title(loops: list[_Loop], title: str, copied: bool) -> None:
    again = loops and loops[-1].block is None and loops[-1].title == title
    if not again and not (copied and any(loop.title == title for loop in loops)):
        loops.append(_Loop(title))


def _add_block(loops: list[_Loop], block: Block, line: str, copied: bool) -> None:
    text = line[line.index("count=") :]
    if copied and any(loop.text == text for loop in loops):
        return  # a late copy of the block before
    if loops and loops[-1].block is None:
        loops[-1].block, loops[-1].text = block, text


def _without_copies(loops: list[_Loop]) -> list[_Loop]:
    """Two loops with the same title and the same numbers are one that was captured twice."""
    kept: list[_Loop] = []
    for loop in loops:
        if not (kept and loop.block is not None and (kept[-1].title, kept[-1].text) == (loop.title, loop.text)):
            kept.append(loop)
    return kept


def _told_apart(loops: list[_Loop], blocks: list[Block], summary: _Summary | None) -> tuple[Block | None, Block | None]:
    """Warm-up and measurement. With one title only, a block is the measurement when the summary says so."""
    if len(loops) >= 2:
        return loops[-2].block, loops[-1].block
    if summary is None or not blocks:
        return (loops[0].block if loops else None), None
    last = blocks[-1]
    if summary.inference_avg_us is None or not _agrees(last, summary):
        return (loops[0].block if loops else None), None
    before = blocks[-2] if len(blocks) > 1 else None
    if before is None and summary.warmup_avg_us == summary.inference_avg_us:
        return None, None  # one block that could be either
    return before, last


def _agrees(block: Block, summary: _Summary | None) -> bool:
    stated = None if summary is None else summary.inference_avg_us
    if stated is None or block.avg_us is None:
        return True
    return math.isclose(block.avg_us, stated, rel_tol=_ROUNDING)


def _block(line: Line) -> Block | None:
    """The block of a ``count=`` line, or None when the line is none, is cut off, or cannot be true."""
    if any(mark in line.text for mark in _NOT_A_BLOCK):
        return None
    found = _COUNT.search(line.text)
    if found is None:
        return None
    count = integer(found[1])
    if found[4] is not None:
        return _full_block(found, count, line.whole)
    single = integer(found[11])
    # A bare count ends in a blank line; a cut one cannot be told from a whole one.
    if not line.whole or count is None or (single is None) != (count == 0) or (count > 1) != bool(found["same"]):
        return None
    return Block(count, single, single, single, first_us=single, same_us=single)


def _full_block(found: re.Match[str], count: int | None, whole: bool) -> Block | None:
    first, current, low, high = (integer(found[group]) for group in (2, 3, 4, 5))
    block = Block(
        count,
        low,
        high,
        number(found[6]),
        number(found[7]),
        integer(found[8]),
        integer(found[9]),
        integer(found[10]),
        first_us=first,
    )
    if not _possible(block, (first, current)):
        return None
    if whole:
        return block
    return replace(block, p95_us=None) if block.p95_us is not None else replace(block, std_us=None)


def _possible(block: Block, samples: tuple[int | None, ...]) -> bool:
    """Minimum, maximum, samples and percentiles in their order: a damaged line seldom keeps it."""
    low, high = block.min_us, block.max_us
    if low is None or high is None or not block.count or block.count < 2:
        return False
    inside = [*samples, block.p5_us, block.median_us, block.p95_us]
    percentiles = [value for value in inside[2:] if value is not None]
    average = block.avg_us
    return (
        all(low <= value <= high for value in inside if value is not None)
        and percentiles == sorted(percentiles)
        and average is not None
        and low * (1 - _ROUNDING) <= average <= high * (1 + _ROUNDING)
    )


def _summary(line: Line) -> _Summary | None:
    if (found := _SUMMARY.search(line.text)) is not None:
        init_us, first_us, warmup_us, inference_us = map(number, found.groups())
    elif (found := _OLD_SUMMARY.search(line.text)) is not None:
        warmup_us, init_us, inference_us = map(number, found.groups())
        first_us = None
    else:
        return None
    return _Summary(init_us, first_us, warmup_us, inference_us if line.whole else None)


def _litert_box(lines: tuple[Line, ...]) -> _Box | None:
    """The results of LiteRT's own tool, in milliseconds with two digits."""
    titles = [index for index, line in enumerate(lines) if _LITERT_TITLE in line.text]
    if not titles:
        return None
    values: dict[str, float | None] = {}
    counts: dict[str, int | None] = {}
    for line in lines[titles[-1] :]:
        found = _LITERT.search(line.text) if line.whole else None
        if found is not None:
            value = number(found[2])
            values[found[1]] = None if value is None else round(ms_to_us(value), 6)
            counts[found[1]] = integer(found[3])
    blocks = [
        Block(
            counts.get(f"{loop} (avg)"),
            values.get(f"{loop} (min)"),
            values.get(f"{loop} (max)"),
            values.get(f"{loop} (avg)"),
            values.get(f"{loop} (std)"),
            first_us=values.get(f"{loop} (first)"),
        )
        for loop in ("Warmup", "Inference")
    ]
    return _Box(values.get("Model initialization"), *blocks)
