"""`harness run` with `external` among the backends, on this host: each thing that a delegate can do is a row."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.external_delegate.build import delegate

pytest.importorskip("ai_edge_litert")
SweepFile = Callable[..., str]


def external(options: str, more: str = "") -> str:
    return f"{{external: {{path: {delegate()}, options: {{{options}}}{more}}}}}"


def rows(folder: Path) -> list[dict[str, str]]:
    (path,) = (folder / "reports").glob("*/summary.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_an_external_delegate_on_this_host_is_measured_and_proven(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    backends = ", ".join((external("take: 'add,mul'", ", rest: builtin"), external("")))
    name = sweep_file(blocks=1, model="two_inputs", backends=f"[{backends}]")
    done = harness("run", name)
    assert done.returncode == 1, "a row fell back\n" + done.stdout + done.stderr
    full, none = found = rows(tmp_path)
    assert [row["status"] for row in found] == ["DONE"] * 2
    assert [row["coverage"] for row in found] == ["full", "none"]
    assert [row["delegated_nodes"] for row in found] == ["2", "0"]
    assert none["verdict"] == "FELL_BACK"
    assert full["verdict"] != "FELL_BACK"
    assert "external took 0 of 2 nodes: the runtime's CPU kernels ran all of them" in none["reasons"]
    assert float(full["reference_error"]) < 1e-6
    assert all(float(row["latency_p50_ms"]) > 0 for row in found)


@pytest.mark.slow
def test_delegates_that_fail_crash_or_hang_are_rows_beside_the_others(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    ways = ("fail: create", "take: add, fail: prepare", "take: add, crash: invoke", "take: add, hang: invoke")
    backends = ", ".join(["cpu", *map(external, ways), "{external: {path: none.so}}"])
    name = sweep_file(blocks=1, model="two_inputs", backends=f"[{backends}]")
    file = tmp_path / name
    file.write_text(file.read_text().replace("measure: {", "measure: {timeout_s: 1.5, "))
    done = harness("run", name)
    assert done.returncode == 1, done.stdout + done.stderr
    found = rows(tmp_path)
    statuses = ["DONE", "FAILED", "FAILED", "CRASHED", "TIMEOUT"]
    assert [row["status"] for row in found[:5]] == statuses, [row["reasons"] for row in found]
    assert found[5]["status"] in ("SKIPPED", "UNSUPPORTED")
    for row, words in zip(
        found[1:],
        ("saying: told to fail", "told to fail", "SIGSEGV", "no result after 1.5 s", "not a file"),
        strict=True,
    ):
        assert words in row["reasons"]
