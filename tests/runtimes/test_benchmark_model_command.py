from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.domain import Backend, InvocationRequest, MeasureSettings, Purpose, RuntimeRef, TensorInfo
from harness.errors import ParseError
from harness.runtimes.benchmark_model_command import (
    Command,
    Paths,
    build,
    flavour_of,
    input_flags,
    outputs_problem,
    value_files_prefix,
)
from harness.runtimes.benchmark_model_outputs import from_bytes, item_bytes, to_bytes, usable
from harness.runtimes.delegate_options import find
from harness.runtimes.delegates import LITERT, TFLITE, Delegate

PATHS = Paths("/d/tool", "/d/model.tflite", folder="/d/libs", library="/d/libs/lib.so", work="/d/work", token="t1")
LOOP = {"graph", "num_threads", "num_runs", "min_secs", "max_secs", "warmup_runs", "warmup_min_secs"}
FLAGS = LOOP | {"use_xnnpack", "use_gpu", "gpu_backend", "enable_op_profiling", "report_peak_memory_footprint"}
EXTERNAL = FLAGS | {"external_delegate_path", "external_delegate_options"}


def made(
    backend: Backend | None = None, purpose: Purpose = Purpose.TIMING, flags: set[str] = FLAGS, paths: Paths = PATHS
) -> Command | str:
    backend = backend or Backend()
    row = find(backend, flavour_of(flags))
    assert isinstance(row, Delegate)
    request = InvocationRequest(purpose, "m", backend, RuntimeRef(), MeasureSettings())
    return build(request, row, paths, flags)


def argv(*arguments: object, **named: object) -> tuple[str, ...]:
    command = made(*arguments, **named)  # type: ignore[arg-type]
    assert isinstance(command, Command), command
    return command.argv


def test_timing_has_the_window_and_nothing_that_disturbs() -> None:
    assert argv(Backend(threads=4)) == (
        "/d/tool",
        "--graph=/d/model.tflite",
        "--num_threads=4",
        "--use_xnnpack=true",
        "--num_runs=50",
        "--min_secs=2",
        "--max_secs=10",
        "--warmup_runs=10",
        "--warmup_min_secs=1",
    )


def test_memory_and_profile_are_passes_of_their_own() -> None:
    assert "--report_peak_memory_footprint=true" in argv(None, Purpose.MEMORY)
    assert "--report_peak_memory_footprint=true" not in argv(None, Purpose.MEMORY, LOOP | {"use_xnnpack"})
    assert "--enable_op_profiling=true" in argv(None, Purpose.PROFILE)
    without = made(None, Purpose.PROFILE, LOOP | {"use_xnnpack"})
    assert isinstance(without, str)
    assert "--enable_op_profiling" in without
    litert = LOOP | {"use_cpu", "use_gpu", "use_npu", "use_profiler"}
    assert "--use_profiler=true" in argv(None, Purpose.PROFILE, litert)


def test_the_outputs_pass_is_one_cold_inference() -> None:
    words = argv(None, Purpose.OUTPUTS)
    for flag in ("--num_runs=1", "--min_secs=0", "--warmup_runs=0", "--warmup_min_secs=0"):
        assert flag in words


def test_a_tool_is_known_by_its_flags() -> None:
    assert flavour_of({"use_npu", "use_gpu", "use_cpu"}) == LITERT
    assert flavour_of(FLAGS) == TFLITE
    assert flavour_of({"use_npu", "use_xnnpack"}) == TFLITE


def test_all_unknown_flags_are_named_at_once() -> None:
    text = made(Backend("gpu", options=(("sustained", "true"), ("precision", "float32"))))
    assert isinstance(text, str)
    assert "--gpu_precision_loss_allowed, --gpu_inference_for_sustained_speed" in text
    assert "it offers --use_gpu, --use_xnnpack" in text
    assert "no delegate" in str(made(flags=LOOP))


def test_a_delegates_folder_must_survive_the_tools_own_splitting() -> None:
    backend = Backend("qnn", options=(("libraries", "/x"),))
    assert isinstance(made(backend, flags=EXTERNAL), Command)
    text = made(backend, flags=EXTERNAL, paths=replace(PATHS, folder="/d/a:b"))
    assert "has a ':'" in str(text)


