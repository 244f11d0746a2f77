import pytest

from harness.runtimes.op_profile import BUILT_IN, parse_op_profile, undelegated
from tests.runtimes.logs import recorded

RUN_ORDER = "============================== Run Order =============================="
TOP = "============================== Top by Computation Time =============================="
SUMMARY = "============================== Summary by node type =============================="
REGULAR = "Operator-wise Profiling Info for Regular Benchmark Runs:"
HEADER = "\t[node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]"


def row(kind: str, average_ms: float, name: str = "[x]:0", calls: int = 1) -> str:
    return f"\t   {kind}\t    0.500\t    {average_ms:.3f}\t 50.000%\t 50.000%\t     0.000\t        {calls}\t{name}"


def table(*rows: str, header: str = HEADER) -> str:
    return "\n".join([REGULAR, RUN_ORDER, header, *rows, "", TOP, header, *rows, "", SUMMARY, *rows]) + "\n"


@pytest.mark.parametrize(
    ("name", "slowest_us"),
    [
        ("amd64_mbv2_f32_opprof.log", 26386.0),
        ("amd64_mbv2_int8_opprof_xnnpack.log", 41406.0),
        ("amd64_opprof.csv", 23789.9),
    ],
)
def test_recorded_profiles(name: str, slowest_us: float) -> None:
    operators = parse_op_profile(recorded(name))
    counts = {one.name: one.count for one in operators}
    assert counts == {"DEPTHWISE_CONV_2D": 17, "CONV_2D": 35, "FULLY_CONNECTED": 1, "MEAN": 1, "ADD": 10, "SOFTMAX": 1}
    assert operators[0].name == "DEPTHWISE_CONV_2D"
    assert operators[0].total_us == pytest.approx(slowest_us)
    assert sum(one.share for one in operators) == pytest.approx(1)
    assert undelegated(operators) == operators


def test_columns_are_found_by_their_header() -> None:
    header = (
        "\t[Node type]\t          [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]"
    )
    rows = ["\t CONV_2D\t 7.000\t 9.000\t 0.250\t 100.000%\t 100.000%\t 0.000\t 1\t[a]:0"]
    (operator,) = parse_op_profile(table(*rows, header=header))
    assert (operator.name, operator.total_us) == ("CONV_2D", 250)


def test_text_that_lost_its_tabs() -> None:
    text = table(row("CONV_2D", 1.5), row("ADD", 0.5)).replace("\t", "    ")
    assert [(one.name, one.total_us) for one in parse_op_profile(text)] == [("CONV_2D", 1500), ("ADD", 500)]


def test_a_delegate_without_inner_operators_and_what_it_left() -> None:
    operators = parse_op_profile(table(row("TfLiteGpuDelegateV2", 3), row("RESHAPE", 1)))
    assert [(one.name, one.kernel, one.share) for one in operators] == [
        ("TfLiteGpuDelegateV2", "GPU", 0.75),
        ("RESHAPE", BUILT_IN, 0.25),
    ]
    assert [one.name for one in undelegated(operators)] == ["RESHAPE"]


def test_inner_operators_stand_for_their_delegate_and_its_rest() -> None:
    inner = [row("Convolution (NHWC, F32) GEMM", 2, "Delegate/Convolution (NHWC, F32) GEMM:0")]
    inner += [row("Softmax (NC, F32)", 0.5, "Delegate/Softmax (NC, F32):1")]
    text = table(row("TfLiteXNNPackDelegate", 3), row("CUSTOM", 1))
    internal = "\n".join(["Delegate internal: ", RUN_ORDER, HEADER, *inner]) + "\n"
    for profile in (text + internal, table(row("TfLiteXNNPackDelegate", 3), row("CUSTOM", 1), *inner)):
        operators = parse_op_profile(profile)
        assert [(one.name, one.kernel, one.total_us) for one in operators] == [
            ("Convolution (NHWC, F32) GEMM", "XNNPACK", 2000),
            ("CUSTOM", BUILT_IN, 1000),
            ("Softmax (NC, F32)", "XNNPACK", 500),
            ("TfLiteXNNPackDelegate", "XNNPACK", 500),
        ]


def test_inner_operators_without_a_row_of_their_delegate() -> None:
    said = "Replacing 1 out of 1 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions.\n"
    text = "\n".join(
        [
            RUN_ORDER,
            HEADER,
            row("LiteRT::Run[Buffer sync]", 0.012, "LiteRT::Run[Buffer sync]/0"),
            row("AllocateTensors", 0.291, "AllocateTensors/0", calls=0),
            row("Fully Connected (NC, PF32) GEMM", 0.382, "Delegate/Fully Connected (NC, PF32) GEMM:1"),
        ]
    )
    operators = parse_op_profile(said + text)
    assert [(one.name, one.kernel) for one in operators] == [
        ("Fully Connected (NC, PF32) GEMM", "XNNPACK"),
        ("LiteRT::Run[Buffer sync]", "LiteRT"),
    ]
    assert parse_op_profile(text)[0].kernel == "delegate"
    assert undelegated(operators) == ()


def test_calls_of_one_inference_are_added_up_and_old_builds_print_none() -> None:
    assert parse_op_profile(table(row("ADD", 0.5, calls=4)))[0].total_us == 2000
    assert parse_op_profile(table(row("ADD", 0.5, calls=0)))[0].total_us == 500


def test_cycles_of_the_hexagon_delegate_are_no_time() -> None:
    inner = "\n".join(["Delegate internal: ", RUN_ORDER, HEADER, row("OP_QuantizedAdd", 90000, "Delegate/a:0")]) + "\n"
    text = table(row("TfLiteHexagonDelegate", 4)) + inner
    for switch in ("$ ./benchmark_model --hexagon_profiling=true\n", "INFO: Hexagon profiling: [1]\n"):
        (operator,) = parse_op_profile(switch + text)
        assert (operator.name, operator.total_us, operator.kernel) == ("TfLiteHexagonDelegate", 4000, "Hexagon")


def test_bodies_of_control_flow_are_not_counted_twice() -> None:
    text = "\n".join(
        [
            REGULAR,
            "Primary graph (name: main) profile:",
            RUN_ORDER,
            HEADER,
            row("WHILE", 5),
            "",
            "Subgraph (index: 2, name: body) profile:",
            RUN_ORDER,
            HEADER,
            row("ADD", 4, calls=1),
            "Subgraph (index: 2, name: body) 1 nodes observed",
        ]
    )
    assert [one.name for one in parse_op_profile(text)] == ["WHILE"]


def test_the_initialization_is_no_inference() -> None:
    text = recorded("amd64_mbv2_f32_opprof.log").decode()
    initialization = text[: text.index(REGULAR)]
    assert "AllocateTensors" in initialization
    assert parse_op_profile(initialization) == ()


@pytest.mark.parametrize(
    "text", ["", "nothing", RUN_ORDER, f"{RUN_ORDER}\n{HEADER}\n\tADD\n\t\t\n", f"{HEADER}\n{row('ADD', 1)}"]
)
def test_no_profile(text: str) -> None:
    assert parse_op_profile(text) == ()
