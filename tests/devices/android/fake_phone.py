"""A phone for tests of settings: files below a folder, and fake Android commands that keep their state in files.

`state/ignored` lists names whose writes are accepted and lost, `state/denied` those that are refused as Android does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.devices.android.local_shell import SHELLS, LocalShell, command

BOOT = "11111111-2222-3333-4444-555555555555"
CPUFREQ = "sys/devices/system/cpu/cpufreq"

_PRELUDE = """S=@STATE@
listed() { [ -e $S/$1 ] && grep -qx "$2" $S/$1; }
count() { n=$(($(cat $S/count) + 1)); echo $n > $S/count; [ "$n" != "$(cat $S/die_at 2>/dev/null)" ] || kill -9 0; }
[ ! -e $S/die_at ] || count
echo "${0##*/} $*" >> $S/calls
"""

_SETTINGS = """
deny() {
  echo "java.lang.SecurityException: Permission denial: needs android.permission.WRITE_SECURE_SETTINGS" >&2
  exit 255
}
case $1 in
get) cat $S/settings/$2.$3 2>/dev/null || echo null ;;
put) listed denied $3 && deny; listed ignored $3 || echo "$4" > $S/settings/$2.$3 ;;
delete) listed denied $3 && deny; listed ignored $3 || rm -f $S/settings/$2.$3; echo "Deleted 1 rows" ;;
esac
"""

_CMD = """
case "$1 $2" in
"connectivity airplane-mode")
  listed ignored airplane_mode_on && exit 0
  case $3 in enable) echo 1 ;; *) echo 0 ;; esac > $S/settings/global.airplane_mode_on ;;
"power set-fixed-performance-mode-enabled")
  listed denied fixed_performance && { echo "Failed to set FIXED_PERFORMANCE mode" >&2; exit 255; }
  echo $3 > $S/fixed_performance ;;
*) echo "cmd: Can't find service: $1" >&2; exit 20 ;;
esac
"""

_SU = """
listed denied su && { echo "su: permission denied" >&2; exit 1; }
[ "$(cat $S/su)" = "$1" ] || { echo "su: invalid uid/gid '$1'" >&2; exit 1; }
shift
case $# in 1) exec sh -c "$1" ;; *) exec "$@" ;; esac
"""

_COMMANDS = {
    "settings": _SETTINGS,
    "cmd": _CMD,
    "su": _SU,
    "dumpsys": "printf 'Power Manager State:\\n  mWakefulness=%s\\n  mIsPowered=true\\n' $(cat $S/wakefulness)",
    "input": "listed ignored screen || case $2 in 224) echo Awake ;; 223) echo Asleep ;; esac > $S/wakefulness",
    "am": 'echo "Broadcasting: Intent"',
}


class FakePhone:
    """The state of one phone; several shells may reach it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state, self.bin = folder / "root", folder / "state", folder / "bin"
        (self.state / "settings").mkdir(parents=True)
        (self.root / "data/local/tmp").mkdir(parents=True)
        self.write("proc/sys/kernel/random/boot_id", BOOT)
        self.write("proc/uptime", "1000.00 900.00")
        for name, script in _COMMANDS.items():
            command(self.bin, name, _PRELUDE.replace("@STATE@", str(self.state)) + script)
        (self.state / "wakefulness").write_text("Asleep\n")
        (self.state / "su").write_text("-c\n")
        self.settings("global.stay_on_while_plugged_in", "0")
        self.settings("global.low_power", "1")
        self.settings("global.window_animation_scale", "1.0")
        self.settings("global.transition_animation_scale", "0.5")
        self.settings("system.screen_brightness", "128")
        self.settings("system.screen_brightness_mode", "1")
        self.policy("policy0", "0 1 2 3", "300000 900000 1800000")
        self.policy("policy4", "4 5 6 7", "500000 1500000 2841600")

    def shell(self, sh: tuple[str, ...] = SHELLS[0], before: Callable[[str], None] | None = None) -> LocalShell:
        return LocalShell(sh, root=self.root, path=[self.bin], before=before)

    def policy(self, name: str, cpus: str, steps: str) -> None:
        words = steps.split()
        files = {
            "related_cpus": cpus,
            "cpuinfo_max_freq": words[-1],
            "scaling_available_governors": "schedutil performance powersave",
            "scaling_available_frequencies": f"{steps} ",
            "scaling_governor": "schedutil",
            "scaling_min_freq": words[0],
            "scaling_max_freq": words[-1],
            "schedutil/up_rate_limit_us": "500",
        }
        for file, value in files.items():
            self.write(f"{CPUFREQ}/{name}/{file}", value)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def read(self, path: str) -> str:
        return (self.root / path).read_text().strip()

    def settings(self, name: str, value: str) -> None:
        (self.state / "settings" / name).write_text(f"{value}\n")

    def lists(self, name: str, *words: str) -> None:
        """Write `ignored` or `denied`."""
        (self.state / name).write_text("".join(f"{word}\n" for word in words))

    def die_at(self, call: int) -> None:
        """Kill the script that makes the `call`-th call of a command from now on; 0 for never."""
        (self.state / "count").write_text("0\n")
        (self.state / "die_at").write_text(f"{call}\n")

    @property
    def calls(self) -> list[str]:
        file = self.state / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def snapshot(self) -> dict[str, str]:
        """All that can be changed, by name."""
        found = {f"settings/{file.name}": file.read_text().strip() for file in (self.state / "settings").iterdir()}
        for file in (self.root / CPUFREQ).rglob("*"):
            if file.is_file():
                found[str(file.relative_to(self.root / CPUFREQ))] = file.read_text().strip()
        found["awake"] = str((self.state / "wakefulness").read_text().strip() == "Awake")
        fixed = self.state / "fixed_performance"
        found["fixed_performance"] = fixed.read_text().strip() if fixed.exists() else "false"
        return found

    @property
    def marker(self) -> Path:
        return self.root / "data/local/tmp/harness/changed"