def test_the_libraries_of_the_tool_come_after_the_delegates() -> None:
    backend = Backend("qnn", options=(("libraries", "/x"),))
    command = made(backend, flags=EXTERNAL, paths=replace(PATHS, libraries="/d/runtime"))
    assert isinstance(command, Command)
    assert command.env["LD_LIBRARY_PATH"] == "/d/libs:/d/runtime"
    assert command.env["ADSP_LIBRARY_PATH"].split(";")[0] == "/d/libs"
    alone = made(paths=replace(PATHS, libraries="/d/runtime"))
    assert isinstance(alone, Command)
    assert alone.env == {"LD_LIBRARY_PATH": "/d/runtime"}


def test_serialization_names_folder_and_model() -> None:
    flags = FLAGS | {"delegate_serialize_dir", "delegate_serialize_token"}
    words = argv(Backend("gpu", options=(("serialization", "true"),)), flags=flags)
    assert "--delegate_serialize_dir=/d/work" in words
    assert "--delegate_serialize_token=t1" in words


# ---- inputs and outputs ----------------------------------------------------------------------------------------------

FLOAT = TensorInfo("image:0", "float32", (1, 2, 2, 1))
INT8 = TensorInfo("x", "int8", (1, 4), 0.5, -3)


def test_an_input_has_name_and_shape_and_doubled_colons() -> None:
    assert input_flags(FLOAT) == ("--input_layer=image:0", "--input_layer_shape=1,2,2,1")
    assert value_files_prefix(FLOAT) == "--input_layer_value_files=image::0:"
    assert input_flags(replace(FLOAT, shape=(-1, 2)))[1] == "--input_layer_shape=1,2"


@pytest.mark.parametrize("name", ["a,b", "a b", "", "a:", "naïve", "a'b"])
def test_a_name_that_the_tool_would_take_apart_is_replaced(name: str) -> None:
    assert input_flags(replace(FLOAT, name=name))[0] == "--input_layer=input"


def test_what_outputs_need() -> None:
    flags = {"input_layer", "input_layer_shape", "input_layer_value_files", "output_filepath"}
    assert outputs_problem(flags, [FLOAT], [INT8]) is None
    assert "--output_filepath" in str(outputs_problem(flags - {"output_filepath"}, [FLOAT], [INT8]))
    assert "2 and 1" in str(outputs_problem(flags, [FLOAT, FLOAT], [INT8]))
    assert "open shape" in str(outputs_problem(flags, [replace(FLOAT, shape=(1, -1))], [INT8]))
    assert "string" in str(usable(replace(FLOAT, dtype="string")))
    assert usable(INT8) is None


@given(arrays.arrays(np.int8, (3, 4)))
def test_values_survive_quantization(stored: "np.ndarray[tuple[int, ...], np.dtype[np.int8]]") -> None:
    values = from_bytes(stored.tobytes(), 3, INT8)
    assert to_bytes(values, INT8) == stored.tobytes()


@given(st.floats(-1e6, 1e6, width=32))
def test_what_does_not_fit_is_clipped(value: float) -> None:
    (stored,) = np.frombuffer(to_bytes(np.float32([[value]]), replace(INT8, shape=(1, 1))), np.int8)
    assert stored == min(max(round(value / 0.5 - 3), -128), 127)


def test_a_tie_goes_to_the_even_stored_value() -> None:
    """Round first and add the zero point then, and an odd zero point turns every tie the other way."""
    ties = np.float32([[1.25], [0.75], [0.25], [-0.25], [-0.75]])
    stored = np.frombuffer(to_bytes(ties, replace(INT8, shape=(1, 1))), np.int8)
    assert stored.tolist() == [0, -2, -2, -4, -4]


def test_outputs_must_be_as_many_bytes_as_asked_for() -> None:
    assert item_bytes(FLOAT) == 16
    with pytest.raises(ParseError, match="2 outputs of 'image:0' are 32 bytes, the tool wrote 31"):
        from_bytes(bytes(31), 2, FLOAT)
