"""A device's profile as text."""

from harness.domain import ClassProfile, DeviceProfile
from harness.report.calibration import profile_text, summary_text


def test_what_is_not_known_says_so() -> None:
    text = profile_text(DeviceProfile("phone", "today", "", (ClassProfile("cpu 1 to 10 ms", 3, 0, 0.02),)))
    assert "system  not known" in text
    assert "best inferences           not known" in text
    assert "more than 200" not in text
    assert "the largest of 3 A/A comparisons, too few to judge" in text


def test_a_quarantine_stands_first() -> None:
    lines = profile_text(DeviceProfile("phone", "today", "b", (), "it cries wolf"), "too old").splitlines()
    assert lines[2:5] == [
        "  not used: too old",
        "  QUARANTINED, its verdicts are INCONCLUSIVE: it cries wolf",
        "  no comparison",
    ]


def test_names_cannot_command_a_terminal() -> None:
    hostile = "a\x1b[31m\u202e"
    text = profile_text(
        DeviceProfile(hostile, "today", hostile, (ClassProfile(hostile, 1, 0, 0.02),), hostile), hostile
    )
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_times_are_told_by_change() -> None:
    one = ClassProfile("cpu 1 to 10 ms", 30, 0, 0.02, seconds_for=((0.0, 139.0), (0.05, 150.0)))
    assert "2 min 19 s (nothing changed), 2 min 30 s (+5%)" in profile_text(DeviceProfile("p", "t", "b", (one,)))


def test_the_summary_has_a_line_a_class() -> None:
    known = ClassProfile("cpu 1 to 10 ms", 30, 1, 0.031, 0.01, 0.1, 0.8, 1200, 12, 0.004, 1.0, ((0.05, 150.0),))
    unknown = ClassProfile("edgetpu under 0.1 ms", 2, 0, 0.02)
    lines = summary_text(DeviceProfile("p", "t", "b", (known, unknown), "it cries wolf")).splitlines()
    cells = [line.split("  ") for line in lines]
    assert [[cell.strip() for cell in row if cell.strip()] for row in cells[:3]] == [
        ["model class", "noise floor", "false A/A", "inferences", "blocks", "time"],
        ["cpu 1 to 10 ms", "3.1%", "1 of 30", "1,200", "12", "2 min 30 s"],
        ["edgetpu under 0.1 ms", "2.0%", "0 of 2", "not known", "not known", "not known"],
    ]
    assert lines[-1] == "QUARANTINED: it cries wolf"
    assert all(len(line) <= 100 for line in lines)
    assert "no comparison" in summary_text(DeviceProfile("p", "t", "b", ()))
