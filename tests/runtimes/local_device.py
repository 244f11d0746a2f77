"""A device made of local processes and a folder: files are copied under names of their content, as a phone has them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from harness.devices.base import TRANSFER_TIMEOUT_S, Observed, OnStdout, ProcessResult, Say, Watch
from harness.devices.process import run_process
from harness.domain import DeviceFacts, DeviceSettings, Evidence
from harness.errors import DeviceError, DeviceOfflineError, UsageError

PHONE = DeviceFacts(
    device_id="adb-1",
    kind="adb",
    model="Phone",
    soc="Qualcomm SM8650",
    abis=("arm64-v8a",),
    details=(("android", "14 (API 34)"),),
)
FAKE = Path(__file__).with_name("fake_benchmark_model.sh")


def fake_tool(path: Path, **settings: str) -> Path:
    """A copy of the stand-in with other settings in its head."""
    text = FAKE.read_text(encoding="utf-8")
    for name, value in settings.items():
        text, count = re.subn(rf"^{name}=\S*", f"{name}='{value}'", text, count=1, flags=re.MULTILINE)
        assert count == 1, name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@dataclass
class LocalDevice:
    """`lost` makes every call fail as on a phone that was unplugged; `sent` and `ran` are what it was given."""

    root: Path
    information: DeviceFacts = PHONE
    lost: bool = False
    observed: Observed | None = None
    sent: list[str] = field(default_factory=list)
    placed: list[str] = field(default_factory=list)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    watched: list[Watch | None] = field(default_factory=list)

    @property
    def device_id(self) -> str:
        return self.information.device_id

    def facts(self) -> DeviceFacts:
        return self.information

    def choose_cpus(self, cores: str | tuple[int, ...], threads: int) -> tuple[int, ...]:
        if isinstance(cores, tuple) and max(cores) > 7:
            raise UsageError(f"core {max(cores)} does not exist")
        return (7,)

    def run(
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes,
        env: Mapping[str, str],
        timeout_s: float,
        cancel: Event,
        watch: Watch | None = None,
        on_stdout: OnStdout | None = None,
    ) -> ProcessResult:
        self.ran.append(argv)
        self.environments.append(dict(env))
        self.watched.append(watch)
        if self.lost:
            return ProcessResult(-1, b"", b"", 0.0, offline=True)
        done = run_process(argv, stdin=stdin, env=env, timeout_s=timeout_s, cancel=cancel, on_stdout=on_stdout)
        return replace(done, observed=self.observed) if watch is not None and self.observed is not None else done

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        self._require_there()
        digest = hashlib.sha256(local.read_bytes()).hexdigest()
        assert sha256 in ("", digest)
        target = self.root / "files" / digest[:16] / (name or local.name)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(local, target)
            target.chmod(0o755 if executable else 0o644)
            self.sent.append(target.name)
        return str(target)

    def put_folder(self, files: Mapping[str, Path], executable: Collection[str] = ()) -> str:
        self._require_there()
        folder = self.root / "folders" / "-".join(sorted(files))[:100]
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            shutil.copyfile(path, folder / name)
        return str(folder)

    def fetch(
        self, remote: str, local: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        self._require_there()
        if not os.path.exists(remote):  # noqa: PTH110
            raise DeviceError(f"there is no {remote}")
        shutil.move(remote, local)

    def place(
        self, local: Path, remote: str, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        self._require_there()
        self.placed.append(Path(remote).name)
        shutil.move(local, remote)

    @contextmanager
    def workspace(self) -> Iterator[str]:
        self._require_there()
        folder = self.root / "work"
        folder.mkdir()
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder)

    def _require_there(self) -> None:
        if self.lost:
            raise DeviceOfflineError("the phone is not there", where=self.device_id)

    def session(self, settings: DeviceSettings, say: Say) -> AbstractContextManager[None]:
        return nullcontext()

    def wait_reason(self) -> str:
        return ""

    def redo_reason(self, evidence: Evidence) -> str:
        return ""

    def recover(self, cancel: Event) -> bool:
        return not self.lost
