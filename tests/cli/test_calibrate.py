"""`harness calibrate` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.content import canonical_json
from harness.devices.registry import open_host
from harness.domain import ClassProfile, ComparisonVerdict, DeviceProfile, NoiseRecord, RunRecord, Target
from harness.lab.calibrate import calibration_sweep
from harness.lab.lane import utc_now
from harness.lab.pairs import PairsRequest, comparison_settings
from harness.measure.stopping import FixedBlocks
from harness.store import Store
from harness.sweep import pair_with_itself, parse_sweep
from tests.cli.command_line import CommandLine

HOST = open_host().facts()


def keep(folder: Path, profile: DeviceProfile) -> None:
    (folder / "reports").mkdir(exist_ok=True)
    with Store.open(folder / "reports" / "harness.sqlite") as store:
        store.save_profile(profile)


def profile(device_id: str = HOST.device_id, at: str = "", os_build: str = HOST.os_build) -> DeviceProfile:
    one = ClassProfile("cpu 1 to 10 ms", 30, 1, 0.031, 0.015, 0.1, 0.8, 99, 12, 0.004, 30.0, ((0.05, 150.0),))
    return DeviceProfile(device_id, at or utc_now(), os_build, (one,))


@pytest.mark.parametrize("name", ["edgetpu", "usb:0", ":0", f"edgetpu-{HOST.device_id.removeprefix('host-')}-usb0"])
def test_an_edge_tpu_that_is_not_there(harness: CommandLine, name: str) -> None:
    done = harness("calibrate", name, "--display", "none")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Edge TPU" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_edge_tpu_of_another_host_is_not_this_hosts(harness: CommandLine) -> None:
    done = harness("calibrate", "edgetpu-elsewhere-usb0", "--display", "none")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Edge TPU" not in done.stderr


def test_the_profile_of_an_edge_tpu_is_found_by_its_names(harness: CommandLine, tmp_path: Path) -> None:
    device_id = f"edgetpu-{HOST.device_id.removeprefix('host-')}-usb0"
    keep(tmp_path, profile(device_id))
    for name in ("edgetpu", "usb:0", device_id):
        assert f"{device_id}, calibrated" in harness("calibrate", name, "--show").stdout
    assert "Nothing is known" in harness("calibrate", "usb:1", "--show").stdout


def begin(folder: Path, *states: str) -> None:
    """Comparisons that an interrupted calibration left, each with one noise record when it finished."""
    sweep = calibration_sweep(
        parse_sweep('{"name": "c", "models": ["digits_cnn"], "variants": ["int8"]}', "c", known_models=["digits_cnn"]),
        Target("host"),
        8,
    )
    pairs = pair_with_itself(sweep).pairs
    (folder / "reports").mkdir(exist_ok=True)
    with Store.open(folder / "reports" / "harness.sqlite") as store:
        for number, state in enumerate(states):
            asked = PairsRequest(pairs, sweep, FixedBlocks(8), "calibrate", folder, folder, 1)
            settings = canonical_json({"comparison": comparison_settings(asked)})
            run = RunRecord(f"run{number}", "calibrate", "", asked.sha256, settings, "1", utc_now())
            cases = [case for pair in pairs for case in (pair.base, pair.candidate)]
            store.create_run(run, [(case, HOST.device_id) for case in cases])
            store.save_facts(run.run_id, HOST)
            store.finish_run(run.run_id, state, utc_now())
            if state == "finished":
                noise = NoiseRecord(
                    HOST.device_id,
                    "cpu 1 to 10 ms",
                    utc_now(),
                    run.run_id,
                    pairs[0].series,
                    -0.012,
                    ComparisonVerdict.SAME,
                    8,
                    "calibrate",
                )
                store.add_noise([noise])


def test_after_an_interrupt_it_says_what_is_there_and_how_to_go_on(harness: CommandLine, tmp_path: Path) -> None:
    begin(tmp_path, "finished", "finished", "interrupted")
    done = harness("calibrate", "host", "--show")
    assert done.returncode == 0, done.stderr
    assert "Nothing is known" not in done.stdout
    assert "2 finished, 1 broken off" in done.stdout
    assert "2 times a build against itself in 1 series: 1.2% at most, 0 of them called a change" in done.stdout
    assert "harness calibrate host --resume" in done.stdout
    told = json.loads(harness("calibrate", "host", "--show", "--json").stdout)
    assert (told["usable"], told["profile"], told["begun"]["finished"]) == (False, None, 2)


def test_a_profile_ends_what_was_begun(harness: CommandLine, tmp_path: Path) -> None:
    begin(tmp_path, "finished", "interrupted")
    keep(tmp_path, profile())
    done = harness("calibrate", "host", "--show")
    assert "30, 1 of them" in done.stdout
    assert "--resume" not in done.stdout


def test_there_may_be_nothing_to_resume(harness: CommandLine, tmp_path: Path) -> None:
    done = harness("calibrate", "host", "--resume", "--display", "none")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no such calibration to go on with" in done.stderr
    assert "--show" in done.stderr


def test_a_phone_that_is_not_there(harness: CommandLine) -> None:
    done = harness("calibrate", "R58M123456", "--display", "none")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--blocks", "7"), "8<=x"),
        (("--comparisons", "0"), "1<=x"),
        (("--models", "mobilenet_v9"), "mobilenet_v9"),
        (("--models", "digits_cnn", "--sweep", "a.yaml"), "exclude each other"),
        (("--sweep", "none.yaml"), "none.yaml"),
        (("--models", ""), "models: it is empty"),
        (("--models", " , "), "models: it is empty"),
    ],
)
def test_wrong_options(harness: CommandLine, options: tuple[str, ...], words: str) -> None:
    done = harness("calibrate", "host", *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr


def test_nothing_is_known_yet(harness: CommandLine, tmp_path: Path) -> None:
    done = harness("calibrate", "host", "--show")
    assert done.returncode == 0, done.stderr
    assert "Nothing is known of host" in done.stdout
    assert json.loads(harness("calibrate", "host", "--show", "--json").stdout) is None
    assert not (tmp_path / "reports").exists()


def test_what_is_known_is_shown(harness: CommandLine, tmp_path: Path) -> None:
    keep(tmp_path, profile())
    shown = harness("calibrate", "host", "--show")
    assert shown.returncode == 0, shown.stderr
    for words in (HOST.device_id, "cpu 1 to 10 ms", "3.1%", "30, 1 of them", "2 min 30 s (+5%)"):
        assert words in shown.stdout
    assert "not used" not in shown.stdout
    told = json.loads(harness("calibrate", HOST.device_id, "--show", "--json").stdout)
    assert (told["usable"], told["profile"]["classes"][0]["iterations"]) == (True, 99)


def test_an_aged_profile_says_why_it_is_not_used(harness: CommandLine, tmp_path: Path) -> None:
    keep(tmp_path, profile(os_build="older"))
    assert "not used: it was calibrated with another system" in harness("calibrate", "host", "--show").stdout
    keep(tmp_path, profile("adb-r58m123456", at="2020-01-01T00:00:00+00:00", os_build="any"))
    phone = json.loads(harness("calibrate", "R58M123456", "--show", "--json").stdout)
    assert phone["usable"] is False
    assert "days ago" in phone["reason"]


def test_a_plan_knows_what_a_calibrated_device_costs(harness: CommandLine, tmp_path: Path) -> None:
    text = "name: a\nmodels: [digits_cnn]\nvariants: [int8]\nmeasure: {blocks: 8, memory: false, profile: false}\n"
    (tmp_path / "a.yaml").write_text(text)
    before_s = json.loads(harness("plan", "a.yaml", "--json").stdout)["estimated_s"]
    keep(tmp_path, profile())
    after_s = json.loads(harness("plan", "a.yaml", "--json").stdout)["estimated_s"]
    assert after_s - before_s == pytest.approx(9 * (30.0 - 0.6))
    keep(tmp_path, profile(os_build="older"))
    assert json.loads(harness("plan", "a.yaml", "--json").stdout)["estimated_s"] == before_s


@pytest.mark.slow
def test_a_calibration_on_this_host_and_its_profile(harness: CommandLine, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from tests.cli.command_line import MODELS, WINDOWS

    sweep = f"name: a\nmodels: [{{file: {MODELS / 'float32.tflite'}}}]\nvariants: [float32]\nmeasure: {{{WINDOWS}}}\n"
    (tmp_path / "a.yaml").write_text(sweep)
    done = harness("calibrate", "host", "--sweep", "a.yaml", "--comparisons", "1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["comparisons"]) == ("finished", 1)
    assert told["profile"]["classes"][0]["comparisons"] == 1
    again = harness("calibrate", "host", "--sweep", "a.yaml", "--comparisons", "1", "--display", "plain")
    (heads,) = [line for line in again.stdout.splitlines() if line.startswith("model class")]
    assert heads.split() == ["model", "class", "noise", "floor", "false", "A/A", "inferences", "blocks", "time"]
    assert "1, 0 of them" in harness("calibrate", "host", "--show").stdout or told["profile"]["quarantine"] == ""
