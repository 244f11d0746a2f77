"""Nights of an Edge TPU: compiled files in pairs, baselines and pinned builds. The files are made up, and no Edge TPU
is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from harness.content import file_digest
from harness.domain import Baseline, Case, EdgeTpuMapping, MappedOperator, RuntimeRef, Status, Target, VariantFile
from harness.lab.interpreters import offers_of
from harness.lab.night_plan import is_a_a, plan_night
from harness.lab.pinned_build import keep_build, load_build
from harness.measure.past_nights import measured_thing
from harness.sweep import Sweep, expand, pair_with_itself, parse_sweep
from tests.lab.night_bench import FakeRun, no_tool, offers
from tests.lab.night_bench import sweep as made_files

TEXT = """name: coral
models: [{name: alpha, file: alpha.tflite}, {name: beta, file: beta.tflite}]
variants: [int8]
targets: [{edgetpu: {device: "usb:0"}}]
runtimes: [{pycoral: {python: /opt/coral/bin/python}}, litert]
"""
OPERATORS = (MappedOperator("ADD", 10, "Mapped to Edge TPU"),)
MAPPING = EdgeTpuMapping("16.0.384591198", "14", 264, 3, 1, operators=OPERATORS)


def sweep(folder: Path) -> Sweep:
    made_files(folder)
    return parse_sweep(TEXT, str(folder / "coral.yaml"), known_models=(), folder=folder)


def compiled(folder: Path) -> tuple[VariantFile, ...]:
    found = []
    for name in ("alpha", "beta"):
        path, check = folder / f"{name}_edgetpu.tflite", folder / f"{name}_check.npz"
        path.write_bytes(f"compiled {name}".encode())
        check.write_bytes(f"check of {name}".encode())
        file = VariantFile(name, "edgetpu", Status.DONE, path=str(path), sha256=file_digest(path), edgetpu=MAPPING)
        found.append(replace(file, check_path=str(check)))
    return tuple(found)


def pinned(folder: Path) -> Baseline:
    asked = sweep(folder)
    build = keep_build(asked, compiled(folder), folder / "baselines" / "coral", offers, no_tool)
    return Baseline("coral", "2026-01-01T00:00:00+00:00", "coral", asked.resolved_json, build.files)


def test_a_series_is_called_the_same_from_build_to_build(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    series = [
        [(pair.series, pair.series_id) for pair in pair_with_itself(sweep(place)).pairs]
        for place in (tmp_path, tmp_path / "elsewhere")
    ]
    assert series[0] == series[1]
    assert [name for name, _ in series[0]] == [
        "alpha edgetpu · edgetpu 1 thread · edgetpu device=usb:0",
        "alpha edgetpu · edgetpu 1 thread · edgetpu device=usb:0 · litert",
        "beta edgetpu · edgetpu 1 thread · edgetpu device=usb:0",
        "beta edgetpu · edgetpu 1 thread · edgetpu device=usb:0 · litert",
    ]


def test_two_sticks_measure_alike(tmp_path: Path) -> None:
    """So that a second one can confirm what the first one shows."""
    one = pair_with_itself(sweep(tmp_path)).pairs[0]
    outcome = FakeRun()._outcome(one)
    other = replace(one.base, target=Target("edgetpu", (("device", "usb:1"),)))
    moved = FakeRun()._outcome(pair_with_itself(replace(sweep(tmp_path), targets=(other.target,))).pairs[0])
    assert outcome.series != moved.series
    assert measured_thing(outcome) == measured_thing(moved)


def test_what_the_compiler_mapped_and_the_copies_survive_the_pinned_build(tmp_path: Path) -> None:
    baseline = pinned(tmp_path)
    for file in compiled(tmp_path):
        assert file.path is not None
        Path(file.path).unlink()  # the build that is measured is the copy
    build = load_build(baseline)
    assert build.verify(offers) == ()
    cases = expand(build.sweep).cases
    assert [case.variant for case in cases] == ["edgetpu"] * 4
    for case in cases:
        file = build.file(case)
        assert file.edgetpu == MAPPING
        assert file.path is not None
        assert file.check_path is not None
        assert Path(file.path).read_bytes() == f"compiled {case.model.name}".encode()
        assert Path(file.check_path).is_relative_to(build.folder)
        assert build.why_gone(case) == ""


def test_a_night_pairs_the_pinned_copy_with_what_is_compiled_tonight(tmp_path: Path) -> None:
    build = load_build(pinned(tmp_path))
    build.verify(offers)
    plan = plan_night(sweep(tmp_path), build, 0)
    assert len(plan.compared) == 4
    assert plan.beside == ()
    assert [is_a_a(pair.series) for pair in plan.pairs[:2]] == [True, False]
    assert plan.files["alpha", "edgetpu"].edgetpu == MAPPING
    assert ("alpha-candidate", "edgetpu") not in plan.files


def test_an_interpreter_with_another_pycoral_is_found_out(tmp_path: Path) -> None:
    build = load_build(pinned(tmp_path))
    assert {runtime.name for runtime in build.interpreters} == {"pycoral", "litert"}
    (problem,) = build.verify(lambda runtime: "pycoral 3" if runtime.name == "pycoral" else offers(runtime))
    assert problem.startswith("pycoral")
    assert "offers 'pycoral 3' now" in problem

    def why(case: Case) -> bool:
        return bool(build.why_gone(case))

    assert [why(case) for case in expand(build.sweep).cases] == [True, False, True, False]


def test_an_interpreter_is_asked_without_an_edge_tpu(tmp_path: Path) -> None:
    python = tmp_path / "python"
    found = {"pycoral": "2.0.0", "tflite_runtime": "2.5.0", "numpy": "1.26", "libedgetpu": "libedgetpu1-std 16.0"}
    python.write_text(f"#!/bin/sh\n[ \"$4\" = --versions ] || exit 1\necho '{json.dumps(found)}'\n")
    python.chmod(0o755)
    told = offers_of(RuntimeRef("pycoral", python=str(python)))
    assert told == f"{python}: libedgetpu libedgetpu1-std 16.0, pycoral 2.0.0, tflite_runtime 2.5.0"
    python.write_text("#!/bin/sh\necho broken\n")
    assert "does not say" in offers_of(RuntimeRef("pycoral", python=str(python)))
    assert "is not an executable" in offers_of(RuntimeRef("pycoral", python=str(tmp_path / "gone")))
