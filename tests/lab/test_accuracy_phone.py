"""Accuracy passes on a virtual phone: scored on the device that was timed, and continued when it comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.devices.android.phone import WORKSPACE
from harness.domain import Purpose, ResultRow, Status
from harness.events import AccuracyProgress, Event, InvocationStarted
from tests.lab.accuracy_bench import CHUNK, MODELS, Labelled, answers, hits, images, twice
from tests.lab.phone_bench import PhoneBench, settled
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.runtimes.local_device import fake_tool

pytestmark = [pytest.mark.phone, pytest.mark.timeout(240)]

COUNT = 6 * CHUNK - 100
FLOAT32 = MODELS / "float32.tflite"
SHORT = "min_s: 0.1, max_s: 0.4, warmup_min_s: 0, warmup_max_s: 0.1, timeout_s: 20, memory: false, profile: false"
NO_WAIT = "{stay_awake: null, gate: {timeout_s: 1}, offline_timeout_s: 60}"


@pytest.fixture
def bench(tmp_path: Path, adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> PhoneBench:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return PhoneBench(tmp_path, adb_server.address)


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    pool = Labelled.hard(CHUNK)
    chosen = np.random.default_rng(2).integers(0, CHUNK, COUNT)
    return Labelled(pool.inputs[chosen], pool.labels[chosen], tuple(f"image-{number}" for number in range(COUNT)))


def text_of(bench: PhoneBench, phone: VirtualPhone, data: Labelled, **settings: str) -> str:
    data.save(bench.folder / "data.npz")
    models = f"[{{file: {FLOAT32}, name: m, data: {{reader: npz, path: data.npz}}, task: {{name: classification}}}}]"
    given = {"models": models, "measure": SHORT, "settings": NO_WAIT, **settings}
    return bench.sweep_text(phone, blocks=1, **given)  # type: ignore[arg-type]


def steps(bench: PhoneBench) -> list[int]:
    return [event.samples for event in bench.events if isinstance(event, AccuracyProgress)]


def after_chunks(bench: PhoneBench, chunks: int, action: Callable[[], object]) -> Callable[[Event], None]:
    """Do something once, when so many chunks have been scored."""
    done = threading.Event()

    def on_event(event: Event) -> None:
        if len(steps(bench)) >= chunks and not done.is_set():
            done.set()
            action()

    return on_event


def scored_ids(bench: PhoneBench, row: ResultRow) -> list[str]:
    with bench.store() as store:
        return [one for chunk in store.scores(row.run_id, row.case_id) for one in chunk.sample_ids]


def is_right(row: ResultRow, data: Labelled) -> None:
    assert row.status is Status.DONE, row.reasons
    assert row.accuracy_samples == len(data.ids)
    expected = hits(answers(FLOAT32, data.inputs), data.labels).mean()
    assert row.accuracy == pytest.approx(expected, abs=0.005)


def nothing_left(phone: VirtualPhone) -> None:
    assert settled(phone) == ()
    assert not phone.local(WORKSPACE).exists() or phone.files(WORKSPACE) == ()


def test_a_case_is_scored_on_the_phone_that_timed_it(
    bench: PhoneBench, phone: VirtualPhone, labelled: Labelled
) -> None:
    outcome = bench.run(text_of(bench, phone, labelled))
    (row,) = outcome.rows
    is_right(row, labelled)
    assert steps(bench) == [*range(CHUNK, COUNT, CHUNK), COUNT]
    with bench.store() as store:
        (made,) = [one for one in store.invocations(outcome.run_id) if one.purpose is Purpose.ACCURACY]
        (timed,) = [one for one in store.invocations(outcome.run_id) if one.purpose is Purpose.TIMING]
    assert made.result.evidence.cpus == timed.result.evidence.cpus != ()
    assert made.result.evidence.cpus_verified
    nothing_left(phone)


@pytest.mark.parametrize("way", ["unplugged", "restarted", "adbd killed"])
def test_a_phone_that_is_lost_in_the_pass_goes_on_behind_the_last_chunk(
    bench: PhoneBench, phone: VirtualPhone, adb_server: AdbServer, labelled: Labelled, way: str
) -> None:
    def unplug() -> None:
        port = phone.port
        phone.kill()

        def plug_in() -> None:
            phone.start(port)
            phone.connect(adb_server)

        threading.Timer(1.5, plug_in).start()

    ends = {
        "unplugged": unplug,
        "restarted": lambda: phone.reboot(wipe_tmp=True, down_s=0.5),
        "adbd killed": phone.kill_adbd_and_restart,
    }
    outcome = bench.run(text_of(bench, phone, labelled), on_event=after_chunks(bench, 2, ends[way]))
    assert outcome.state == "finished"
    (row,) = outcome.rows
    is_right(row, labelled)
    statuses = bench.statuses(outcome.run_id, Purpose.ACCURACY)
    assert [status for *_, status in statuses] == [Status.OFFLINE, Status.DONE]
    assert steps(bench) == [*range(CHUNK, COUNT, CHUNK), COUNT], "no chunk is scored twice"
    assert sorted(scored_ids(bench, row)) == sorted(labelled.ids)
    nothing_left(phone)


def test_a_phone_that_stays_away_is_resumed_behind_the_last_chunk(
    bench: PhoneBench, phone: VirtualPhone, adb_server: AdbServer, labelled: Labelled
) -> None:
    text = text_of(bench, phone, labelled, settings="{stay_awake: null, offline_timeout_s: 2}")
    outcome = bench.run(text, on_event=after_chunks(bench, 2, phone.kill))
    assert outcome.state == "incomplete"
    assert outcome.rows[0].latency_p50_ms is not None
    assert outcome.rows[0].accuracy is None
    done = steps(bench)
    assert CHUNK < done[-1] < COUNT
    phone.start(phone.port)
    phone.connect(adb_server)
    bench.events.clear()
    resumed = bench.run(text, resume="latest")
    assert (resumed.run_id, resumed.state) == (outcome.run_id, "finished")
    is_right(resumed.rows[0], labelled)
    assert steps(bench)[0] == done[-1] + CHUNK
    assert not twice(scored_ids(bench, resumed.rows[0]))
    assert not [event for event in bench.events if _times(event)], "what was timed is not timed again"
    nothing_left(phone)


def _times(event: Event) -> bool:
    return isinstance(event, InvocationStarted) and event.purpose is Purpose.TIMING


def test_ctrl_c_ends_the_pass_and_leaves_nothing_on_the_phone(
    bench: PhoneBench, phone: VirtualPhone, labelled: Labelled
) -> None:
    text = text_of(bench, phone, labelled)
    outcome = bench.run(text, on_event=after_chunks(bench, 1, bench.interrupt.press))
    assert outcome.state == "interrupted"
    assert steps(bench)[-1] < COUNT
    nothing_left(phone)


def test_storage_on_the_phone_is_bounded_by_chunks(bench: PhoneBench, phone: VirtualPhone, labelled: Labelled) -> None:
    seen: list[int] = []

    def watch(halt: threading.Event) -> None:
        while not halt.wait(0.005):
            folder = phone.local(WORKSPACE)
            there = list(folder.rglob("*.raw")) if folder.exists() else []
            seen.append(sum(path.name.startswith("inputs") for path in there))

    for _ in range(3):  # chunks are there for moments only: a busy machine may look away at each of them
        halt = threading.Event()
        watcher = threading.Thread(target=watch, args=(halt,))
        watcher.start()
        try:
            bench.run(text_of(bench, phone, labelled))
        finally:
            halt.set()
            watcher.join()
        if any(seen):
            break
    assert 1 <= max(seen) <= 2
    nothing_left(phone)


def test_data_that_changed_while_the_phone_was_away_are_refused(
    bench: PhoneBench, phone: VirtualPhone, adb_server: AdbServer, labelled: Labelled
) -> None:
    text = text_of(bench, phone, labelled, settings="{stay_awake: null, offline_timeout_s: 2}")
    bench.run(text, on_event=after_chunks(bench, 2, phone.kill))
    phone.start(phone.port)
    phone.connect(adb_server)
    Labelled(labelled.inputs[::-1], labelled.labels[::-1], labelled.ids).save(bench.folder / "data.npz")
    (row,) = bench.run(text, resume="latest").rows
    assert "the data set was changed since its first chunks were scored" in row.reasons
    assert row.accuracy is None
    nothing_left(phone)


def test_benchmark_model_scores_a_few_samples_one_by_one(bench: PhoneBench, phone: VirtualPhone) -> None:
    """The stand-in for the tool copies the first bytes of the input: what matters is what is asked and kept."""
    tool = fake_tool(bench.folder / "t/tflite", output_bytes="12")
    inputs = images(6)
    first = inputs.reshape(6, -1)[:, :3]
    data = Labelled(inputs, first.argmax(axis=1), tuple(f"image-{number}" for number in range(6)))
    started = time.monotonic()
    outcome = bench.run(text_of(bench, phone, data, runtime=f"{{benchmark_model: {{binary: {tool}}}}}"))
    (row,) = outcome.rows
    assert (row.accuracy, row.accuracy_samples) == (1.0, 6), (row.reasons, time.monotonic() - started)
    nothing_left(phone)


def test_a_pass_that_comes_further_each_time_is_not_given_up(
    bench: PhoneBench, phone: VirtualPhone, labelled: Labelled
) -> None:
    """A pass of hours over a loose cable: what ends it again and again is not the case's fault."""
    longer = Labelled(
        np.tile(labelled.inputs, (2, 1, 1, 1)), np.tile(labelled.labels, 2), tuple(map(str, range(2 * COUNT)))
    )
    attempts: list[bool] = []  # whether this attempt has been cut off

    def on_event(event: Event) -> None:
        if isinstance(event, InvocationStarted) and event.purpose is Purpose.ACCURACY:
            attempts.append(False)
        if isinstance(event, AccuracyProgress) and len(attempts) <= 3 and not attempts[-1]:
            attempts[-1] = True
            phone.kill_adbd_and_restart()

    outcome = bench.run(text_of(bench, phone, longer), on_event=on_event)
    statuses = [status for *_, status in bench.statuses(outcome.run_id, Purpose.ACCURACY)]
    assert statuses == [Status.OFFLINE] * 3 + [Status.DONE]
    is_right(outcome.rows[0], longer)
    assert not twice(scored_ids(bench, outcome.rows[0]))
    nothing_left(phone)
