"""Settings of a sweep on a phone: made, read back, listed, and undone from any point."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.devices.android.batch import ROOT_WAYS, Root
from harness.devices.android.journal import Journal
from harness.devices.android.restore import Phone, put_back
from harness.devices.android.settings import Applied, apply
from harness.devices.android.shell import Shell
from harness.domain import DeviceSettings
from harness.errors import DeviceError, DeviceOfflineError, RestoreError, StorageFullError
from tests.devices.android.fake_phone import CPUFREQ, FakePhone
from tests.devices.android.local_shell import SHELLS, LocalShell, command

EVERYTHING = DeviceSettings(
    stay_awake=True,
    governor="performance",
    clock_khz="max",
    fixed_performance_mode=True,
    airplane_mode=True,
    animations=False,
    battery_saver=False,
    brightness=40,
)
NOTHING = DeviceSettings(stay_awake=None)
LITTLE = replace(NOTHING, brightness=40)
SOME = replace(NOTHING, brightness=40, governor="performance", fixed_performance_mode=True)
SU: Root = ("su", "-c")


@pytest.fixture
def phone(tmp_path: Path) -> FakePhone:
    return FakePhone(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def make(shell: Shell, settings: DeviceSettings, journal: Journal, **other: Any) -> Applied:
    given = {"identity": "adb-1", "serial": "S1", "root": SU, "sdk": 34, "over_tcp": False, "sleep": lambda _: None}
    return apply(shell, settings, journal=journal, **{**given, **other})


@pytest.mark.parametrize("sh", SHELLS, ids="-".join)
def test_everything_is_made_listed_and_put_back(phone: FakePhone, journal: Journal, sh: tuple[str, ...]) -> None:
    before = phone.snapshot()
    applied = make(phone.shell(sh), EVERYTHING, journal)
    assert applied.not_made == ()
    assert applied.changed == (
        "stay_awake: 0 -> 7",
        "screen: Asleep -> Awake",
        "battery_saver: 1 -> 0",
        "airplane_mode: not set -> 1",
        "animations:window_animation_scale: 1.0 -> 0",
        "animations:transition_animation_scale: 0.5 -> 0",
        "animations:animator_duration_scale: not set -> 0",
        "brightness_mode: 1 -> 0 (automatic brightness off)",
        "brightness: 128 -> 40",
        "fixed_performance_mode: on",
        "governor:policy4: schedutil -> performance",
        "clock:policy4: 500000 2841600 -> 2841600 2841600",
    )
    after = phone.snapshot()
    assert {key: after[key] for key in after if after[key] != before.get(key)} == {
        "settings/global.stay_on_while_plugged_in": "7",
        "settings/global.low_power": "0",
        "settings/global.airplane_mode_on": "1",
        "settings/global.window_animation_scale": "0",
        "settings/global.transition_animation_scale": "0",
        "settings/global.animator_duration_scale": "0",
        "settings/system.screen_brightness_mode": "0",
        "settings/system.screen_brightness": "40",
        "policy4/scaling_governor": "performance",
        "policy4/scaling_min_freq": "2841600",
        "awake": "True",
        "fixed_performance": "true",
    }
    # The kernel resets a governor's tunables when the governor comes back.
    phone.write(f"{CPUFREQ}/policy4/schedutil/up_rate_limit_us", "10000")
    wire = phone.shell(sh)
    restored = applied.restore(wire)
    (undoing,) = (script for script in wire.calls if "printf %s 500 >" in script)
    assert undoing.index("printf %s schedutil >") < undoing.index("printf %s 500 >")  # else it would be reset again
    undone = phone.snapshot()
    assert undone.pop("settings/global.airplane_mode_on") == "0"  # Android has no way back to "never set"
    assert undone == before
    assert len(restored.restored) == 13
    assert not phone.marker.exists()
    assert journal.contents().entries == ()


def test_only_what_is_asked_for_is_touched(phone: FakePhone, journal: Journal) -> None:
    assert make(phone.shell(), NOTHING, journal).changed == ()
    assert phone.calls == []
    applied = make(phone.shell(), replace(NOTHING, brightness=128), journal)
    assert applied.changed == ("brightness_mode: 1 -> 0 (automatic brightness off)",)
    assert [call for call in phone.calls if " put " in call] == ["settings put system screen_brightness_mode 0"]


def test_nothing_is_written_when_all_is_as_wanted(phone: FakePhone, journal: Journal) -> None:
    phone.settings("global.stay_on_while_plugged_in", "15")
    (phone.state / "wakefulness").write_text("Awake\n")
    applied = make(phone.shell(), DeviceSettings(), journal)
    assert (applied.changed, applied.not_made) == ((), ())
    assert not phone.marker.exists()
    assert journal.contents().entries == ()


def test_the_original_is_on_disk_and_on_the_phone_before_the_first_write(phone: FakePhone, journal: Journal) -> None:
    seen: list[tuple[str, str]] = []

    class Watching(LocalShell):
        def shell(self, script: str, **options: Any) -> Any:
            entry = journal.get("adb-1")
            if "settings put" in script:
                assert entry is not None
                kept = {change.key: change.original for change in entry.changes}
                assert kept == {"stay_awake": "0", "screen": "Asleep"}
                seen.append(("journal", entry.journal_id))
            return super().shell(script, **options)

    recorder = "grep -q stay_awake @ROOT@/data/local/tmp/harness/changed && echo marked >> $S/order"
    settings = (phone.bin / "settings").read_text()
    case = f"case $1 in put) {recorder.replace('@ROOT@', str(phone.root))} ;; esac\ncase $1 in\n"
    (phone.bin / "settings").write_text(settings.replace("case $1 in\n", case, 1))
    make(Watching(SHELLS[0], root=phone.root, path=[phone.bin]), DeviceSettings(), journal)
    assert seen
    assert (phone.state / "order").read_text() == "marked\n"


def test_round_trips(phone: FakePhone, journal: Journal) -> None:
    shell = phone.shell()
    applied = make(shell, DeviceSettings(), journal)
    assert len(shell.calls) == 3
    shell.calls.clear()
    applied.restore()
    assert len(shell.calls) == 4


@pytest.mark.parametrize("root", [way for way in ROOT_WAYS if way], ids=" ".join)
def test_every_way_to_root(phone: FakePhone, journal: Journal, root: Root) -> None:
    (phone.state / "su").write_text(f"{root[1]}\n")
    applied = make(phone.shell(), replace(NOTHING, governor="powersave"), journal, root=root)
    assert applied.changed == ("governor:policy4: schedutil -> powersave",)
    applied.restore()
    assert phone.read(f"{CPUFREQ}/policy4/scaling_governor") == "schedutil"


def test_a_root_shell_needs_no_su(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), replace(NOTHING, governor="powersave"), journal, root=())
    assert applied.changed
    assert not any(call.startswith("su ") for call in phone.calls)


def test_root_that_is_refused_later(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), replace(NOTHING, governor="powersave"), journal)
    phone.lists("denied", "su")
    with pytest.raises(RestoreError, match="governor:policy4: the phone gave no answer as root") as failed:
        applied.restore()
    assert "adb -s S1 shell" in failed.value.remedy
    assert "schedutil" in failed.value.remedy
    assert journal.get("adb-1") is not None
    (phone.state / "denied").unlink()
    applied.restore()
    assert phone.read(f"{CPUFREQ}/policy4/scaling_governor") == "schedutil"
    assert journal.get("adb-1") is None


@pytest.mark.parametrize(
    ("settings", "other", "sentence"),
    [
        ({"governor": "performance"}, {"root": None}, "governor: it needs root, which this phone does not give"),
        ({"clock_khz": 900000}, {"root": None}, "clock_khz: it needs root, which this phone does not give"),
        ({"governor": "warp"}, {}, "governor: policy4 has no 'warp'; it offers schedutil, performance, powersave"),
        ({"governor": "performance"}, {"cpus": (9,)}, "governor: the phone shows no clock domain of these cores"),
        (
            {"fixed_performance_mode": True},
            {"sdk": 29},
            "fixed_performance_mode: it needs Android 11 or later, this phone has API level 29",
        ),
        (
            {"airplane_mode": True},
            {"over_tcp": True},
            "airplane_mode: it would cut the network connection to this phone; connect it by USB",
        ),
        (
            {"airplane_mode": True},
            {"sdk": 29, "root": None},
            "airplane_mode: it needs root, which this phone does not give",
        ),
    ],
)
def test_what_a_phone_cannot_do(
    phone: FakePhone, journal: Journal, settings: dict[str, Any], other: dict[str, Any], sentence: str
) -> None:
    before = phone.snapshot()
    applied = make(phone.shell(), replace(NOTHING, **settings), journal, **other)
    assert applied.not_made == (sentence,)
    assert applied.changed == ()
    assert phone.snapshot() == before
    assert journal.contents().entries == ()


def test_unsupported_fixed_performance_mode_is_not_undone(phone: FakePhone, journal: Journal) -> None:
    phone.lists("denied", "fixed_performance")
    applied = make(phone.shell(), replace(NOTHING, fixed_performance_mode=True), journal)
    assert applied.not_made == ("fixed_performance_mode: the phone refuses it: Failed to set FIXED_PERFORMANCE mode",)
    applied.restore()
    assert [call for call in phone.calls if call.endswith("enabled false")] == []


def test_fixed_performance_mode_that_cannot_be_undone(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), replace(NOTHING, fixed_performance_mode=True), journal)
    phone.lists("denied", "fixed_performance")
    with pytest.raises(RestoreError, match="fixed_performance_mode: Failed to set FIXED_PERFORMANCE mode") as failed:
        applied.restore()
    assert "cmd power set-fixed-performance-mode-enabled false" in failed.value.remedy


def test_fixed_performance_mode_is_undone_only_if_we_set_it(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), replace(NOTHING, fixed_performance_mode=False), journal)
    assert applied.changed == ("fixed_performance_mode: off",)
    applied.restore()
    assert [call for call in phone.calls if call.startswith("cmd power")] == [
        "cmd power set-fixed-performance-mode-enabled false"
    ]


def test_a_knob_that_ignores_the_write(phone: FakePhone, journal: Journal) -> None:
    phone.lists("ignored", "stay_on_while_plugged_in")
    shell = phone.shell()
    applied = make(shell, DeviceSettings(), journal)
    assert applied.not_made == ("stay_awake: written as 7, it is 0",)
    assert applied.changed == ("screen: Asleep -> Awake",)
    assert sum("settings put" in call for call in phone.calls) == 3
    applied.restore()
    assert journal.get("adb-1") is None


def test_a_denial_says_why(phone: FakePhone, journal: Journal) -> None:
    phone.lists("denied", "low_power")
    applied = make(phone.shell(), replace(NOTHING, battery_saver=False), journal)
    assert len(applied.not_made) == 1
    assert applied.not_made[0].startswith("battery_saver: the phone refuses it: java.lang.SecurityException")
    assert "USB debugging (Security settings)" in applied.not_made[0]


def test_a_denied_file_is_no_value(phone: FakePhone, journal: Journal) -> None:
    """The words of a denial are not taken for the original, which would be written back later."""
    file = phone.root / CPUFREQ / "policy4/scaling_min_freq"
    file.unlink()
    file.mkdir()
    applied = make(phone.shell(), replace(NOTHING, clock_khz="max"), journal)
    assert applied.changed == ()
    assert len(applied.not_made) == 1
    assert applied.not_made[0].startswith("clock:policy4: left alone, for what it is now cannot be read: ")


def test_a_text_on_standard_output_is_no_value(phone: FakePhone, journal: Journal) -> None:
    phone.settings("global.low_power", "Error: Permission denied")
    applied = make(phone.shell(), replace(NOTHING, battery_saver=False), journal)
    assert applied.changed == ()
    assert "cannot be read" in applied.not_made[0]


def test_bounds_are_moved_in_an_order_the_kernel_takes(phone: FakePhone, journal: Journal) -> None:
    folder = phone.root / CPUFREQ / "policy4"

    class Slow(LocalShell):
        """Waits before it writes a number, for the times of files are coarse."""

        def shell(self, script: str, **options: Any) -> Any:
            wait = 'printf() { case "$*" in "%s "[0-9]*) sleep 0.02 ;; esac; command printf "$@"; }'
            return super().shell(f"{wait}\n{script}", **options)

    def first_written() -> str:
        return min("min", "max", key=lambda one: (folder / f"scaling_{one}_freq").stat().st_mtime_ns)

    shell = Slow(SHELLS[0], root=phone.root, path=[phone.bin])
    applied = make(shell, replace(NOTHING, clock_khz=500000), journal, root=())
    assert applied.changed == ("clock:policy4: 500000 2841600 -> 500000 500000",)
    assert first_written() == "min"  # going down: never a lower bound above the upper one
    applied.restore()
    assert first_written() == "max"  # going up
    bounds = [phone.read(f"{CPUFREQ}/policy4/scaling_{one}_freq") for one in ("min", "max")]
    assert bounds == ["500000", "2841600"]


def test_a_clock_the_phone_does_not_offer(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), replace(NOTHING, clock_khz=1000000), journal, cpus=(1,))
    assert applied.changed == ("clock:policy0: 300000 1800000 -> 900000 900000 (the nearest it offers to 1000000)",)


def test_a_core_that_does_not_follow_its_bounds(phone: FakePhone, journal: Journal) -> None:
    phone.write(f"{CPUFREQ}/policy4/scaling_cur_freq", "1500000")
    applied = make(phone.shell(), replace(NOTHING, clock_khz="max"), journal)
    assert applied.changed == ("clock:policy4: 500000 2841600 -> 2841600 2841600",)
    assert applied.not_made == ("clock:policy4: set to 2841600, the core runs at 1500000",)


def test_a_service_that_puts_the_governor_back(phone: FakePhone, journal: Journal) -> None:
    """It holds for a moment, which is not enough."""

    def service(seconds: float) -> None:
        phone.write(f"{CPUFREQ}/policy4/scaling_governor", "schedutil")

    applied = make(phone.shell(), replace(NOTHING, governor="performance"), journal, sleep=service)
    assert applied.changed == ()
    assert applied.not_made == (
        "governor:policy4: written as performance, it is schedutil, for something on the phone puts it back",
    )


def test_hostile_names_of_policies_and_governors_stay_out_of_the_shell(phone: FakePhone, journal: Journal) -> None:
    phone.write(f"{CPUFREQ}/policy4;touch pwned/scaling_governor", "schedutil")
    phone.write(f"{CPUFREQ}/policy4/scaling_available_governors", "")
    applied = make(phone.shell(), replace(NOTHING, governor="$(touch pwned)'\n"), journal)
    assert applied.changed == ()
    assert "is no name of a governor" in applied.not_made[0]


def test_older_android_turns_airplane_mode_by_broadcast(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), replace(NOTHING, airplane_mode=True), journal, sdk=28)
    assert applied.changed == ("airplane_mode: not set -> 1",)
    assert "am broadcast -a android.intent.action.AIRPLANE_MODE --ez state true" in phone.calls
    applied.restore()
    assert "am broadcast -a android.intent.action.AIRPLANE_MODE --ez state false" in phone.calls


def test_a_full_phone_is_left_alone(phone: FakePhone, journal: Journal) -> None:
    before = phone.snapshot()
    command(phone.bin, "mkdir", 'echo "mkdir: cannot create: No space left on device" >&2; exit 1')
    with pytest.raises(StorageFullError, match="nothing is changed"):
        make(phone.shell(), DeviceSettings(), journal)
    assert phone.snapshot() == before
    assert journal.get("adb-1") is None


def test_a_silent_shell_keeps_the_journal(phone: FakePhone, journal: Journal) -> None:
    shell = phone.shell()
    with pytest.raises(DeviceError, match="no answer"):
        make(LocalShell(("true",)), DeviceSettings(), journal)
    make(shell, DeviceSettings(), journal)
    with pytest.raises(DeviceError, match="no answer"):
        put_back(Phone(LocalShell(("true",)), "adb-1"), journal)
    assert journal.get("adb-1") is not None


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("root", [(), SU], ids=["root", "su"])
def test_what_is_sent_is_shellcheck_clean(phone: FakePhone, journal: Journal, root: Root) -> None:
    shell = phone.shell()
    make(shell, EVERYTHING, journal, root=root).restore()
    for script in shell.calls:
        # SC2016: what su is given stands in single quotes on purpose.
        check = ["shellcheck", "--shell=sh", "--exclude=SC2016", "-"]
        done = subprocess.run(check, input=script, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout


# ---- losing the phone, or the host, at any point ---------------------------------------------------------------------


class Unplugged(LocalShell):
    """Loses the phone at the `at`-th call: `done` after the script ran, else before."""

    def __init__(self, phone: FakePhone, at: int, done: bool, error: type[BaseException]) -> None:
        super().__init__(SHELLS[0], root=phone.root, path=[phone.bin])
        self.at, self.done, self.error = at, done, error

    def shell(self, script: str, **options: Any) -> Any:
        last = len(self.calls) + 1 == self.at
        if last and not self.done:
            raise self.error("lost")
        result = super().shell(script, **options)
        if last:
            raise self.error("lost")
        if result.returncode == -9:
            raise DeviceOfflineError("lost")
        return result


def recovered(phone: FakePhone, journal: Journal) -> dict[str, str]:
    """What the phone is like after `harness restore`; nothing may be left of the journal and the marker."""
    (phone.state / "die_at").unlink(missing_ok=True)
    put_back(Phone(phone.shell(), "adb-1", sdk=34), journal, sleep=lambda _: None).check("adb-1")
    assert journal.contents() == Journal(journal.folder / "none").contents()
    assert not phone.marker.exists()
    found = phone.snapshot()
    if found.get("settings/global.airplane_mode_on") == "0":
        del found["settings/global.airplane_mode_on"]
    return found


ALL_THE_TIME = pytest.param(EVERYTHING, marks=pytest.mark.slow, id="everything")


@pytest.mark.parametrize("settings", [pytest.param(SOME, id="some"), ALL_THE_TIME])
@pytest.mark.parametrize(
    ("done", "error"),
    [(False, KeyboardInterrupt), (True, DeviceOfflineError)],
    ids=["interrupted-before", "lost-after"],
)
def test_a_loss_at_any_call_leaves_a_journal_that_restores_everything(
    phone: FakePhone, journal: Journal, done: bool, error: type[BaseException], settings: DeviceSettings
) -> None:
    before = phone.snapshot()
    whole = Unplugged(phone, 0, done, error)
    make(whole, settings, journal).restore()
    calls = len(whole.calls)
    assert calls >= 8
    for at in range(1, calls + 1):
        shell = Unplugged(phone, at, done, error)
        with pytest.raises(error):
            make(shell, settings, journal).restore()
        assert recovered(phone, journal) == before, f"lost at call {at}"


@pytest.mark.parametrize("settings", [pytest.param(LITTLE, id="little"), ALL_THE_TIME])
def test_a_death_inside_a_script_leaves_a_journal_that_restores_everything(
    phone: FakePhone, journal: Journal, settings: DeviceSettings
) -> None:
    """The phone's shell is killed at each command in turn, during the changes and during the undoing."""
    before = phone.snapshot()
    phone.die_at(-1)
    make(Unplugged(phone, 0, True, OSError), settings, journal).restore()
    total = int((phone.state / "count").read_text())
    assert total >= 10
    assert recovered(phone, journal) == before
    for at in range(1, total + 1):
        phone.die_at(at)
        with pytest.raises(DeviceOfflineError):
            make(Unplugged(phone, 0, True, OSError), settings, journal).restore()
        assert recovered(phone, journal) == before, f"killed at command {at}"


