from dataclasses import replace

import pytest

from harness.domain import Backend, Case, ModelRef, RuntimeRef, Target
from harness.sweep import Sweep, expand, skip_reason
from tests.sweep.sweeps import parse

MODEL = ModelRef("digits_cnn")
TPU, PYCORAL = Target("edgetpu"), RuntimeRef("pycoral")
LIBRARY = Backend("edgetpu", options=(("library", "libedgetpu.so.1"),))


def test_product_in_the_order_of_the_file() -> None:
    plan = expand(
        parse(
            "models: [mobilenet_v2, digits_cnn]\nvariants: [int8, float32]\n"
            "backends: [{cpu: {threads: 2}}, cpu]\nruntimes: [litert, {litert: {python: /p}}]"
        )
    )
    points = [(c.model.name, c.variant, c.backend.threads, c.runtime.python) for c in plan.cases]
    assert points == [
        (model, variant, threads, python)
        for model in ("mobilenet_v2", "digits_cnn")
        for variant in ("int8", "float32")
        for threads in (2, 1)
        for python in (None, "/p")
    ]
    assert plan.skips == ()
    assert expand(parse("models: [digits_cnn]")) == expand(parse("models: [digits_cnn]"))


def test_equal_cases_are_merged() -> None:
    sweep = Sweep(
        "s", (MODEL, MODEL), ("int8", "int8"), (Target(), Target()), (Backend(), Backend()), (RuntimeRef(),) * 2
    )
    assert expand(sweep).cases == (Case(MODEL, "int8"),)


def test_exclude_names_the_rule() -> None:
    plan = expand(
        parse(
            "models: [digits_cnn, mobilenet_v1]\nvariants: [int8, float32]\n"
            "exclude: [{model: mobilenet_v1, variant: [int8, float16]}, {variant: int8}]"
        )
    )
    assert [(case.model.name, case.variant) for case in plan.cases] == [
        ("digits_cnn", "float32"),
        ("mobilenet_v1", "float32"),
    ]
    assert [skip.reason for skip in plan.skips] == [
        "excluded by rule 2 (variant: int8)",
        "excluded by rule 1 (model: mobilenet_v1, variant: int8 or float16)",
    ]


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("backend: cpu", ["gpu"]),
        ("backend: cpu builtin", ["cpu xnnpack", "gpu"]),
        ("backend: [cpu xnnpack, gpu]", ["cpu builtin"]),
        ("threads: 1", ["cpu builtin", "gpu"]),
        ("target: host", []),
        ("runtime: litert", []),
        ("model: mobilenet_v1", ["cpu xnnpack", "cpu builtin", "gpu"]),
        ("{backend: gpu, threads: 1}", ["cpu xnnpack", "cpu builtin", "gpu"]),
    ],
)
def test_what_a_rule_matches(rule: str, left: list[str]) -> None:
    text = "models: [digits_cnn]\nvariants: [int8]\nbackends: [cpu, {cpu: {threads: 2, xnnpack: false}}, gpu]\n"
    rule = rule if rule.startswith("{") else f"{{{rule}}}"
    assert [case.backend.label for case in expand(parse(f"{text}exclude: [{rule}]")).cases] == left


