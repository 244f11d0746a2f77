from __future__ import annotations

import json

from harness.domain import OperatorTime
from harness.inspect import comparison_json, comparison_lines, lines, report_json
from harness.inspect.analysis import report_on
from harness.inspect.comparison import compare
from harness.inspect.measured import Measured, Stored
from harness.inspect.wording import count_text, layer_text, options_text, summary
from tests.inspect.factory import Drawn, chain

MEASURED = Measured(
    "run-7",
    "Pixel",
    "gpu",
    1,
    "benchmark_model",
    "TRUSTED",
    3.21,
    "partial",
    2,
    3,
    1,
    (OperatorTime("RELU", 40.0, 1.0, 3),),
)
HOSTILE = "\x1b[31mred\n[bold]\u202e</b>"


def _labelled(text: list[str]) -> dict[str, str]:
    return {line[:14].strip(): line[14:] for line in text if line[:14].strip()}


def test_the_facts_of_a_file() -> None:
    text = lines(report_on(chain(["a", "b", "c"]).file(gzip_bytes=500)))
    facts = _labelled(text)
    assert facts["size"] == "0.001 MB, gzip 0.001 MB"
    assert facts["input"] == "input  1×4×4×2  float32"
    assert facts["computes"] == "0 multiply-accumulates"
    assert facts["XNNPACK"] == "3 of 3 expected"
    assert facts["Edge TPU"] == "0 of 3 expected; it computes 8-bit integers only: 3 RELU"
    assert "                 3 RELU v1" in text
    assert "const val BATCH_SIZE = 1" in text
    assert not any("measured, of this very file" in line for line in text)


def test_what_was_measured_is_told_with_run_and_device() -> None:
    text = "\n".join(lines(report_on(chain(["a", "b", "c"]).file(), Stored((MEASURED,)))))
    assert (
        "gpu, 1 thread, benchmark_model on Pixel: 3.21 ms (TRUSTED), delegated partial, 2 of 3 nodes, run run-7" in text
    )
    assert "0.040 ms 100.0 %     3 RELU" in text


def test_a_store_that_could_not_be_asked_is_said() -> None:
    text = lines(report_on(chain(["a"]).file(), store_problem="too new"))
    assert _labelled(text)["measured"] == "the results store was not asked: too new"


def test_islands_custom_operators_and_reasons_are_told() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4), "int8")]
    data = drawn.unary("DEQUANTIZE", drawn.inputs[0], "a", "float32")
    data = drawn.unary("MyOp", data, "b", custom=True)
    drawn.outputs = [drawn.unary("QUANTIZE", data, "c", "int8")]
    facts = _labelled(lines(report_on(drawn.file(cannot_run="no kernel"))))
    assert facts["float island"] == "#1: 1 operator (MyOp), in by 1 DEQUANTIZE, out by 1 QUANTIZE"
    assert facts["custom"] == "MyOp"
    assert facts["cannot run"] == "no kernel"
    assert facts["computes"] == "0 multiply-accumulates, without 1 MyOp (not counted)"


def test_a_compiled_file_says_what_is_on_the_edge_tpu_and_what_was_left() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4), "int8")]
    data = drawn.unary("edgetpu-custom-op", drawn.inputs[0], "a", "int8", custom=True)
    drawn.outputs = [drawn.unary("SOFTMAX", data, "b", "int8")]
    refused = "LiteRT has no kernel for an operator of the model: Encountered unresolved custom op: edgetpu-custom-op."
    report = report_on(drawn.file(cannot_run=refused))
    facts = _labelled(lines(report))
    assert facts["compiled"] == "1 part on the Edge TPU; left on the CPU: 1 operator (1 SOFTMAX)"
    assert facts["cannot run"] == "on a CPU: only libedgetpu has the operator edgetpu-custom-op"
    assert facts["Edge TPU"] == "1 of 2 expected; left on the CPU by edgetpu_compiler: 1 SOFTMAX"
    assert report_json(report)["edgetpu"] == {"subgraphs": 1, "left_on_cpu": (("SOFTMAX", 1),)}
    assert report_json(report_on(chain(["a"]).file()))["edgetpu"] is None
    assert ("Compiled", facts["compiled"]) in summary(report)


def test_names_are_inert() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor(HOSTILE, (1, 4, 4, 3))]
    data = drawn.unary(f"Op{HOSTILE}", drawn.inputs[0], HOSTILE, custom=True)
    drawn.outputs = [data]
    report = report_on(drawn.file(path=HOSTILE, cannot_run=HOSTILE, variant=HOSTILE), store_problem=HOSTILE)
    other = report_on(chain(["x"]).file(sha256="cd" * 32))
    for text in (lines(report), comparison_lines(compare(report, other))):
        assert all(line.isprintable() for line in text)


def test_two_files_as_a_table() -> None:
    other = chain(["a", "b", "x"], dtype="int8").file(sha256="cd" * 32, variant="int8")
    text = comparison_lines(compare(report_on(chain(["a", "b"]).file()), report_on(other)))
    cells = [line.split() for line in text]
    assert ["variant", "float32", "int8"] in cells
    assert ["RELU", "2", "3"] in cells
    assert "layers by name: 2 differs, 1 only right" in text
    assert "  only right  RELU x" in text


def test_the_same_file_twice_is_said() -> None:
    one = report_on(chain(["a"]).file())
    assert comparison_lines(compare(one, one))[-1] == "Both are the same file, byte by byte."


def test_json_has_everything_and_is_strict() -> None:
    drawn = chain(["a", "b"])
    drawn.tensor("w", (4,), constant=True, scales=(float("nan"),), zero_points=(0,))
    value = json.loads(json.dumps(report_json(report_on(drawn.file(), Stored((MEASURED,)))), allow_nan=False))
    assert value["operators"] == [["RELU", 2]]
    assert value["inputs"][0]["shape"] == [1, 4, 4, 2]
    assert value["layers"][0]["expected"]["XNNPACK"] == ["expected", ""]
    assert value["graphs"][0]["tensors"][3]["scales"] == ["NaN"]
    assert value["measured"][0]["run_id"] == "run-7"
    assert value["preprocessing"][0]["kotlin"].startswith("// Input")
    assert value["delegate_rules"][0]["source"]
    both = comparison_json(compare(report_on(drawn.file()), report_on(drawn.file())))
    assert json.dumps(both, allow_nan=False)
    assert both["same_file"] is True


def test_figures_for_people() -> None:
    assert [count_text(value) for value in (None, 0, 999, 3_474_008, 300_774_272, 2.5e9)] == [
        "—",
        "0",
        "999",
        "3.474 M",
        "300.8 M",
        "2.5 G",
    ]
    assert layer_text("net/a;net/b;;net/c") == "net/a + 2 fused"
    assert options_text((("padding", "SAME"), ("stride_w", 2), ("stride_h", 1), ("activation", "NONE"))) == (
        "stride 1×2, padding SAME"
    )