def test_an_interruption_is_undone_at_once(phone: FakePhone, journal: Journal) -> None:
    before = phone.snapshot()
    with pytest.raises(KeyboardInterrupt):
        make(Unplugged(phone, 3, True, KeyboardInterrupt), replace(NOTHING, brightness=40), journal)
    assert phone.snapshot() == before
    assert any("screen_brightness 40" in call for call in phone.calls)
    assert journal.get("adb-1") is None


def test_the_next_session_puts_back_what_a_crash_left(phone: FakePhone, journal: Journal) -> None:
    before = phone.snapshot()
    make(phone.shell(), replace(NOTHING, brightness=40), journal)
    applied = make(phone.shell(), replace(NOTHING, brightness=80), journal)
    assert applied.changed == ("brightness_mode: 1 -> 0 (automatic brightness off)", "brightness: 128 -> 80")
    assert applied.notes == (
        "put back from an earlier session: brightness: 40 -> 128",
        "put back from an earlier session: brightness_mode: 0 -> 1",
    )
    applied.restore()
    assert phone.snapshot() == before


def test_what_an_earlier_session_cannot_undo_keeps_its_original(phone: FakePhone, journal: Journal) -> None:
    before = phone.snapshot()
    make(phone.shell(), replace(NOTHING, brightness=40), journal)
    phone.lists("ignored", "screen_brightness")
    applied = make(phone.shell(), replace(NOTHING, brightness=80, battery_saver=False), journal)
    assert any("still changed by an earlier session: brightness: it stays 40" in note for note in applied.notes)
    with pytest.raises(RestoreError, match="brightness: it stays 40, it was 128"):
        applied.restore()
    phone.lists("ignored")
    applied.restore()
    assert phone.snapshot() == before