def test_rule_on_one_of_several_phones_and_runtimes() -> None:
    text = (
        'models: [digits_cnn]\nvariants: [int8]\ntargets: [{adb: {serial: "1"}}, {adb: {serial: "2"}}]\n'
        "runtimes: [litert, {litert: {python: /p}}]\n"
        "exclude: [{target: adb serial=1}, {runtime: litert (/p)}]"
    )
    reasons = [skip.reason for skip in expand(parse(text)).skips]
    assert reasons == [
        "excluded by rule 1 (target: adb serial=1)",
        "excluded by rule 1 (target: adb serial=1)",
        "litert does not run on phones; there it is benchmark_model or device_runner",
        "excluded by rule 2 (runtime: litert (/p))",
    ]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (Case(MODEL, "int8"), None),
        (Case(MODEL, "int16x8"), None),
        (Case(MODEL, "int8", backend=Backend("gpu")), None),
        (Case(MODEL, "int8", Target("adb"), Backend("hexagon"), RuntimeRef("benchmark_model")), None),
        (Case(MODEL, "int8", Target("any"), Backend("qnn"), RuntimeRef("device_runner")), None),
        (Case(MODEL, "int8", Target("adb")), "litert does not run on phones; there it is benchmark_model"),
        (Case(MODEL, "int8", backend=Backend("external"), runtime=RuntimeRef("device_runner")), None),
        (Case(MODEL, "int8", Target("edgetpu")), "an Edge TPU has one backend, edgetpu, and not cpu"),
        (Case(MODEL, "edgetpu", TPU, Backend("edgetpu"), PYCORAL), None),
        (Case(MODEL, "qat+edgetpu", TPU, Backend("edgetpu")), None),
        (Case(MODEL, "int8", backend=Backend("edgetpu")), "the Edge TPU is a device of its own"),
        (
            Case(MODEL, "int8", TPU, Backend("edgetpu"), RuntimeRef("device_runner")),
            "device_runner does not run on Edge",
        ),
        (Case(MODEL, "int8", Target("adb"), Backend(), PYCORAL), "pycoral does not run on phones; there it is"),
        (Case(MODEL, "float32", TPU, Backend("edgetpu"), PYCORAL), "the Edge TPU computes 8-bit integers only"),
        (Case(MODEL, "pruned+int16x8", TPU, Backend("edgetpu"), PYCORAL), "the Edge TPU computes 8-bit integers only"),
        (Case(MODEL, "edgetpu"), "compiled for the Edge TPU: nothing else has the operator edgetpu-custom-op"),
        (Case(MODEL, "edgetpu", TPU, LIBRARY, PYCORAL), "library is libedgetpu for the runtime litert"),
        (Case(MODEL, "edgetpu", TPU, LIBRARY, RuntimeRef("litert")), None),
        (Case(MODEL, "int8", backend=Backend("hexagon")), "Hexagon is the DSP of a phone"),
        (Case(MODEL, "int8", backend=Backend("qnn")), "QNN drives"),
        (Case(MODEL, "int8", backend=Backend("nnapi")), "NNAPI is part of Android"),
        (Case(MODEL, "int16x8", backend=Backend("gpu")), "the GPU accelerator rejects INT16 tensors"),
        (Case(MODEL, "int8", backend=Backend("gpu", threads=4)), "threads belong to the CPU backend"),
        (Case(MODEL, "int8", backend=Backend("gpu", xnnpack=False)), "xnnpack and kernels belong to the CPU"),
        (Case(MODEL, "int8", backend=Backend(kernels="reference")), "reference kernels run without XNNPACK"),
        (Case(MODEL, "int8", backend=Backend(kernels="reference", xnnpack=False)), None),
    ],
)
def test_cases_that_make_no_sense(case: Case, reason: str | None) -> None:
    found = skip_reason(case)
    assert (found is None) if reason is None else (found is not None and found.startswith(reason))


def test_device_facts_are_asked_last() -> None:
    asked: list[str] = []

    def available(case: Case) -> str | None:
        asked.append(f"{case.backend.kind} {case.variant}")
        return "no Vulkan device" if case.backend.kind == "gpu" else None

    sweep = parse(
        "models: [digits_cnn]\nvariants: [int8, int16x8, float32]\nbackends: [cpu, gpu]\nexclude: [{variant: float32}]"
    )
    plan = expand(sweep, available=available)
    assert asked == ["cpu int8", "gpu int8", "cpu int16x8"]
    assert [(skip.case.backend.kind, skip.reason) for skip in plan.skips] == [
        ("gpu", "no Vulkan device"),
        ("gpu", "the GPU accelerator rejects INT16 tensors"),
        ("cpu", "excluded by rule 1 (variant: float32)"),
        ("gpu", "excluded by rule 1 (variant: float32)"),
    ]
    assert len(plan.cases) + len(plan.skips) == 6


