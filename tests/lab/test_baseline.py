"""A build is pinned, found out when it is altered, and linked to the one before it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.content import file_digest
from harness.domain import BASE, CANDIDATE, ModelRef, RuntimeRef, Status, VariantFile
from harness.errors import StableError, UsageError
from harness.lab import baseline as baselines
from harness.lab.baseline import PinRequest, PinResult, baselines_folder, pin_baseline, require_baseline
from harness.lab.interpreters import asked_once
from harness.lab.pairs import PairsRequest, PairsResult
from harness.lab.pinned_build import keep_build, load_build
from harness.measure.stopping import Looks
from harness.store import LeaseBook, Store
from harness.sweep import Sweep, expand
from tests.lab.night_bench import FakeRun, around, no_tool, offers, pinned, prepared, sweep


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


class Bench:
    """Pins the sweep of a folder."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store, self.run = folder, store, FakeRun()
        self.asked: list[PairsRequest] = []

    def measure(self, request: PairsRequest) -> PairsResult:
        self.asked.append(request)
        with LeaseBook.open(self.folder / "leases.sqlite") as leases:
            return self.run(request, **vars(around(self.store, leases)))

    def pin(self, asked: Sweep | None = None, at: str = "2026-01-01T00:00:00+00:00", **more: Any) -> PinResult:
        folder = self.folder
        request = PinRequest(
            asked or sweep(folder), "release", folder / "baselines", folder / "reports", folder / "cache", 1, **more
        )
        return pin_baseline(
            request, store=self.store, measure=self.measure, say=lambda text: None, ask=offers, now=lambda: at
        )


@pytest.fixture
def bench(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Bench:
    def prepare(models: Sequence[ModelRef], variants: Sequence[str], **_: Any) -> tuple[VariantFile, ...]:
        return tuple(file for file in prepared(sweep(tmp_path), tmp_path) if file.model in {one.name for one in models})

    monkeypatch.setattr(baselines, "prepare", prepare)
    return Bench(tmp_path, store)


# ---- the copies ------------------------------------------------------------------------------------------------------


def test_every_file_of_the_build_is_copied_and_held_to_its_hash(tmp_path: Path) -> None:
    found = pinned(sweep(tmp_path), tmp_path)
    assert len(found.files) == 4  # three models and the description
    assert all(file_digest(Path(path)) == sha256 for path, sha256 in found.files)
    build = load_build(found)
    assert build.verify(offers) == ()
    assert not any(path.name.startswith(".new") for path in (tmp_path / "baselines" / "farm").iterdir())


def test_the_same_build_is_the_same_folder_and_another_is_another(tmp_path: Path) -> None:
    first = pinned(sweep(tmp_path), tmp_path)
    commented = sweep(tmp_path, "# a comment\nnightly: {page_after: 3}\n")
    assert pinned(commented, tmp_path).files == first.files
    (tmp_path / "beta.tflite").write_bytes(b"changed")
    assert pinned(sweep(tmp_path), tmp_path).files != first.files


def test_pinning_again_mends_altered_copies(tmp_path: Path) -> None:
    first = pinned(sweep(tmp_path), tmp_path)
    Path(first.files[0][0]).write_bytes(b"altered")
    assert pinned(sweep(tmp_path), tmp_path).files == first.files
    assert load_build(first).verify(offers) == ()


def test_tools_libraries_and_delegates_are_copied_and_used(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"tool")
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "libx.so").write_bytes(b"x")
    (tmp_path / "delegate.so").write_bytes(b"d")
    text = (
        "name: farm\nmodels: [{name: alpha, file: alpha.tflite}]\nvariants: [float32]\ntargets: [adb]\n"
        "backends: [{external: {path: delegate.so}}]\n"
        "runtime: {benchmark_model: {binary: tool, libraries: libs}}\n"
    )
    asked = sweep(tmp_path, text=text)
    build = load_build(pinned(asked, tmp_path))
    (case,) = expand(asked).cases
    here = build.here(case)
    placed = {**dict(here.runtime.options), **dict(here.backend.options)}
    for name, content in (("binary", b"tool"), ("path", b"d")):
        assert Path(placed[name]).read_bytes() == content
        assert str(build.folder) in placed[name]
    assert (Path(placed["libraries"]) / "libx.so").read_bytes() == b"x"
    assert Path(placed["path"]).name.endswith("delegate.so")
    (Path(placed["libraries"]) / "libx.so").unlink()
    build.verify(offers)
    assert build.why_gone(case).endswith("libx.so is gone")