def test_a_failed_restore_names_each_setting_and_keeps_the_rest_restored(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), replace(NOTHING, brightness=40, battery_saver=False), journal)
    phone.lists("denied", "screen_brightness", "low_power")
    with pytest.raises(RestoreError) as failed:
        applied.restore()
    assert "brightness: java.lang.SecurityException" in failed.value.what
    assert "battery_saver: " in failed.value.what
    assert "adb -s S1 shell 'settings put system screen_brightness 128'" in failed.value.remedy
    entry = journal.get("adb-1")
    assert entry is not None
    assert {change.key for change in entry.changes} == {"brightness", "battery_saver"}
    assert {change["key"] for change in json.loads(phone.marker.read_text())["changes"]} == {
        "brightness",
        "battery_saver",
    }


def test_restoring_twice_does_nothing_more(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), EVERYTHING, journal)
    applied.restore()
    phone.settings("system.screen_brightness", "77")
    assert applied.restore().restored == ()
    assert phone.snapshot()["settings/system.screen_brightness"] == "77"


def test_after_a_reboot_the_governor_is_no_failure(phone: FakePhone, journal: Journal) -> None:
    applied = make(phone.shell(), EVERYTHING, journal)
    phone.write("proc/sys/kernel/random/boot_id", "99999999-2222-3333-4444-555555555555")
    phone.write(f"{CPUFREQ}/policy4/scaling_governor", "walt")
    phone.write(f"{CPUFREQ}/policy4/scaling_min_freq", "600000")
    phone.lists("denied", "su")
    restored = applied.restore()
    assert set(restored.rebooted) == {
        "screen",
        "fixed_performance_mode",
        "tunable:policy4/schedutil/up_rate_limit_us",
        "governor:policy4",
        "clock:policy4",
    }
    assert phone.read(f"{CPUFREQ}/policy4/scaling_governor") == "walt"
    assert phone.snapshot()["settings/system.screen_brightness"] == "128"
    assert journal.get("adb-1") is None


