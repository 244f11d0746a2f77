import pytest

from harness.domain import Coverage
from harness.runtimes.benchmark_model_log import BenchmarkLog, parse_log, to_coverage, to_json
from tests.runtimes.logs import log, recorded

FULL = "Explicitly applied {} delegate, and the model graph will be completely executed by the delegate."
PARTIAL = (
    "Explicitly applied {} delegate, and the model graph will be partially executed by the delegate w/ {} delegate "
    "kernels."
)
NONE = "Though {} delegate is explicitly applied, the model graph will not be executed by the delegate."


def replacing(nodes: int, total: int, name: str, partitions: int, where: str = " for subgraph 0 (main)") -> str:
    return (
        f"VERBOSE: Replacing {nodes} out of {total} node(s) with delegate ({name}) node, yielding {partitions} "
        f"partitions{where}."
    )


def entry(parsed: BenchmarkLog, index: int = 0) -> tuple[object, ...]:
    return tuple(to_json(parsed)["delegates"][index].values())


def test_counts_of_the_runtime_and_words_of_the_tool() -> None:
    parsed = parse_log(
        log(
            "GPU delegate created.",
            replacing(31, 31, "TfLiteGpuDelegateV2", 1),
            FULL.format("GPU"),
            flags="--use_gpu=true",
        )
    )
    assert entry(parsed) == ("GPU", "full", None, 31, 31, 1)
    assert (parsed.coverage, parsed.ok) == ("full", True)
    assert to_coverage(parsed, "gpu") == Coverage("GPU", 31, 31, 1)


def test_a_part_of_the_graph_with_the_implicit_xnnpack_taking_the_rest() -> None:
    parsed = parse_log(
        log(
            replacing(20, 31, "TfLiteGpuDelegateV2", 5),
            PARTIAL.format("GPU", 3),
            "Created TensorFlow Lite XNNPACK delegate for CPU.",
            replacing(11, 14, "TfLiteXNNPackDelegate", 4),
            flags="--use_gpu=true",
        )
    )
    assert entry(parsed) == ("GPU", "partial", 3, 20, 31, 5)
    assert entry(parsed, 1) == ("XNNPACK", "partial", None, 11, 14, 4)
    assert (parsed.coverage, parsed.ok) == ("partial", True)
    assert to_coverage(parsed, "gpu") == Coverage("GPU", 20, 31, 5)
    assert to_coverage(parsed, "cpu") == Coverage("XNNPACK", 11, 14, 4)


def test_an_implicit_xnnpack_alone_is_no_proof_for_the_gpu() -> None:
    parsed = parse_log(log(replacing(31, 31, "TfLiteXNNPackDelegate", 1), flags="--use_gpu=true"))
    assert parsed.coverage == "unknown"
    assert not parsed.ok
    assert parsed.failure is not None
    assert parsed.failure.sentence == "fell back to CPU silently: no line says that the GPU delegate was applied"
    assert to_coverage(parsed, "gpu") is None


def test_subgraphs_are_summed_and_copies_of_a_line_are_not() -> None:
    lines = [
        replacing(10, 12, "TfLiteGpuDelegateV2", 3, " for subgraph 0"),
        replacing(5, 5, "TfLiteGpuDelegateV2", 1, " for subgraph 1"),
    ]
    parsed = parse_log(log(*lines, *lines, flags="--use_gpu=true"))
    assert entry(parsed) == ("GPU", "partial", None, 15, 17, 4)
    whole = [replacing(7, 7, "TfLiteGpuDelegateV2", 1, " for the whole graph")] * 2
    assert entry(parse_log(log(*whole))) == ("GPU", "full", None, 7, 7, 1)


def test_the_weaker_of_two_statements_stands() -> None:
    nodes = replacing(31, 31, "TfLiteNnapiDelegate", 1)
    parsed = parse_log(log(nodes, NONE.format("NNAPI"), flags="--use_nnapi=true"))
    assert parsed.coverage == "none"
    assert to_coverage(parsed, "nnapi") == Coverage("NNAPI", None, None, 1, stated="none")
    body = replacing(3, 9, "TfLiteGpuDelegateV2", 2, " for subgraph 1")
    assert parse_log(log(nodes.replace("Nnapi", "Gpu"), body, FULL.format("GPU"))).coverage == "partial"


