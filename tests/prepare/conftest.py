from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_worker.py")


class FakeWorker:
    """The command of a fake worker, its plan, and the steps it was asked for."""

    def __init__(self, folder: Path, plan: dict[str, str]) -> None:
        self.plan_path = folder / "plan.json"
        self.plan_path.write_text(json.dumps(plan))
        self.command = (sys.executable, str(FAKE), str(self.plan_path))

    @property
    def calls(self) -> list[list[str]]:
        path = self.plan_path.with_suffix(".calls")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def pids(self) -> list[int]:
        path = self.plan_path.with_suffix(".pid")
        return [int(text) for text in path.read_text().split()] if path.exists() else []


@pytest.fixture
def fake_worker(tmp_path: Path) -> Callable[[dict[str, str]], FakeWorker]:
    return lambda plan: FakeWorker(tmp_path, plan)
