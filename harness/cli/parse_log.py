"""`harness parse-log`: the parser of a runtime's log alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import json_option
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.domain import OperatorTime
    from harness.runtimes.benchmark_model_log import BenchmarkLog
    from harness.runtimes.timing_blocks import Block

RUNTIMES = ("benchmark_model",)
MAX_BYTES = 16 << 20
_COLUMNS = ("count", "min_us", "p5_us", "median_us", "avg_us", "p95_us", "max_us", "std_us")
_OPERATORS_SHOWN = 10


@click.command("parse-log")
@click.argument("runtime")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@json_option
def parse_log_command(runtime: str, path: Path, as_json: bool) -> None:
    """Print what the log FILE of RUNTIME (benchmark_model) says: timings, memory, delegates, errors, the cause.

    FILE is standard output and standard error of the tool, or logcat; `-` reads standard input. A log of a failed run
    is a result too, with its cause.
    """
    from harness.runtimes.benchmark_model_log import parse_log, to_json

    if runtime not in RUNTIMES:
        raise UsageError(f"no parser for {runtime!r}", remedy=f"One of: {', '.join(RUNTIMES)}.")
    data = _read(path)
    log = parse_log(data)
    if as_json:
        click.echo(json.dumps(to_json(log), indent=2, allow_nan=False))
        return
    from harness.runtimes.op_profile import parse_op_profile

    click.echo("\n".join([*_lines(log), *_operator_lines(parse_op_profile(data))]))


def _read(path: Path) -> bytes:
    """The bytes of the log.

    Raises:
        UsageError: there is no such file, it cannot be read, or it is too large to be one log.
    """
    try:
        if str(path) == "-":
            data = b"" if sys.stdin is None else sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"the log cannot be read: {error.strerror}", where=str(path), remedy="Give a file, or - for standard input."
        ) from error
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"the log is larger than {MAX_BYTES >> 20} MiB", where=str(path), remedy="Cut out the part of one run."
        )
    return data


def _lines(log: BenchmarkLog) -> list[str]:
    from harness.display.text import clean

    lines = [f"{'result':<12}{'ok' if log.ok else 'not ok'}"]
    if log.failure is not None:
        lines.append(f"{'cause':<12}{clean(log.failure.sentence)}")
        lines += [f"{'':<12}{log.failure.remedy}"] if log.failure.remedy else []
    lines.append(f"{'exit status':<12}{_number(log.exit_code)}")
    lines.append(f"{'init':<12}{_number(log.init_us)} us, first inference {_number(log.first_inference_us)} us")
    lines.append(f"{'us':<12}" + "".join(f"{name.removesuffix('_us'):>11}" for name in _COLUMNS))
    lines += [_block_line("warm-up", log.warmup), _block_line("inference", log.inference)]
    memory = log.memory
    lines.append(
        f"{'memory':<12}init {_number(memory.init_mib)}, overall {_number(memory.overall_mib)}, "
        f"peak {_number(memory.peak_mib)} MiB"
    )
    lines += _delegate_lines(log)
    lines += [f"{'unknown flag':<13}{clean(flag)}" for flag in log.unconsumed_flags]
    lines += [f"{'error':<12}{clean(error)}" for error in log.errors]
    if log.debug_build:
        lines.append(f"{'note':<12}a build with assertions: its times are suspect")
    return lines


def _block_line(title: str, block: Block) -> str:
    return f"{title:<12}" + "".join(f"{_number(getattr(block, name)):>11}" for name in _COLUMNS)


def _delegate_lines(log: BenchmarkLog) -> list[str]:
    from harness.display.text import clean

    report = log.delegates
    lines = [f"{'coverage':<12}{log.coverage}" + (f" ({report.api})" if report.api else "")]
    for use in report.uses:
        counts = "" if use.delegated_nodes is None else f", {use.delegated_nodes} of {_number(use.total_nodes)} nodes"
        parts = "" if use.partitions is None else f", partitions {use.partitions}"
        kernels = "" if use.kernels is None else f", kernels {use.kernels}"
        label = f" ({use.label})" if use.label and use.label != use.name else ""
        lines.append(f"{'delegate':<12}{clean(use.name + label)}: {use.coverage}{counts}{parts}{kernels}")
    lines += [f"{'on the CPU':<12}{clean(reason)}" for reason in report.unsupported]
    if report.nnapi_accelerators:
        lines.append(f"{'NNAPI':<12}{clean(', '.join(report.nnapi_accelerators))}")
    return lines


def _operator_lines(operators: tuple[OperatorTime, ...]) -> list[str]:
    from harness.display.text import clean, fit

    shown = [
        f"{'operator':<12}{fit(clean(one.name), 40)} {fit(clean(one.kernel), 12)}{one.count:>5} "
        f"{one.total_us:>11.1f} us {one.share:>7.1%}"
        for one in operators[:_OPERATORS_SHOWN]
    ]
    left = len(operators) - len(shown)
    return [*shown, f"{'':<12}{left} more"] if left > 0 else shown


def _number(value: float | None) -> str:
    """As the log has it, or a dash."""
    return "—" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