def test_words_without_counts_become_a_stated_coverage() -> None:
    found = to_coverage(parse_log(recorded("amd64_mbv2_f32_t1_xnnpack.log")), "XNNPACK")
    assert found is not None
    assert (found.kind, found.delegated_nodes, found.total_nodes) == ("full", None, None)
    assert to_coverage(parse_log(recorded("amd64_tiny_f32.log")), "XNNPACK") is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Replacing 7 node(s) with delegate (TfLiteGpuDelegate) node, yielding 1 partitions.", ("full", 7, None, 1)),
        ("Replacing 7 node(s) with delegate (TfLiteGpuDelegate) node, yielding 3 partitions.", ("partial", 7, None, 3)),
        ("Replacing 0 node(s) with delegate (TfLiteGpuDelegate) node, yielding 0 partitions.", ("none", 0, None, 0)),
        (
            "Replacing 6 out of 8 node(s) with delegate (LITERT_CL) node, yielding 2 partitions for subgraph 0.",
            ("partial", 6, 8, 2),
        ),
        (
            "Applied GPU delegate, and the model graph will be completely executed w/ the delegate.",
            ("full", None, None, None),
        ),
        (
            "46 operations will run on the GPU, and the remaining 4 operations will run on the CPU.",
            ("partial", 46, None, None),
        ),
        ("First 65 operations will run on the GPU, and the remaining 3 on the CPU.", ("partial", 65, None, None)),
        ("No operations will run on the GPU, and all 9 operations will run on the CPU.", ("none", None, None, None)),
        ("Created TensorFlow Lite delegate for GPU.", ("unknown", None, None, None)),
        ("Failed to apply GPU delegate.", ("none", None, None, None)),
    ],
)
def test_every_way_to_say_it(line: str, expected: tuple[object, ...]) -> None:
    parsed = parse_log(log(line, flags="--use_gpu=true"))
    name, coverage, _, nodes, total, partitions = entry(parsed)
    assert name == "GPU"
    assert (coverage, nodes, total, partitions) == expected
    assert parsed.coverage == coverage


def test_the_end_of_a_longer_number_is_no_count() -> None:
    line = "4.71836246 operations will run on the GPU, and the remaining 4 operations will run on the CPU."
    assert parse_log(log(line)).delegates.uses == ()


def test_a_split_of_the_gpu_delegate_gives_counts_and_reasons() -> None:
    parsed = parse_log(
        log(
            "ERROR: Following operations are not supported by GPU delegate:",
            "BROADCAST_TO: Operation is not supported.",
            "TRANSPOSE: Permutation for transpose is invalid.",
            "46 operations will run on the GPU, and the remaining 4 operations will run on the CPU.",
            "RESHAPE: not one of them",
            "INFO: Loaded OpenCL library with dlopen.",
            "Initialized OpenCL-based API.",
            "Created 1 GPU delegate kernels.",
            PARTIAL.format("GPU", 1),
            flags="--use_gpu=true",
        )
    )
    assert parsed.ok
    assert to_coverage(parsed, "gpu") == Coverage("GPU", 46, 50, 1)
    assert entry(parsed) == ("GPU", "partial", 1, 46, None, None)
    assert parsed.delegates.unsupported == (
        "BROADCAST_TO: Operation is not supported.",
        "TRANSPOSE: Permutation for transpose is invalid.",
    )
    assert parsed.delegates.api == "OpenCL"


def test_refused_operators_without_a_title_stand_before_the_split() -> None:
    lines = [
        "E tflite  : GATHER: Only support 1D indices",
        "E tflite  : 320 operations will run on the GPU, and the remaining 1",
    ]
    parsed = parse_log(log("MODEL: not one of them", "x", *lines, flags="--use_gpu=true"))
    assert parsed.delegates.unsupported == ("GATHER: Only support 1D indices",)
    assert to_coverage(parsed, "gpu") == Coverage("GPU", 320, 321)


