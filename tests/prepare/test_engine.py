from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.domain import VARIANTS, ModelRef, Status, VariantFile
from harness.errors import UsageError
from harness.prepare import prepare
from tests.prepare.conftest import FakeWorker

Make = Callable[[dict[str, str]], FakeWorker]
RECIPE = """
import numpy as np
from harness.prepare.recipe import BuiltModel, Recipe
RECIPE = Recipe(description="d", input_shape=(4,), build=lambda options: BuiltModel(None, "random"),
                representative=lambda: np.zeros((2, 4), np.float32))
"""
TOOLS = {"tensorflow": "2.21.0", "keras": "3.0", "ai-edge-quantizer": "0.10.0", "ai-edge-litert": "2.3.0"}
OPTIMIZATION = {"tf-keras": "2.21.0", "tensorflow-model-optimization": "0.8.1"}


@pytest.fixture
def ref(tmp_path: Path) -> ModelRef:
    path = tmp_path / "net.py"
    path.write_text(RECIPE)
    return ModelRef("net", file=str(path))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[VariantFile, ...]]:
    from harness.prepare.converters import Toolbox

    def call(
        worker: FakeWorker, refs: Sequence[ModelRef], variants: Sequence[str] = VARIANTS, **settings: object
    ) -> tuple[VariantFile, ...]:
        given = {"cache_dir": tmp_path / "cache", "jobs": 2, "timeout_s": 30.0, "tools": Toolbox(TOOLS)} | settings
        return prepare(refs, variants, worker=worker.command, **given)  # type: ignore[arg-type]

    return call


Run = Callable[..., tuple[VariantFile, ...]]


def _statuses(rows: Sequence[VariantFile]) -> dict[str, Status]:
    return {row.variant: row.status for row in rows}


