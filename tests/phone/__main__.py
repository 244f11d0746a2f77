"""`make phone`: a phone to try the harness on. It stays until Ctrl-C."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.phone.debian import UnavailableError
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.soc import REAL_CORES, SOC_1_3_4

SWEEP = """\
name: virtual_phone
adb_server: {address}
models: [digits_cnn]
variants: [float32, full_integer]
targets: [{{adb: {{serial: "{serial}"}}}}]
backends: [{{cpu: {{cores: big}}}}, {{cpu: {{cores: big, xnnpack: false}}}}]
runtime: {{device_runner: {{library: {library}}}}}
measure: {{blocks: 6, min_s: 500ms, max_s: 2s, warmup_min_s: 300ms, warmup_max_s: 1s}}
"""
TEXT = """\
A virtual phone is ready.
  serial      {serial}
  adb server  {address}
  its files   {folder}

Run a sweep on it, in another terminal:
  {harness} run {sweep}
Look at it:
  {adb} -P {port} -s {serial} shell

Ctrl-C switches it off."""


def main(argv: list[str] | None = None) -> int:
    """Start a phone and wait; 1 with the reason when this machine cannot have one."""
    options = _arguments().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="phone-") as folder:
            _serve(Path(folder), options)
    except UnavailableError as reason:
        print(f"No virtual phone: {reason}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.phone", description=__doc__)
    parser.add_argument(
        "--eight-cores", action="store_true", help="look like a phone with 8 cores; pinning is not real"
    )
    parser.add_argument("--rooted", action="store_true", help="with su")
    parser.add_argument("--arm64", action="store_true", help="run AArch64 programs, by emulation")
    return parser


def _serve(folder: Path, options: argparse.Namespace) -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    soc = SOC_1_3_4 if options.eight_cores else REAL_CORES
    abi = "arm64-v8a" if options.arm64 else "x86_64"
    with (
        AdbServer(folder / "adb") as server,
        VirtualPhone(folder / "phone", soc=soc, abi=abi, libc=True, rooted=options.rooted) as phone,
    ):
        phone.connect(server)
        print(_introduce(folder, phone, server), flush=True)
        ended.wait()


def _introduce(folder: Path, phone: VirtualPhone, server: AdbServer) -> str:
    sweep = folder / "phone.yaml"
    values = {"serial": phone.serial, "address": server.address, "folder": folder, "sweep": sweep}
    sweep.write_text(SWEEP.format(library=litert_library() or "libLiteRt.so", **values))
    harness = Path(sys.executable).parent / "harness"
    return TEXT.format(
        harness=harness if harness.exists() else "harness", adb=server.program, port=server.port, **values
    )


def litert_library() -> Path | None:
    """The runtime in the wheel that is installed here; None without it."""
    found = importlib.util.find_spec("ai_edge_litert")
    folders = list(found.submodule_search_locations or ()) if found else []
    return next((path for folder in folders for path in Path(folder).glob("libLiteRt.so")), None)


if __name__ == "__main__":
    sys.exit(main())
