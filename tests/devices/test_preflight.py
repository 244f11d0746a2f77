from dataclasses import replace

import pytest

from harness.devices.preflight import Finding, Surroundings, preflight
from harness.domain import Core, DeviceFacts

GOOD = DeviceFacts(
    "host-a",
    "host",
    "Some CPU",
    cores=(Core(0, capacity=1024), Core(1, capacity=1024)),
    governor="performance",
    clock_source="scaling_cur_freq",
)
AROUND = Surroundings(0.01, 50 * 10**9, (("ai_edge_litert", "2.3.0"), ("tensorflow", "2.21.0")))


def finding(subject: str, facts: DeviceFacts = GOOD, around: Surroundings = AROUND) -> Finding:
    return next(found for found in preflight(facts, around) if found.subject == subject)


def test_a_good_host_has_nothing_to_improve() -> None:
    assert {found.state for found in preflight(GOOD, AROUND)} == {"ok"}


@pytest.mark.parametrize(
    ("subject", "facts", "around", "state"),
    [
        ("cores", replace(GOOD, cores=(Core(0),)), AROUND, "warning"),
        ("governor", replace(GOOD, governor="powersave"), AROUND, "warning"),
        ("clock evidence", replace(GOOD, clock_source=None), AROUND, "warning"),
        ("machine", replace(GOOD, virtual_machine=True), AROUND, "warning"),
        ("load", GOOD, replace(AROUND, load_1min=1.0), "warning"),
        ("storage", GOOD, replace(AROUND, free_bytes=10**6), "problem"),
        ("ai_edge_litert", GOOD, replace(AROUND, libraries=(("ai_edge_litert", None),)), "problem"),
        ("tensorflow", GOOD, replace(AROUND, libraries=(("tensorflow", None),)), "warning"),
    ],
)
def test_what_is_not_ok_names_its_remedy(subject: str, facts: DeviceFacts, around: Surroundings, state: str) -> None:
    found = finding(subject, facts, around)
    assert found.state == state
    assert found.remedy


def test_offline_cores_do_not_count() -> None:
    facts = replace(GOOD, cores=(Core(0), Core(1, online=False)))
    assert finding("cores", facts).state == "warning"
    assert "1 core" in finding("cores", facts).text


def test_a_missing_library_names_its_extra() -> None:
    around = replace(AROUND, libraries=(("ai_edge_litert", None),))
    assert "[litert]" in finding("ai_edge_litert", around=around).remedy