def test_another_host_restores_from_the_marker(phone: FakePhone, journal: Journal, tmp_path: Path) -> None:
    before = phone.snapshot()
    make(phone.shell(), replace(NOTHING, governor="performance", brightness=40), journal)
    elsewhere = Journal(tmp_path / "elsewhere")
    put_back(Phone(phone.shell(), "adb-1"), elsewhere).check("adb-1")
    assert phone.snapshot() == before
    # The first host learns of it, and leaves alone what a person changed since.
    phone.settings("system.screen_brightness", "200")
    assert put_back(Phone(phone.shell(), "adb-1"), journal).restored == ()
    assert phone.snapshot()["settings/system.screen_brightness"] == "200"
    assert journal.get("adb-1") is None


def test_a_wiped_phone_is_restored_from_the_host(phone: FakePhone, journal: Journal) -> None:
    before = phone.snapshot()
    make(phone.shell(), replace(NOTHING, brightness=40), journal)
    phone.marker.unlink()
    put_back(Phone(phone.shell(), "adb-1"), journal).check("adb-1")
    assert phone.snapshot() == before


@pytest.mark.parametrize(
    "change",
    [
        {"key": "governor:policy0;reboot", "original": "x", "wanted": "y"},
        {"key": "tunable:policy0/../../../../../../etc/passwd", "original": "x", "wanted": None},
        {"key": "battery_saver", "original": "1; touch /tmp/pwned", "wanted": "2"},
        {"key": "governor:policy0", "original": "$(reboot)", "wanted": "2"},
        {"key": "governor:policy0", "original": None, "wanted": "2"},
        {"key": "no_such_setting", "original": "1", "wanted": "2"},
    ],
)
def test_a_hostile_marker_is_refused(phone: FakePhone, journal: Journal, change: dict[str, str]) -> None:
    before = phone.snapshot()
    make(phone.shell(), replace(NOTHING, brightness=40), journal)
    text = json.loads(phone.marker.read_text())
    journal.remove("adb-1")
    text["changes"].append(change)
    phone.marker.write_text(json.dumps(text))
    restored = put_back(Phone(phone.shell(), "adb-1", root=SU), journal)
    assert [failure.key for failure in restored.failed] == [change["key"]]
    assert phone.snapshot() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', "\x00\xff", '{"version": 1, "root": ["reboot"]}'])
def test_a_damaged_marker_is_said_and_does_not_stop_the_journal(phone: FakePhone, journal: Journal, text: str) -> None:
    before = phone.snapshot()
    make(phone.shell(), replace(NOTHING, brightness=40), journal)
    phone.marker.write_text(text)
    restored = put_back(Phone(phone.shell(), "adb-1"), journal)
    assert ("damaged" in "".join(restored.notes)) == bool(text)
    assert phone.snapshot() == before
