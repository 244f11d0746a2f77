"""Facts over a real adbd: the script as the phone's own shell and tools run it."""

from __future__ import annotations

import time

import pytest

from harness.devices.android.connection import Connection
from harness.devices.android.core_choice import choose_cores
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.facts_text import read_facts
from harness.devices.android.phone_preflight import guarantees
from harness.devices.android.server import AdbServer
from tests.phone.fixtures import MakePhone
from tests.phone.server import AdbServer as RunningServer
from tests.phone.soc import REAL_CORES, SOC_1_3_4

pytestmark = pytest.mark.phone


def facts_of(make_phone: MakePhone, server: RunningServer, **options: object) -> PhoneFacts:
    phone = make_phone(**options)
    phone.connect(server)
    return read_facts(Connection(AdbServer.parse(server.address), phone.serial))


def test_what_a_phone_says_through_adbd(make_phone: MakePhone, adb_server: RunningServer) -> None:
    started = time.monotonic()
    facts = facts_of(make_phone, adb_server, soc=SOC_1_3_4, model="Some Phone; $(id)", rooted=True)
    assert time.monotonic() - started < 20
    assert (facts.model, facts.sdk, facts.booted) == ("Some Phone; $(id)", 34, True)
    assert [core.cluster for core in facts.cores] == [0, 0, 0, 0, 4, 4, 4, 7]
    assert [core.capacity for core in facts.cores][-1] == 1024
    assert facts.root is not None
    assert facts.thermal is not None
    assert facts.hottest("skin") is not None
    assert facts.battery is not None
    assert facts.storage_writable
    assert facts.boot_id is not None
    assert facts.kernel
    assert not {found.subject for found in guarantees(facts) if found.state == "problem"}


def test_the_big_core_of_a_phone_whose_cores_are_real(make_phone: MakePhone, adb_server: RunningServer) -> None:
    facts = facts_of(make_phone, adb_server, soc=REAL_CORES)
    assert facts.pinning is True
    big = max(facts.cores, key=lambda core: (core.capacity or 0, core.max_khz or 0, core.index))
    assert choose_cores(facts, "big").cpus == (big.index,)