def test_every_variant_is_a_row_in_order(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    seen: list[VariantFile] = []
    said: list[str] = []
    threads: set[int] = set()

    def on_file(row: VariantFile) -> None:
        seen.append(row)
        threads.add(threading.get_ident())

    rows = run(fake_worker({}), [ref], on_file=on_file, on_progress=said.append)
    assert [row.variant for row in rows] == list(VARIANTS)
    assert {row.status for row in rows} == {Status.DONE}
    assert sorted(seen, key=lambda row: VARIANTS.index(row.variant)) == list(rows)
    assert threads == {threading.get_ident()}
    assert "net: building the model and its data" in said
    assert "net float32: converting (tensorflow 2.21.0)" in said
    by_name = {row.variant: row for row in rows}
    assert by_name["float16"].converter == "ai-edge-quantizer 0.10.0"
    assert by_name["int8"].converter == "ai-edge-quantizer 0.10.0"
    assert by_name["int8"].reduction_pct == pytest.approx(75.0)
    assert by_name["int8"].conversion_s == 0.5
    assert by_name["int8"].weights == "trained"
    assert Path(by_name["int8"].path or "").read_bytes() == b"int8 by ai-edge-quantizer from a float file"
    assert Path(by_name["int8"].check_path or "").is_file()
    assert by_name["int8"].data_path is None
    assert not any(row.cached for row in rows)


def test_the_second_time_nothing_is_converted(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    worker = fake_worker({})
    first = run(worker, [ref])
    asked = len(worker.calls)
    second = run(worker, [ref])
    assert [call for call in worker.calls[asked:] if call != ["describe"]] == []
    assert all(row.cached for row in second)
    assert [row.path for row in second] == [row.path for row in first]


def test_only_what_is_missing_is_converted(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    worker = fake_worker({})
    run(worker, [ref], ["int8"])
    asked = len(worker.calls)
    rows = run(worker, [ref], ["int8", "float16"])
    assert [call for call in worker.calls[asked:] if call != ["describe"]] == [["convert float16", "check float16"]]
    assert [row.cached for row in rows] == [True, False]
    assert rows[0].reduction_pct == pytest.approx(75.0)


def test_a_changed_recipe_option_or_version_converts_again(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    from harness.prepare.converters import Toolbox

    worker = fake_worker({})
    run(worker, [ref], ["float32"])
    assert not run(worker, [ref], ["float32"], tools=Toolbox(TOOLS | {"tensorflow": "2.22.0"}))[0].cached
    Path(ref.file or "").write_text(RECIPE + "# changed\n", encoding="utf-8")
    assert not run(worker, [ref], ["float32"])[0].cached
    assert run(worker, [ref], ["float32"])[0].cached


def test_a_damaged_file_is_made_again(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    worker = fake_worker({})
    path = Path(run(worker, [ref], ["float32"])[0].path or "")
    path.write_bytes(b"damaged")
    row = run(worker, [ref], ["float32"])[0]
    assert (row.status, row.cached) == (Status.DONE, False)
    assert Path(row.path or "").read_bytes() == b"float32 by tensorflow"


def test_a_damaged_source_is_built_again(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    worker = fake_worker({})
    by_tensorflow = ModelRef("net", file=ref.file, options=(("converter.int8", "tensorflow"),))
    check = Path(run(worker, [ref], ["float32"])[0].check_path or "")
    graph = check.parent / "saved_model" / "saved_model.pb"
    graph.write_bytes(b"damaged")
    rows = run(worker, [by_tensorflow], ["float32", "int8"])
    assert _statuses(rows) == {"float32": Status.DONE, "int8": Status.DONE}
    assert graph.read_bytes() == b"graph"


def test_a_source_trained_anew_makes_its_variants_stale(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    worker = fake_worker({"source": "anew"})
    check = Path(run(worker, [ref], ["float32"])[0].check_path or "")
    check.write_bytes(b"another")
    variants = len(list((check.parents[2] / "variants").iterdir()))
    assert not run(worker, [ref], ["float32"])[0].cached
    assert len(list((check.parents[2] / "variants").iterdir())) == variants + 1


@pytest.mark.parametrize(
    ("plan", "status", "reason"),
    [
        ("crash", Status.CRASHED, "ended by SIGSEGV: tensor.cc:42 Check failed: scale > 0"),
        ("hang", Status.TIMEOUT, "no result within"),
        ("fail", Status.FAILED, "planned fail"),
        ("unsupported", Status.UNSUPPORTED, "planned unsupported"),
        ("garbage", Status.FAILED, "the worker wrote"),
    ],
)
def test_a_bad_conversion_is_one_row_and_not_cached(
    fake_worker: Make, run: Run, ref: ModelRef, plan: str, status: Status, reason: str
) -> None:
    worker = fake_worker({"convert int8": plan})
    rows = {row.variant: row for row in run(worker, [ref], timeout_s=2.0)}
    assert rows["int8"].status is status
    assert reason in rows["int8"].reason
    assert rows["int8"].path is None
    assert {rows[variant].status for variant in VARIANTS if variant != "int8"} == {Status.DONE}
    healthy = FakeWorker(worker.plan_path.parent, {})
    assert run(healthy, [ref], ["int8"])[0].status is Status.DONE


def test_a_wrong_file_is_a_failed_row(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    rows = {row.variant: row for row in run(fake_worker({"check int8": "wrong"}), [ref])}
    assert rows["int8"].status is Status.FAILED
    assert rows["int8"].reason.startswith("converted file disagrees with its source: SQNR -0.2 dB")
    assert rows["int8"].path is None
    assert rows["int8"].source_error is not None
    assert rows["full_integer"].status is Status.DONE


@pytest.mark.parametrize("step", ["convert float32", "check float32"])
def test_without_the_float_file_the_quantizers_variants_say_so(
    fake_worker: Make, run: Run, ref: ModelRef, step: str
) -> None:
    by_tensorflow = ModelRef("net", file=ref.file, options=(("converter.int8", "tensorflow"),))
    rows = {row.variant: row for row in run(fake_worker({step: "fail"}), [by_tensorflow])}
    assert rows["float16"].status is Status.FAILED
    assert rows["float16"].reason == "the float32 file it is made from: planned fail"
    assert rows["float32"].reason == "planned fail"
    assert rows["int8"].status is Status.DONE
    assert rows["int8"].reduction_pct is None


def test_a_source_that_fails_fails_every_variant(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    rows = run(fake_worker({"source": "crash"}), [ref])
    assert {row.status for row in rows} == {Status.CRASHED}
    assert len(rows) == len(VARIANTS)


def test_one_bad_model_does_not_touch_the_others(fake_worker: Make, run: Run, ref: ModelRef, tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "odd.bin").touch()
    bad = [
        (ModelRef("digit_cnn"), "Did you mean digits_cnn?"),
        (ModelRef("gone", file=str(tmp_path / "gone.keras")), "no such file"),
        (ModelRef("empty", file=str(tmp_path / "empty.tflite")), "the file is empty"),
        (ModelRef("odd", file=str(tmp_path / "odd.bin")), "kind of the model is not known"),
        (ModelRef("folder", file=str(tmp_path)), "no SavedModel"),
        (ModelRef("mobilenet_v1", options=(("wieghts", "random"),)), "Did you mean weights?"),
        (ModelRef("mobilenet_v1", options=(("weights", "imagenet"),)), "not in the Keras cache"),
        (ModelRef("net", file=ref.file, options=(("converter", "magic"),)), "no converter 'magic'"),
    ]
    environ = dict(os.environ)
    os.environ["KERAS_HOME"] = str(tmp_path / "keras")
    try:
        rows = run(fake_worker({}), [*(model for model, _ in bad), ref], ["float16", "int8"])
    finally:
        os.environ.clear()
        os.environ.update(environ)
    assert len(rows) == 2 * (len(bad) + 1)
    for index, (_, reason) in enumerate(bad):
        pair = rows[2 * index : 2 * index + 2]
        assert {row.status for row in pair} == {Status.FAILED}
        assert reason in pair[0].reason
    assert [row.status for row in rows[-2:]] == [Status.DONE, Status.DONE]


def test_missing_packages_name_the_command(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    from harness.prepare.converters import Toolbox

    rows = run(fake_worker({}), [ref], tools=Toolbox({}))
    assert {row.status for row in rows} == {Status.FAILED}
    assert rows[0].reason == "tensorflow is not installed. pip install 'on-device-benchmark-harness[prepare]'"


def test_without_the_quantizer_tensorflow_makes_all(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    from harness.prepare.converters import Toolbox

    tools = Toolbox({name: version for name, version in TOOLS.items() if name != "ai-edge-quantizer"})
    assert {row.converter for row in run(fake_worker({}), [ref], tools=tools)} == {"tensorflow 2.21.0"}


def test_cancel_makes_interrupted_rows(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    worker, cancel = fake_worker({"convert int8": "hang"}), threading.Event()

    def cancel_when_hanging() -> None:
        while not worker.pids:
            time.sleep(0.02)
        cancel.set()

    thread = threading.Thread(target=cancel_when_hanging)
    thread.start()
    rows = _statuses(run(worker, [ref], cancel=cancel, timeout_s=100.0))
    thread.join()
    assert rows["float32"] is Status.DONE
    assert rows["int8"] is Status.INTERRUPTED
    assert set(rows) == set(VARIANTS)


def test_an_error_in_a_callback_stops_the_workers(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    def on_file(_: VariantFile) -> None:
        raise ConnectionError("display is gone")

    with pytest.raises(ConnectionError):
        run(fake_worker({}), [ref], on_file=on_file)


def test_unknown_variant_and_unwritable_cache_are_usage_errors(tmp_path: Path, ref: ModelRef) -> None:
    with pytest.raises(UsageError, match="'int4' is not a variant"):
        prepare([ref], ["int4"], cache_dir=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        prepare([ref], ["int8"], cache_dir=tmp_path / "file" / "cache")


def test_no_models_give_no_rows(tmp_path: Path) -> None:
    assert prepare([], cache_dir=tmp_path) == ()


def test_two_processes_at_once_convert_once(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    worker = fake_worker({})
    rows = run(worker, [ref, ref], ["float32", "int8"])
    assert {row.status for row in rows} == {Status.DONE}
    assert sum("source" in call for call in worker.calls) == 1


def test_a_float_tflite_file_needs_neither_tensorflow_nor_the_quantizer(
    fake_worker: Make, run: Run, tmp_path: Path
) -> None:
    from harness.prepare.converters import Toolbox

    path = tmp_path / "given.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    refs = [ModelRef("given", file=str(path))]
    rows = run(fake_worker({}), refs, ["float32", "int8"], tools=Toolbox({"ai-edge-litert": "2.3.0"}))
    assert (rows[0].status, rows[0].converter) == (Status.DONE, "given file")
    assert rows[1].status is Status.FAILED
    assert rows[1].reason.startswith("ai-edge-quantizer is not installed. pip install")
    without = run(fake_worker({}), refs, ["float32"], tools=Toolbox({}))[0]
    assert without.reason == "ai-edge-litert is not installed. pip install 'on-device-benchmark-harness[litert]'"


def test_the_converter_can_be_chosen(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    chosen = ModelRef("net", file=ref.file, options=(("converter.int8", "tensorflow"),))
    rows = {row.variant: row.converter for row in run(fake_worker({}), [chosen])}
    assert rows["int8"] == "tensorflow 2.21.0"
    assert rows["full_integer"] == "ai-edge-quantizer 0.10.0"
    everywhere = ModelRef("net", file=ref.file, options=(("converter", "tensorflow"),))
    assert {row.converter for row in run(fake_worker({}), [everywhere])} == {"tensorflow 2.21.0"}


@pytest.fixture
def all_tools() -> dict[str, object]:
    from harness.prepare.converters import Toolbox

    return {"tools": Toolbox(TOOLS | OPTIMIZATION)}


def test_integer_variants_are_made_of_the_float_file_when_it_is_there(
    fake_worker: Make, run: Run, ref: ModelRef
) -> None:
    by_tensorflow = ModelRef("net", file=ref.file, options=(("converter", "tensorflow"),))
    rows = {row.variant: row for row in run(fake_worker({}), [by_tensorflow])}
    assert Path(rows["int16x8"].path or "").read_bytes() == b"int16x8 by tensorflow from a float file"
    worker = fake_worker({"convert float32": "fail"})
    Path(ref.file or "").write_text(RECIPE + "# changed\n", encoding="utf-8")
    rows = {row.variant: row for row in run(worker, [by_tensorflow])}
    assert Path(rows["int16x8"].path or "").read_bytes() == b"int16x8 by tensorflow"


def test_what_needs_the_saved_model_does_not_wait_for_the_float_file(
    fake_worker: Make, run: Run, ref: ModelRef
) -> None:
    worker = fake_worker({})
    everywhere = ModelRef("net", file=ref.file, options=(("converter", "tensorflow"),))
    run(worker, [everywhere], jobs=4)
    calls = [call for call in worker.calls if call != ["describe"]]
    heavy = ["convert dynamic_range", "check dynamic_range", "convert float16", "check float16"]
    assert heavy in calls
    assert next(call for call in calls if "source" in call) == [
        "source",
        *(f"{what} {mode}" for mode in ("float32", "full_integer", "int8", "int16x8") for what in ("convert", "check")),
    ]


def test_techniques_are_trained_once_and_converted_from_their_own_source(
    fake_worker: Make, run: Run, ref: ModelRef, all_tools: dict[str, object]
) -> None:
    worker, said = fake_worker({}), list[str]()
    wanted = ["int8", "pruned+float32", "pruned", "pruned+int8", "pruned+float16", "qat+int8"]
    rows = run(worker, [ref], wanted, on_progress=said.append, **all_tools)
    assert [row.variant for row in rows] == ["int8", "pruned", "pruned+int8", "pruned+float16", "qat"]
    assert {(row.status, row.reason) for row in rows} == {(Status.DONE, "")}
    assert [row.technique for row in rows] == ["", "pruned", "pruned", "pruned", "qat"]
    assert [row.training for row in rows] == ["", *["fine-tuned"] * 4]
    assert [row.data_needed for row in rows] == ["representative", *["labelled"] * 4]
    assert [row.reduction_pct for row in rows] == pytest.approx([75, -5, 75, 75, 75])
    assert Path(rows[2].path or "").read_bytes() == b"pruned+int8 by ai-edge-quantizer from a float file"
    assert Path(rows[4].path or "").read_bytes() == b"qat by tensorflow"
    assert rows[3].converter == "ai-edge-quantizer 0.10.0"
    assert len({row.check_path for row in rows}) == 3
    assert (rows[1].sparsity, rows[1].clusters, rows[1].parameters) == (0.5, None, 4)
    assert Path(rows[1].own_outputs_path or "").read_bytes() == b"outputs"
    assert rows[0].hardware == ("CPU", "GPU (Android)", "Edge TPU", "Hexagon DSP")
    assert "net: training it again (pruned)" in said
    assert "net: it went well" in said
    assert sum("source" in call for call in worker.calls) == 3
    asked = len(worker.calls)
    again = run(worker, [ref], wanted, **all_tools)
    assert [call for call in worker.calls[asked:] if call != ["describe"]] == []
    assert all(row.cached for row in again)


def test_a_technique_alone_still_counts_from_the_plain_float_file(
    fake_worker: Make, run: Run, ref: ModelRef, all_tools: dict[str, object]
) -> None:
    rows = run(fake_worker({}), [ref], ["pruned+int8"], **all_tools)
    assert [(row.variant, row.reduction_pct) for row in rows] == [("pruned+int8", pytest.approx(75.0))]


def test_settings_of_techniques_are_part_of_the_key(
    fake_worker: Make, run: Run, ref: ModelRef, all_tools: dict[str, object]
) -> None:
    run(fake_worker({}), [ref], ["pruned"], **all_tools)
    other = ModelRef("net", file=ref.file, options=(("technique.sparsity", "0.9"),))
    row = run(fake_worker({}), [other], ["pruned"], **all_tools)[0]
    assert (row.cached, row.training) == (False, "fine-tuned (sparsity=0.9)")


@pytest.mark.parametrize(
    ("plan", "status", "reason"),
    [("fail", Status.FAILED, "planned fail"), ("crash", Status.CRASHED, "ended by SIGSEGV")],
)
def test_a_technique_that_fails_costs_its_own_rows_only(
    fake_worker: Make,
    run: Run,
    ref: ModelRef,
    all_tools: dict[str, object],
    plan: str,
    status: Status,
    reason: str,
) -> None:
    run(fake_worker({}), [ref], ["int8"], **all_tools)
    rows = run(fake_worker({"source pruned": plan}), [ref], ["int8", "pruned", "pruned+int8", "qat"], **all_tools)
    assert [row.status for row in rows] == [Status.DONE, status, status, Status.DONE]
    assert reason in rows[1].reason
    assert (rows[1].technique, rows[1].data_needed) == ("pruned", "labelled")


def test_techniques_name_the_extra_they_need(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    rows = run(fake_worker({}), [ref], ["int8", "qat"])
    assert rows[0].status is Status.DONE
    assert rows[1].status is Status.FAILED
    assert rows[1].reason == "tf-keras is not installed. pip install 'on-device-benchmark-harness[optimization]'"


def test_what_only_the_quantizer_makes_is_made_by_it(fake_worker: Make, run: Run, ref: ModelRef) -> None:
    everywhere = ModelRef("net", file=ref.file, options=(("converter", "tensorflow"),))
    rows = run(fake_worker({}), [everywhere], ["float16", "weight_only_int8"])
    assert [row.converter for row in rows] == ["tensorflow 2.21.0", "ai-edge-quantizer 0.10.0"]
    kept = ModelRef("net", file=ref.file, options=(("keep_float", "SOFTMAX, head"),))
    rows = run(fake_worker({}), [kept], ["int8", "qat"])
    assert rows[0].converter == "ai-edge-quantizer 0.10.0"
    asked = ModelRef("net", file=ref.file, options=(("keep_float", "SOFTMAX"), ("converter", "tensorflow")))
    row = run(fake_worker({}), [asked], ["int8"])[0]
    assert "cannot keep parts of a model in float. Use ai-edge-quantizer" in row.reason


def test_a_public_data_set_is_written_once_and_said_in_every_row(
    fake_worker: Make, run: Run, ref: ModelRef, tmp_path: Path
) -> None:
    (tmp_path / "data.txt").write_text("version 1", encoding="utf-8")
    options = (("data", "npz"), ("data.path", str(tmp_path / "data.txt")))
    worker, said = fake_worker({"dataset": "slow"}), list[str]()
    rows = run(worker, [ModelRef("net", file=ref.file, options=options)], ["float32", "int8"], on_progress=said.append)
    assert {(row.status, row.reason) for row in rows} == {(Status.DONE, "")}
    assert {(row.task, row.task_options) for row in rows} == {("classification", (("classes", "4"),))}
    assert {row.preprocessing for row in rows} == {(("kind", "image"), ("height", "8"))}
    assert len({row.data_path for row in rows}) == 1
    assert (Path(rows[0].data_path or "") / "manifest.json").is_file()
    assert "net: 2 of 4" in said
    assert "net: 4 were left out" in said
    again = run(worker, [ModelRef("other", file=ref.file, options=options)], ["int8"])[0]
    assert (again.cached, again.data_path) == (True, rows[0].data_path)
    assert worker.calls.count(["dataset"]) == 1
    (tmp_path / "data.txt").write_text("version 2", encoding="utf-8")
    changed = run(worker, [ModelRef("net", file=ref.file, options=options)], ["int8"])[0]
    assert changed.cached
    assert changed.data_path != again.data_path


def test_random_weights_are_never_scored(fake_worker: Make, run: Run, ref: ModelRef, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("version 1", encoding="utf-8")
    options = (("data", "npz"), ("data.path", str(tmp_path / "data.txt")))
    worker, said = fake_worker({"source": "random"}), list[str]()
    (row,) = run(worker, [ModelRef("net", file=ref.file, options=options)], ["int8"], on_progress=said.append)
    assert (row.status, row.weights, row.data_path) == (Status.DONE, "random", None)
    assert "net: its weights are random, so its accuracy is not measured" in said
    assert ["dataset"] not in worker.calls


def test_a_test_split_of_random_weights_is_not_scored(tmp_path: Path) -> None:
    from harness.prepare.cache import Entry
    from harness.prepare.rows import Origin

    meta = {"weights": "trained", "task": "classification", "task_options": [], "preprocessing": [], "parameters": 1}
    trained = Entry(tmp_path, meta, {"dataset/manifest.json": "0"})
    assert Origin("net", trained, trained).fields()["data_path"] == str(tmp_path / "dataset")
    random = Entry(tmp_path, meta | {"weights": "random"}, trained.sha256)
    assert Origin("net", random, random).fields()["data_path"] is None


def test_a_data_set_that_does_not_fit_fails_the_model(
    fake_worker: Make, run: Run, ref: ModelRef, tmp_path: Path
) -> None:
    (tmp_path / "data.txt").write_text("version 1", encoding="utf-8")
    options = (("data", "npz"), ("data.path", str(tmp_path / "data.txt")))
    rows = run(fake_worker({"dataset": "fail"}), [ModelRef("net", file=ref.file, options=options)], ["float32", "int8"])
    assert {(row.status, row.reason) for row in rows} == {(Status.FAILED, "planned fail")}
    nowhere = run(fake_worker({}), [ModelRef("net", file=ref.file, options=(("data", "npz"),))], ["int8"])[0]
    assert "the data set 'npz' has no path" in nowhere.reason


def test_a_recipe_may_go_by_another_name(fake_worker: Make, run: Run) -> None:
    row = run(fake_worker({}), [ModelRef("mine", recipe="digits_cnn")], ["float32"])[0]
    assert (row.model, row.status) == ("mine", Status.DONE)
