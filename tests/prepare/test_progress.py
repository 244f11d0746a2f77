from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.prepare import progress


def test_reports_go_to_the_worker_and_at_most_one_in_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, sent = [100.0], list[str]()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s[0])
    progress.report("nobody listens")
    with progress.sending_to(sent.append):
        for second in (102.5, 105.0, 107.5, 111.25):
            now_s[0] = second
            progress.report(f"at {second}")
    now_s[0] = 120.0
    progress.report("nobody listens any more")
    assert sent == ["at 105.0", "at 111.25"]


@pytest.mark.parametrize("by_name", [True, False], ids=["Keras 3", "tf-keras"])
def test_a_training_is_told_batch_by_batch(monkeypatch: pytest.MonkeyPatch, by_name: bool) -> None:
    """Keras 3 gives the logs of a batch by name, tf-keras by place; both call what LambdaCallback was given."""
    told = list[str]()
    monkeypatch.setattr(progress, "report", told.append)
    keras = SimpleNamespace(callbacks=SimpleNamespace(LambdaCallback=SimpleNamespace))
    callback = progress.training_callback(keras, epochs=3, batches=1200)
    for epoch in range(2):
        callback.on_epoch_begin(epoch, logs={}) if by_name else callback.on_epoch_begin(epoch, {})
        callback.on_train_batch_end(1099, logs={}) if by_name else callback.on_train_batch_end(1099, {})
    assert told == [f"training, epoch {epoch} of 3, batch 1,100 of 1,200" for epoch in (1, 2)]