def test_a_fetched_tool_is_copied_with_what_lies_beside_it(tmp_path: Path) -> None:
    tool = tmp_path / "cache" / "binaries" / "tflite-nightly" / "android_arm64"
    tool.mkdir(parents=True)
    (tool / "benchmark_model").write_bytes(b"the tool")
    text = "name: farm\nmodels: [{name: alpha, file: alpha.tflite}]\nvariants: [float32]\ntargets: [adb]\n"
    asked = sweep(tmp_path, text=text)
    finder = baselines._tool_finder(tmp_path / "cache")
    build = keep_build(asked, prepared(asked, tmp_path), tmp_path / "b", offers, finder)
    (case,) = expand(asked).cases
    binary = Path(dict(build.here(case).runtime.options)["binary"])
    assert binary.read_bytes() == b"the tool"
    assert binary.name == "benchmark_model"
    binary.write_bytes(b"altered")
    build.verify(offers)
    assert "was altered" in build.why_gone(case)


def test_only_what_a_case_needs_makes_it_gone(tmp_path: Path) -> None:
    build = load_build(pinned(sweep(tmp_path), tmp_path))
    alpha = next(case for case in expand(build.sweep).cases if case.model.name == "alpha")
    Path(build.file(alpha).path or "").unlink()
    assert len(build.verify(offers)) == 1
    assert {case.model.name for case in expand(build.sweep).cases if build.why_gone(case)} == {"alpha"}


def test_what_is_missing_cannot_be_pinned_and_nothing_is_left(tmp_path: Path) -> None:
    asked = sweep(tmp_path)
    files = prepared(asked, tmp_path)
    (tmp_path / "alpha.tflite").unlink()
    with pytest.raises(StableError, match="cannot be copied"):
        keep_build(asked, files, tmp_path / "b", offers, no_tool)
    assert list((tmp_path / "b").iterdir()) == []


def test_a_file_that_changes_meanwhile_is_found_out(tmp_path: Path) -> None:
    asked = sweep(tmp_path)
    files = prepared(asked, tmp_path)
    (tmp_path / "alpha.tflite").write_bytes(b"a new build")
    with pytest.raises(StableError, match="changed while it was copied"):
        keep_build(asked, files, tmp_path / "b", offers, no_tool)


def test_a_description_that_is_no_json_is_told(tmp_path: Path) -> None:
    found = pinned(sweep(tmp_path), tmp_path)
    path = next(Path(path) for path, _ in found.files if path.endswith("build.json"))
    path.write_text("{}")
    with pytest.raises(StableError, match="was altered"):
        load_build(found)


# ---- pinning ---------------------------------------------------------------------------------------------------------


def test_the_first_baseline_has_no_link(bench: Bench) -> None:
    result = bench.pin(reason="release 1")
    assert (result.state, result.failed, bench.asked) == ("pinned", (), [])
    assert result.baseline is not None
    assert result.baseline == bench.store.baseline("release")
    assert (result.baseline.reason, result.baseline.before, result.baseline.links) == ("release 1", "", ())
    assert json.loads(result.baseline.settings_json)["name"] == "farm"


def test_the_same_build_is_not_pinned_twice(bench: Bench) -> None:
    first = bench.pin().baseline
    again = bench.pin(at="2026-02-01T00:00:00+00:00")
    assert (again.state, again.baseline, len(bench.store.baselines())) == ("unchanged", first, 1)


def test_the_step_from_the_baseline_before_is_measured_between_the_copies(bench: Bench, tmp_path: Path) -> None:
    first = bench.pin()
    (tmp_path / "alpha.tflite").write_bytes(b"a faster alpha")
    bench.run.ratios = {"alpha": 0.9}
    second = bench.pin(at="2026-02-01T00:00:00+00:00").baseline
    (asked,) = bench.asked
    assert (asked.purpose, asked.policy, len(asked.pairs)) == ("link", Looks(), 6)
    pair = asked.pairs[0]
    assert (pair.base.arm, pair.candidate.arm) == (BASE, CANDIDATE)
    old, new = (asked.files[case.model.name, case.variant].path or "" for case in (pair.base, pair.candidate))
    assert Path(old).read_bytes() == b"the model alpha"
    assert Path(new).read_bytes() == b"a faster alpha"
    assert pair.base.case_id != pair.candidate.case_id
    assert second is not None
    assert first.baseline is not None
    assert second.before == first.baseline.pinned_at
    assert {link.series.split()[0]: link.ratio for link in second.links} == {"alpha": 0.9, "beta": 1.0, "gamma": 1.0}
    assert {link.run_id for link in second.links} == {"night-0"}


