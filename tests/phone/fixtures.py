"""Fixtures for tests that need a phone. Where there can be none they skip, with the reason."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.phone.debian import UnavailableError
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.soc import REAL_CORES

MakePhone = Callable[..., VirtualPhone]


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    """A running adb server with keys of its own, on a free port."""
    try:
        server = AdbServer(tmp_path_factory.mktemp("adb")).start()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


@pytest.fixture
def make_phone(tmp_path: Path) -> Iterator[MakePhone]:
    """Starts phones: `make_phone(**arguments of VirtualPhone, started=True, port=0)`; all are off afterwards."""
    made: list[VirtualPhone] = []

    def make(*, started: bool = True, port: int = 0, **options: object) -> VirtualPhone:
        folder = tmp_path / f"phone{len(made)}"
        try:
            phone = VirtualPhone(folder, **options)  # type: ignore[arg-type]
            made.append(phone)
            return phone.start(port) if started else phone
        except UnavailableError as reason:
            pytest.skip(str(reason))

    yield make
    for phone in made:
        phone.kill()


@pytest.fixture
def phone(make_phone: MakePhone, adb_server: AdbServer) -> VirtualPhone:
    """A phone with the cores of this machine, that runs glibc programs, known to `adb_server`."""
    one = make_phone(soc=REAL_CORES, libc=True)
    _forget_the_dead(adb_server)
    one.connect(adb_server)
    return one


def _forget_the_dead(adb_server: AdbServer) -> None:
    """Phones of earlier tests are off, and may still be listed."""
    for serial, state in adb_server.listed().items():
        if state != "device":
            with contextlib.suppress(OSError):  # gone by itself meanwhile
                adb_server.ask(f"host:disconnect:{serial}")
