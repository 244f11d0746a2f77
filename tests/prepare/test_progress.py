from __future__ import annotations

import pytest

from harness.prepare import progress


def test_reports_go_to_the_worker_and_at_most_one_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, sent = [100.0], list[str]()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s[0])
    progress.report("nobody listens")
    with progress.sending_to(sent.append):
        for second in (100.5, 101.0, 101.5, 102.25):
            now_s[0] = second
            progress.report(f"at {second}")
    now_s[0] = 110.0
    progress.report("nobody listens any more")
    assert sent == ["at 101.0", "at 102.25"]
