"""The parser of a phone's facts: typed values, reasons, and no text that upsets it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.devices.android.core_choice import choose_cores
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.facts_text import parse_facts
from harness.devices.android.phone_preflight import guarantees
from harness.domain import Core
from harness.errors import ParseError, UsageError
from tests.devices.android.phones import mediatek, old_snapdragon, output_of, pixel

STATES = {"ok", "warning", "problem"}


PHONES = {"pixel": pixel, "snapdragon": old_snapdragon, "mediatek": mediatek}


def printed(phone: str = "pixel") -> str:
    return output_of(PHONES[phone]).decode()


def with_line(old: str, new: str, phone: str = "pixel") -> PhoneFacts:
    text = printed(phone)
    assert f"\n{old}\n" in text
    return parse_facts(text.replace(f"\n{old}\n", f"\n{new}\n"))


def survives(text: str | bytes) -> None:
    """Whatever the text, there are facts to work with or a ParseError."""
    try:
        facts = parse_facts(text)
    except ParseError:
        return
    shown = facts.device_facts("adb-1")
    assert shown.device_id == "adb-1"
    assert {finding.state for finding in guarantees(facts)} <= STATES
    for cores in ("big", "big_cluster", "little", "all", (7,)):
        try:
            assert choose_cores(facts, cores).cpus
        except UsageError:
            pass


@given(st.text() | st.binary())
def test_any_text(text: str | bytes) -> None:
    survives(text)


@given(st.lists(st.sampled_from(["harness-facts 1", "@end", "@cpu 0", "|x", "a=b", "a!denied", "=", "!", "@", "| "])))
def test_any_order_of_its_own_lines(lines: list[str]) -> None:
    survives("\n".join(lines))


ODD_WORDS = ["", "-1", "0", "nan", "inf", "1e999", "9" * 40, "0-99999999", "7-0", "x", "\x00", "²", "٣", "%", "0x41"]
MARKS = [
    "\r",
    "}",
    "Permission denied",
    "Temperature{mValue=1, mType=0, mName=x, mStatus=0}",
    "@end",
    "@cpu 7",
    "=",
    "|",
]
WORDS = st.sampled_from([*ODD_WORDS, *MARKS]) | st.text(max_size=20)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["pixel", "snapdragon", "mediatek"]), st.data())
def test_any_mutation_of_true_output(phone: str, data: st.DataObject) -> None:
    lines = printed(phone).split("\n")
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(lines) - 1))
        key, mark, _ = lines[at].partition("=")
        word = data.draw(WORDS)
        lines[at] = data.draw(st.sampled_from([word, f"{key}={word}", f"{key}!{word}", f"|{word}", f"{key}{mark}"]))
    survives("\n".join(lines))


@settings(deadline=None)
@given(st.integers(0, 5000))
def test_truncated_anywhere_before_the_end_is_an_error(length: int) -> None:
    text = printed()
    with pytest.raises(ParseError):
        parse_facts(text[: min(length, len(text) - len("@end\n"))])


def test_another_version_says_so() -> None:
    with pytest.raises(ParseError, match="version 2"):
        parse_facts(printed().replace("harness-facts 1", "harness-facts 2"))


def test_what_a_linker_says_first_and_carriage_returns_do_not_matter() -> None:
    noisy = "WARNING: linker: something is unused\n" + printed().replace("\n", "\r\n")
    assert parse_facts(noisy) == parse_facts(printed())


def test_every_point_without_a_value_has_its_reason() -> None:
    for phone in ("pixel", "snapdragon", "mediatek"):
        facts = parse_facts(printed(phone))
        for field in dataclasses.fields(facts):
            if getattr(facts, field.name) is None:
                assert facts.why(field.name), field.name
        for name, _ in facts.unread:
            assert not getattr(facts, name, None), name


@pytest.mark.parametrize("refusal", ["sh: getprop: Permission denied", "cat: x: No such file or directory"])
def test_a_refusal_is_no_value(refusal: str) -> None:
    facts = with_line("ro.product.model=Pixel 8", f"ro.product.model={refusal}")
    assert facts.model is None
    assert facts.why("model") == "the phone denies it"


def test_a_value_of_the_wrong_form_is_shown() -> None:
    facts = with_line("ro.build.version.sdk=34", "ro.build.version.sdk=Upside Down Cake")
    assert facts.sdk is None
    assert "Upside Down Cake" in facts.why("sdk")


@pytest.mark.parametrize(
    ("line", "booted"), [("=1", True), ("=0", False), ("!empty", False), ("!timeout", None), ("!missing", None)]
)
def test_booted(line: str, booted: bool | None) -> None:
    assert with_line("sys.boot_completed=1", f"sys.boot_completed{line}").booted is booted


def test_a_setting_that_was_never_made_is_not_one_that_cannot_be_read() -> None:
    never = with_line("global low_power=0", "global low_power=null")
    assert "global low_power" in dict(never.settings)
    assert never.setting("global low_power") is None
    denied = with_line("global low_power=0", "global low_power!denied")
    assert "global low_power" not in dict(denied.settings)
    assert denied.why("global low_power") == "the phone denies it"


@pytest.mark.parametrize(
    ("pinned", "works"),
    [("=Cpus_allowed:\t01", True), ("=Cpus_allowed:\tff", False), ("!failed 1", False), ("!timeout", None)],
)
def test_pinning_is_seen_not_assumed(pinned: str, works: bool | None) -> None:
    assert with_line("pinned=Cpus_allowed:\t1", f"pinned{pinned}").pinning is works


def test_df_of_a_long_file_system_name() -> None:
    line = next(line for line in printed().split("\n") if line.startswith("|/dev/block/dm-48"))
    name, figures = line.split(" ", 1)
    assert with_line(line, f"{name}/with/a/very/long/name\n|    {figures}").storage_free_mib == 51200.0


def test_the_first_battery_level_counts() -> None:
    facts = with_line("|  scale: 100", "|  scale: 200\n|  level: 3\n|  temperature: 990")
    assert facts.battery is not None
    assert (facts.battery.level_pct, facts.battery.temp_c) == (47.5, 99.0)


def test_a_batterys_temperature_is_always_in_tenths() -> None:
    facts = with_line("|  temperature: 285", "|  temperature: 120")
    assert facts.battery is not None
    assert facts.battery.temp_c == 12.0


def test_cores_from_the_online_list_where_their_own_file_is_missing() -> None:
    facts = parse_facts(
        printed().replace("\nonline=1\n", "\nonline!denied\n").replace("\nonline=0-7\n", "\nonline=0-5\n")
    )
    assert [core.index for core in facts.cores if not core.online] == [6, 7]


def test_isolated_cores() -> None:
    assert [core.index for core in with_line("isolated!missing", "isolated=6-7").cores if core.isolated] == [6, 7]


def test_folders_of_libraries_that_may_not_be_listed_are_named() -> None:
    lines = [line for line in printed().split("\n") if "lib" not in line or not line.startswith(("|/", "found="))]
    text = "\n".join(lines).replace("\n/vendor/lib64=yes\n", "\n/vendor/lib64!denied\n")
    assert parse_facts(text).why("libraries") == "the phone denies /vendor/lib64"


def test_the_kernel_without_uname() -> None:
    facts = parse_facts(
        printed()
        .replace("\nosrelease!missing", "\nosrelease=5.4.1-android")
        .replace("\nrelease=", "\nrelease!missing\nx=")
    )
    assert facts.kernel == "5.4.1-android"


def test_device_facts_are_what_other_rooms_know() -> None:
    shown = parse_facts(printed()).device_facts("adb-3a01")
    assert (shown.kind, shown.model, shown.soc) == ("adb", "Google Pixel 8", "Google Tensor G3")
    assert shown.os_build.startswith("google/shiba/shiba:14/")
    assert shown.cores[7] == Core(7, True, 1024, 2_914_000, 7)
    assert (shown.governor, shown.clock_source, shown.gpus) == ("sched_pixel", "time_in_state", ("Mali-G715",))
    assert shown.abis == ("arm64-v8a",)
    assert shown.memory_mib == pytest.approx(7629.2, abs=0.1)
    details = dict(shown.details)
    assert details["cores"] == "4 Cortex-A510 to 1.70 GHz, 3 Cortex-A715 to 2.37 GHz, 1 Cortex-X3 to 2.91 GHz"
    assert details["android"] == "14 (API 34)"
    assert shown.notes == ()


def test_a_makers_name_is_not_said_twice() -> None:
    assert parse_facts(printed("snapdragon")).device_facts("a").model == "ONEPLUS A6003"


def test_a_clock_that_not_every_core_tells_is_no_clock_source() -> None:
    text = printed()
    head, _, tail = text.rpartition("@cpu 7")
    hidden = tail.replace("cpufreq/stats/time_in_state=yes", "cpufreq/stats/time_in_state!denied", 1)
    hidden = hidden.replace("\nstats/time_in_state=yes", "\nstats/time_in_state!denied")
    assert parse_facts(f"{head}@cpu 7{hidden}").device_facts("a").clock_source == "scaling_cur_freq"
    hidden = hidden.replace("scaling_cur_freq=300000", "scaling_cur_freq!denied")
    assert parse_facts(f"{head}@cpu 7{hidden}").device_facts("a").clock_source is None


def test_clusters_of_the_topology_count_only_where_their_cores_are_alike() -> None:
    lines = [line for line in printed().split("\n") if "related_cpus" not in line]
    per_kind = [f"topology/cluster_id={0 if index < 4 else 1 if index < 7 else 2}" for index in range(8)]
    whole_chip = ["topology/cluster_id=0"] * 8
    for ids, clusters in ((per_kind, [0, 0, 0, 0, 4, 4, 4, 7]), (whole_chip, [None] * 8)):
        given_ids = iter(ids)
        text = "\n".join(next(given_ids) if line == "topology/cluster_id!missing" else line for line in lines)
        assert [core.cluster for core in parse_facts(text).cores] == clusters
