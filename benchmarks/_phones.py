"""The phone that a benchmark measures with: a named one, or the virtual phone of the tests.

python -m benchmarks._phones     says whether the virtual phone can be started here
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.devices.android.connection import Connection
from harness.devices.android.server import AdbServer


@contextmanager
def attached_phone(adb_server: str = "", serial: str = "") -> Iterator[Connection]:
    """The phone with this serial at this server (the local one by default), or a virtual one for the time being."""
    if serial:
        server = AdbServer.parse(adb_server or "127.0.0.1:5037")
        server.ensure()
        yield Connection(server, serial)
        return
    from tests.phone.phone import VirtualPhone
    from tests.phone.server import AdbServer as OwnServer
    from tests.phone.soc import REAL_CORES

    with tempfile.TemporaryDirectory() as name, OwnServer(Path(name) / "adb") as own:
        phone = VirtualPhone(Path(name) / "phone", soc=REAL_CORES, libc=True)
        with phone:
            phone.connect(own)
            yield Connection(AdbServer.parse(own.address), phone.serial)


def main() -> int:
    """Start the virtual phone and ask it something."""
    with attached_phone() as connection:
        print(f"the virtual phone {'answers' if connection.alive() else 'is silent'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