def test_case_ids_of_a_plan_are_distinct_and_stable() -> None:
    sweep = parse("models: [digits_cnn, mobilenet_v1]\nbackends: [cpu, gpu, {cpu: {threads: 2}}]")
    ids = [case.case_id for case in expand(sweep).cases]
    assert len(set(ids)) == len(ids)
    assert ids == [case.case_id for case in expand(replace(sweep, text="")).cases]


# ---- Edge TPUs beside other targets ----------------------------------------------------------------------------------

BESIDE = "models: [digits_cnn]\ntargets: [host, edgetpu]\n"


def _on(sweep: str, kind: str) -> list[tuple[str, str, str]]:
    cases = [case for case in expand(parse(sweep)).cases if case.target.kind == kind]
    return [(case.variant, case.backend.kind, case.runtime.name) for case in cases]


def test_an_edge_tpu_runs_what_is_int8_compiled() -> None:
    plan = expand(parse(f"{BESIDE}variants: [int8, float32, qat]"))
    assert [(case.target.kind, case.variant) for case in plan.cases] == [
        ("host", "int8"),
        ("edgetpu", "edgetpu"),
        ("host", "float32"),
        ("host", "qat"),
        ("edgetpu", "qat+edgetpu"),
    ]
    assert [(skip.case.variant, skip.case.target.kind) for skip in plan.skips] == [("float32", "edgetpu")]
    assert plan.skips[0].reason.endswith("int8, not float32")


def test_int8_and_edgetpu_are_one_case_on_an_edge_tpu_and_the_second_is_skipped_elsewhere() -> None:
    plan = expand(parse(f"{BESIDE}variants: [edgetpu, int8]"))
    assert [(case.target.kind, case.variant) for case in plan.cases] == [("edgetpu", "edgetpu"), ("host", "int8")]
    assert [(skip.case.target.kind, skip.case.variant) for skip in plan.skips] == [("host", "edgetpu")]


def test_backends_of_one_target_are_not_tried_on_the_other() -> None:
    sweep = f"{BESIDE}variants: [int8]\nbackends: [cpu, gpu, edgetpu]"
    assert expand(parse(sweep)).skips == ()
    assert _on(sweep, "host") == [("int8", "cpu", "litert"), ("int8", "gpu", "litert")]
    assert _on(sweep, "edgetpu") == [("edgetpu", "edgetpu", "pycoral")]


def test_a_backend_that_no_target_has_is_skipped_and_not_dropped() -> None:
    plan = expand(parse("models: [digits_cnn]\nvariants: [int8]\nbackends: [edgetpu]"))
    assert plan.cases == ()
    assert [skip.reason for skip in plan.skips] == ["the Edge TPU is a device of its own: name it under targets"]


@pytest.mark.parametrize(
    ("runtimes", "host", "edgetpu"),
    [
        ("", ["litert"], ["pycoral"]),
        ("runtime: litert", ["litert"], ["litert"]),
        ("runtime: pycoral", ["litert"], ["pycoral"]),
        ("runtimes: [litert, pycoral, benchmark_model]", ["litert", "benchmark_model"], ["litert", "pycoral"]),
        ("runtime: benchmark_model", ["benchmark_model"], ["pycoral"]),
    ],
)
def test_each_target_has_its_runtimes(runtimes: str, host: list[str], edgetpu: list[str]) -> None:
    sweep = f"{BESIDE}variants: [int8]\n{runtimes}"
    assert expand(parse(sweep)).skips == ()
    assert [runtime for _, _, runtime in _on(sweep, "host")] == host
    assert [runtime for _, _, runtime in _on(sweep, "edgetpu")] == edgetpu


def test_a_rule_names_the_variant_that_runs() -> None:
    assert _on(f"{BESIDE}variants: [int8]\nexclude: [{{variant: edgetpu}}]", "edgetpu") == []
    assert _on(f"{BESIDE}variants: [int8]\nexclude: [{{target: edgetpu}}]", "edgetpu") == []
    assert len(_on(f"{BESIDE}variants: [int8]\nexclude: [{{backend: edgetpu}}]", "host")) == 1