def test_a_gpu_that_fell_from_opencl_to_opengl() -> None:
    parsed = parse_log(
        log(
            "Can not open OpenCL library on this device - dlopen failed",
            "Falling back to OpenGL",
            "Initialized OpenGL-based API.",
            FULL.format("GPU"),
            flags="--use_gpu=true",
        )
    )
    assert (parsed.delegates.api, parsed.coverage, parsed.ok) == ("OpenGL", "full", True)


def test_an_external_delegate_is_one_delegate_under_its_two_names() -> None:
    parsed = parse_log(
        log(
            "EXTERNAL delegate created.",
            "[Qnn Delegate] QNN delegate: 29 nodes delegated out of 31 nodes with 2 partitions.",
            replacing(29, 31, "TfLiteQnnDelegate", 3),
            PARTIAL.format("EXTERNAL", 2),
            flags="--external_delegate_path=/data/local/tmp/libQnnTFLiteDelegate.so",
        )
    )
    assert [entry(parsed)] == [("EXTERNAL", "partial", 2, 29, 31, 3)]
    assert parsed.delegates.uses[0].label == "TfLiteQnnDelegate"
    for name in ("qnn", "EXTERNAL", "external"):
        found = to_coverage(parsed, name)
        assert found is not None
        assert (found.delegated_nodes, found.total_nodes) == (29, 31)


def test_qnn_that_took_no_node() -> None:
    parsed = parse_log(
        log(
            "EXTERNAL delegate created.",
            "TfLiteQnnDelegate delegate: 0 nodes delegated out of 31 nodes with 0 partitions.",
            flags="--external_delegate_path=libQnnTFLiteDelegate.so",
        )
    )
    assert entry(parsed) == ("EXTERNAL", "none", None, 0, 31, 0)
    assert not parsed.ok
    assert parsed.failure is not None
    assert parsed.failure.sentence.startswith("fell back to CPU silently")


def test_a_created_external_delegate_says_nothing_about_coverage() -> None:
    parsed = parse_log(log("EXTERNAL delegate created.", flags="--external_delegate_path=x.so"))
    assert parsed.coverage == "unknown"


def test_an_external_library_that_was_not_loaded_without_a_word() -> None:
    parsed = parse_log(log(flags="--external_delegate_path=x.so"))
    assert (parsed.coverage, parsed.ok) == ("unknown", False)


def test_nnapi_with_nothing_but_its_reference_on_the_cpu() -> None:
    listed = "NNAPI accelerators available: [nnapi-reference]"
    full = FULL.format("NNAPI")
    parsed = parse_log(log("Use NNAPI: [1]", listed, full))
    assert (parsed.coverage, parsed.ok) == ("none", False)
    named = parse_log(log("Use NNAPI: [1]", "NNAPI accelerator name: [nnapi-reference]", full))
    assert (named.coverage, named.ok) == ("none", False)
    real = parse_log(log("Use NNAPI: [1]", listed.replace("[", "[google-edgetpu,"), full))
    assert (real.coverage, real.ok) == ("full", True)
    assert real.delegates.nnapi_accelerators == ("google-edgetpu", "nnapi-reference")


def test_a_flag_that_was_ignored_means_that_its_delegate_did_not_run() -> None:
    parsed = parse_log(recorded("amd64_use_gpu.log"))
    assert parsed.coverage == "none"
    assert to_coverage(parsed, "gpu") == Coverage("GPU", stated="none")


def test_litert_s_own_tool_prints_no_line_for_a_delegate_that_it_applied() -> None:
    box = "========== BENCHMARK RESULTS ==========\nInference (avg): 4.5 ms (223 runs)\n"
    parsed = parse_log(log(run=box, flags="--use_gpu=true"))
    assert (parsed.ok, parsed.coverage) == (True, "unknown")