def test_a_step_may_be_left_out_with_a_reason(bench: Bench, tmp_path: Path) -> None:
    bench.pin()
    (tmp_path / "alpha.tflite").write_bytes(b"another")
    result = bench.pin(link=False, reason="the phone is at the repair shop")
    assert result.baseline is not None
    assert (bench.asked, result.baseline.links) == ([], ())
    assert result.baseline.reason == "the phone is at the repair shop"


def test_an_interrupted_step_pins_nothing_and_goes_on(bench: Bench, tmp_path: Path) -> None:
    bench.pin()
    (tmp_path / "alpha.tflite").write_bytes(b"another")
    bench.run.state = "interrupted"
    assert (bench.pin().state, len(bench.store.baselines())) == ("interrupted", 1)
    bench.run.state = "finished"
    assert bench.pin().state == "pinned"
    resumed = bench.asked[-1].resume
    assert resumed is not None
    assert resumed.run_id == "night-0"


def test_a_baseline_before_that_is_gone_names_the_way_out(bench: Bench, tmp_path: Path) -> None:
    first = bench.pin().baseline
    assert first is not None
    (tmp_path / "alpha.tflite").write_bytes(b"another")
    models = [Path(path) for path, _ in first.files if path.endswith(".tflite")]
    for path in models:
        path.unlink()
    with pytest.raises(StableError, match="cannot be measured") as caught:
        bench.pin()
    assert "--no-link --reason" in caught.value.remedy
    (models[0].parent.parent / "build.json").unlink()
    with pytest.raises(StableError, match="is gone") as caught:
        bench.pin()
    assert "--no-link --reason" in caught.value.remedy
    assert bench.pin(link=False, reason="gone").state == "pinned"


def test_a_variant_that_cannot_be_made_is_told_and_part_of_the_baseline(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "alpha.tflite").write_bytes(b"")
    result = bench.pin()
    assert [file.model for file in result.failed] == ["alpha"]
    assert result.baseline is not None
    build = load_build(result.baseline)
    failed = next(case for case in expand(build.sweep).cases if case.model.name == "alpha")
    assert (build.file(failed).status, build.why_gone(failed)) == (Status.FAILED, "")


def test_a_sweep_of_which_nothing_can_be_made_is_no_baseline(bench: Bench, tmp_path: Path) -> None:
    for name in ("alpha", "beta", "gamma"):
        (tmp_path / f"{name}.tflite").write_bytes(b"")
    with pytest.raises(StableError, match="no variant of this sweep could be made: it is empty"):
        bench.pin()


# ---- around it -------------------------------------------------------------------------------------------------------


def test_without_a_baseline_the_command_that_pins_one_is_named(bench: Bench) -> None:
    with pytest.raises(UsageError, match="there is no baseline 'nightly'") as caught:
        require_baseline(bench.store, "nightly", "harness baseline pin farm.yaml")
    assert caught.value.remedy == "Pin one: harness baseline pin farm.yaml"
    bench.pin()
    with pytest.raises(UsageError) as caught:
        require_baseline(bench.store, "nightly", "x")
    assert "This store has: release." in caught.value.remedy


@pytest.mark.parametrize(
    ("url", "where"),
    [
        (None, "reports/baselines"),
        ("/lab/farm.sqlite", "/lab/baselines"),
        ("postgresql://lab/farm", "reports/baselines"),
    ],
)
def test_baselines_lie_beside_the_store(url: str | None, where: str) -> None:
    assert baselines_folder(url, Path("reports")) == Path(where)


def test_an_interpreter_is_asked_once() -> None:
    asked: list[RuntimeRef] = []

    def ask(runtime: RuntimeRef) -> str:
        asked.append(runtime)
        return "x"

    once = asked_once(ask)
    assert [once(RuntimeRef()), once(RuntimeRef()), once(RuntimeRef("litert", "/old/python"))] == ["x"] * 3
    assert len(asked) == 2
