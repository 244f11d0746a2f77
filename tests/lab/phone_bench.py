"""A lab with virtual phones: real store, leases, adb, pushed programs; nothing is faked but what the phones are."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.domain import Purpose, Status
from harness.events import Event, InvocationStarted, Message, Waiting
from harness.lab import SweepOutcome, SweepRequest, run_sweep
from harness.lab.interrupt import Interrupt
from harness.store import LeaseBook, Store
from harness.sweep import parse_sweep
from tests.phone.phone import VirtualPhone

MODEL = Path(__file__).parent.parent / "data" / "models" / "float32.tflite"
WINDOWS = "min_s: 0.2, max_s: 1, warmup_min_s: 0, warmup_max_s: 1, timeout_s: 20, memory: false, profile: false"
FAKE_TOOL = Path(__file__).parent.parent / "runtimes" / "fake_benchmark_model.sh"


def library() -> Path:
    """LiteRT's own library, from the wheel."""
    found = importlib.util.find_spec("ai_edge_litert")
    if found is None or found.origin is None:
        pytest.skip("ai-edge-litert is not installed")
    path = Path(found.origin).parent / "libLiteRt.so"
    if not path.exists():
        pytest.skip("this ai-edge-litert has no libLiteRt.so")
    return path


def settled(phone: VirtualPhone) -> tuple[str, ...]:
    """What still runs on the phone a moment after a sweep."""
    deadline = time.monotonic() + 5.0
    while phone.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    return phone.processes()


@functools.cache
def shared_cache() -> Path:
    """What all tests of this process prepare and compile, once; known by content."""
    folder = tempfile.TemporaryDirectory(prefix="harness-cache-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@dataclass
class PhoneBench:
    """One test's lab. `server` is the address of the adb server."""

    folder: Path
    server: str
    cache: Path = field(default_factory=shared_cache, repr=False)
    events: list[Event] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)

    def sweep_text(
        self,
        *phones: VirtualPhone,
        blocks: int = 3,
        models: str = f"[{{file: {MODEL}}}]",
        backends: str = "[{cpu: {cores: big}}]",
        runtime: str = "",
        settings: str = "{offline_timeout_s: 30}",
        measure: str = WINDOWS,
        targets: str = "",
    ) -> str:
        named = ", ".join(f'{{adb: {{serial: "{phone.serial}"}}}}' for phone in phones)
        runtime = runtime or f"{{device_runner: {{library: {library()}}}}}"
        return (
            f"name: phones\nadb_server: {self.server}\nmodels: {models}\nvariants: [float32]\n"
            f"targets: {targets or f'[{named}]'}\nbackends: {backends}\n"
            f"{'runtimes' if runtime.startswith('[') else 'runtime'}: {runtime}\n"
            f"measure: {{blocks: {blocks}, {measure}}}\nsettings: {settings}\n"
        )

    def run(
        self, text: str, *, on_event: Callable[[Event], None] = lambda event: None, resume: str | None = None
    ) -> SweepOutcome:
        def post(event: Event) -> None:
            self.events.append(event)
            on_event(event)

        sweep = parse_sweep(text, str(self.folder / "phones.yaml"), known_models=())
        with self.store() as store, LeaseBook.open(self.folder / "leases.sqlite") as leases:
            request = SweepRequest(
                sweep,
                self.folder / "reports",
                self.cache,
                jobs=1,
                resume=store.find_run(resume) if resume else None,
            )
            return run_sweep(
                request,
                store=store,
                leases=leases,
                post=post,
                interrupt=self.interrupt,
                write_reports=lambda run_id, directory: None,
            )

    def store(self) -> Store:
        return Store.open(self.folder / "results.sqlite")

    def during(self, block: int, action: Callable[[], object], delay_s: float = 0.3) -> Callable[[Event], None]:
        """Do something once, a moment after the first timing invocation of `block` began."""
        done = threading.Event()

        def on_event(event: Event) -> None:
            timing = isinstance(event, InvocationStarted) and event.purpose is Purpose.TIMING
            if timing and event.block == block and not done.is_set():  # type: ignore[union-attr]
                done.set()
                threading.Timer(delay_s, action).start()

        return on_event

    def statuses(self, run_id: str, purpose: Purpose = Purpose.TIMING) -> list[tuple[int, int, Status]]:
        with self.store() as store:
            records = store.invocations(run_id)
        return [(each.block, each.attempt, each.result.status) for each in records if each.purpose is purpose]

    def said(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Message))

    def waits(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, Waiting) and event.reason]
