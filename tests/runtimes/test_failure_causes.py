import pytest

from harness.domain import Status
from harness.runtimes.benchmark_model_log import BenchmarkLog, parse_log
from harness.runtimes.failure_causes import Failure, FailureKind
from tests.runtimes.logs import HEAD, TITLE, WARMUP_TITLE, log, recorded

K = FailureKind


def failure(parsed: BenchmarkLog) -> Failure:
    assert parsed.failure is not None
    assert not parsed.ok
    return parsed.failure


@pytest.mark.parametrize(
    ("name", "sentence", "status"),
    [
        ("amd64_missing_file", "model missing: Could not open 'models/does_not_exist.tflite'.", Status.FAILED),
        ("amd64_invalid_random", "not a flatbuffer: The model is not a valid Flatbuffer buffer", Status.FAILED),
        (
            "amd64_external_delegate_missing",
            "delegate apply failed: Failed to apply EXTERNAL delegate.; crashed by signal 11 (SIGSEGV)",
            Status.CRASHED,
        ),
        (
            "amd64_nonzero_exit_require_full_delegation",
            "delegate apply failed: Failed to apply XNNPACK delegate.",
            Status.FAILED,
        ),
        ("amd64_unknown_flag", "unknown flag: --no_such_flag=1", Status.FAILED),
        ("amd64_help", "usage printed: usage: ./benchmark_model <flags>", Status.FAILED),
        (
            "amd64_mbv2_int8_opprof_xnnpack",
            "fell back to CPU silently: the XNNPACK delegate took no node of the graph",
            Status.DONE,
        ),
    ],
)
def test_recorded_causes(name: str, sentence: str, status: Status) -> None:
    parsed = parse_log(recorded(f"{name}.log"))
    assert failure(parsed).sentence == sentence
    assert parsed.status is status


TAIL = "ERROR: Benchmarking failed."


@pytest.mark.parametrize(
    ("lines", "kind", "status"),
    [
        (["ERROR: Please specify the name of your TF Lite input file with --graph"], K.MODEL_MISSING, Status.FAILED),
        (
            ["ERROR: Mmap of '3' at offset '0' failed with error '22'.", "ERROR: The model allocation is null/empty"],
            K.NOT_A_MODEL,
            Status.FAILED,
        ),
        (["ERROR: Model provided has model identifier 'abcd', should be 'TFL3'"], K.NOT_A_MODEL, Status.FAILED),
        (
            [
                "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '12'. An older",
                "ERROR: Registration failed.",
            ],
            K.OP_TOO_NEW,
            Status.UNSUPPORTED,
        ),
        (["ERROR: Op builtin_code out of range: 150. Are you using old"], K.OP_TOO_NEW, Status.UNSUPPORTED),
        (
            ["ERROR: Encountered unresolved custom op: Sinh.", "ERROR: Node number 0 (Sinh) failed to prepare."],
            K.CUSTOM_OP,
            Status.UNSUPPORTED,
        ),
        (
            ["ERROR: Select TensorFlow op(s), included in the given model, is(are) not supported"],
            K.FLEX_OP,
            Status.UNSUPPORTED,
        ),
        (
            ["ERROR: Node number 57 (BATCH_MATMUL) failed to prepare.", "ERROR: Failed to allocate tensors!"],
            K.OP_FAILED,
            Status.FAILED,
        ),
        (["ERROR: Node number 3 (CONV_2D) failed to invoke."] * 50, K.OP_FAILED, Status.FAILED),
        (
            [
                "ERROR: NN API returned error ANEURALNETWORKS_OP_FAILED at line 3779 while completing.",
                "ERROR: Node number 248 (TfLiteNnapiDelegate) failed to prepare.",
                "Failed to apply NNAPI delegate.",
            ],
            K.DELEGATE_APPLY,
            Status.FAILED,
        ),
        (["ERROR: Node number 9 (TfLiteGpuDelegateV2) failed to prepare."], K.DELEGATE_APPLY, Status.FAILED),
        (
            ["ERROR: hexagon_nn_config failed. Error: -1", "ERROR: Failed to apply Hexagon delegate."],
            K.DELEGATE_APPLY,
            Status.FAILED,
        ),
        (["ERROR: Disallowed CPU fallback detected."], K.FULL_DELEGATION, Status.UNSUPPORTED),
        (["ERROR: Input tensor #0 should have 4 dimensions!"], K.BAD_INPUT, Status.FAILED),
        (
            [
                "ERROR: Failed to parse flag 'num_threads' against argv '--num_threads=abc'",
                "ERROR: usage: ./benchmark_model <flags>",
            ],
            K.BAD_FLAG,
            Status.FAILED,
        ),
        (["ERROR: Something never seen before"], K.FAILED, Status.FAILED),
        (
            [
                "<E> DspTransport.openSession qnn_open failed, 0x80000406",
                "<E> Unable to load Skel Library. transportStatus: 9",
            ],
            K.DELEGATE_CREATION,
            Status.FAILED,
        ),
        (["<E> device create failed 14001"], K.DELEGATE_CREATION, Status.FAILED),
    ],
)
def test_causes_of_exit_1(lines: list[str], kind: FailureKind, status: Status) -> None:
    parsed = parse_log(log(*lines, TAIL, code=1, run=""))
    assert failure(parsed).kind is kind
    assert failure(parsed).detail == lines[0].removeprefix("ERROR: ")
    assert parsed.status is status
    assert parsed.errors[-1] == "Benchmarking failed."


def test_old_builds_without_levels_have_errors_too() -> None:
    parsed = parse_log(
        f"{HEAD}Could not open 'm.tflite'.\nFailed to load model m.tflite\nBenchmarking failed.\n".encode()
    )
    applied = parse_log(f"{HEAD}Failed to apply NNAPI delegate.\nBenchmarking failed.\n".encode())
    assert applied.errors == ("Failed to apply NNAPI delegate.", "Benchmarking failed.")
    assert parsed.errors == ("Could not open 'm.tflite'.", "Failed to load model m.tflite", "Benchmarking failed.")
    assert failure(parsed).kind is K.MODEL_MISSING


@pytest.mark.parametrize(
    ("flags", "line", "kind"),
    [
        ("--use_gpu=true", "WARN: GPU acceleration is unsupported on this platform.", K.DELEGATE_UNSUPPORTED),
        ("--use_nnapi=true", "WARN: NNAPI acceleration is unsupported on this platform.", K.DELEGATE_UNSUPPORTED),
        ("--use_nnapi=true", "Couldn't load NNAPI support library from path: x.so", K.DELEGATE_CREATION),
        (
            "--use_hexagon=true",
            "WARN: Could not create Hexagon delegate: platform may not support delegate or required libraries are …",
            K.DELEGATE_CREATION,
        ),
        ("--use_hexagon=true", "INFO: Hexagon Delegate is not supported.", K.DELEGATE_UNSUPPORTED),
        ("--use_hexagon=true", "Failed to load libhexagon_interface.so, Error: dlopen failed", K.DELEGATE_CREATION),
        ("--external_delegate_path=/x.so", "Unable to load external delegate from : /x.so", K.DELEGATE_CREATION),
        ("", "WARN: GPU acceleration is unsupported on this platform.", K.DELEGATE_UNSUPPORTED),
    ],
)
def test_exit_0_on_the_cpu_although_a_delegate_was_asked_for(flags: str, line: str, kind: FailureKind) -> None:
    parsed = parse_log(log(line, flags=flags))
    assert parsed.coverage == "none"
    assert failure(parsed).kind is kind
    assert failure(parsed).remedy
    assert parsed.status is Status.DONE  # the numbers are true, of the CPU
    assert parsed.inference.count == 50


def test_a_plugin_without_its_dsp_is_the_cause_of_a_silent_fallback() -> None:
    lines = ["EXTERNAL delegate created.", "<E> Unable to load Skel Library. transportStatus: 9"]
    found = failure(parse_log(log(*lines, flags="--external_delegate_path=libQnnTFLiteDelegate.so")))
    assert found.kind is K.DELEGATE_CREATION
    assert "ADSP_LIBRARY_PATH" in found.remedy
    taken = "TfLiteQnnDelegate delegate: 31 nodes delegated out of 31 nodes with 1 partitions."
    assert parse_log(log(*lines, taken, flags="--external_delegate_path=libQnnTFLiteDelegate.so")).ok


def test_accelerators_that_litert_lacks_and_nobody_asked_for() -> None:
    line = "WARNING: NPU accelerator could not be loaded and registered: kLiteRtStatusErrorInvalidArgument."
    assert parse_log(log(line, flags="--use_cpu=true")).ok
    assert failure(parse_log(log(line, flags="--use_npu=true"))).kind is K.DELEGATE_CREATION


def test_the_implicit_xnnpack_failing_to_apply_is_no_failure_of_a_finished_run() -> None:
    assert parse_log(log("ERROR: Something harmless")).ok


@pytest.mark.parametrize(
    ("text", "code", "kind"),
    [
        ('CANNOT LINK EXECUTABLE "./benchmark_model": library "libLiteRt.so" not found', 1, K.CANNOT_LINK),
        ('CANNOT LINK EXECUTABLE "./b": "libx.so" is 64-bit instead of 32-bit', 1, K.WRONG_ABI),
        ("./b: error while loading shared libraries: libm.so.6: cannot open shared object file", 127, K.CANNOT_LINK),
        ("/system/bin/sh: ./benchmark_model: not executable: 64-bit ELF file", 126, K.WRONG_ABI),
        ("sh: ./benchmark_model: cannot execute binary file: Exec format error", 126, K.WRONG_ABI),
        ("/system/bin/sh: ./benchmark_model: can't execute: Permission denied", 126, K.PERMISSION),
        ("/system/bin/sh: ./benchmark_model: inaccessible or not found", 127, K.NOT_EXECUTABLE),
        ("sh: ./benchmark_model: not found", 127, K.NOT_EXECUTABLE),
    ],
)
def test_a_tool_that_does_not_start(text: str, code: int, kind: FailureKind) -> None:
    assert failure(parse_log(f"{text}\n".encode(), exit_code=code)).kind is kind


def test_a_denied_file_inside_a_run_is_not_a_binary_that_may_not_be_run() -> None:
    parsed = parse_log(log("ERROR: open /dev/x: Permission denied", TAIL, code=1, run=""))
    assert failure(parsed).kind is K.FAILED


LOOP = f"{HEAD}{WARMUP_TITLE}\n"


@pytest.mark.parametrize(
    ("text", "code", "sentence", "status"),
    [
        (LOOP, 139, "crashed by signal 11 (SIGSEGV)", Status.CRASHED),
        (LOOP, -6, "crashed by signal 6 (SIGABRT)", Status.CRASHED),
        (LOOP, 132, "crashed by signal 4 (SIGILL)", Status.CRASHED),
        (LOOP, 137, "killed by signal 9 (SIGKILL): most likely out of memory", Status.OOM),
        (LOOP, 143, "timeout by signal 15 (SIGTERM): stopped at a deadline", Status.TIMEOUT),
        (LOOP, 124, "timeout: stopped at a deadline", Status.TIMEOUT),
        (LOOP, None, "killed mid run: the log ends while the model runs", Status.CRASHED),
        (f"{LOOP}Segmentation fault (core dumped)\n", None, "crashed by signal 11 (SIGSEGV)", Status.CRASHED),
        (f"{LOOP}Killed \n", None, "killed by signal 9 (SIGKILL): most likely out of memory", Status.OOM),
        (
            f"{LOOP}[1] + Terminated  ./benchmark_model\n",
            None,
            "timeout by signal 15 (SIGTERM): stopped at a deadline",
            Status.TIMEOUT,
        ),
        (f"{HEAD}{TITLE}\n", 0, "no measurement: exit status 0", Status.FAILED),
        ("hello\n", None, "no measurement", Status.FAILED),
        (
            f"{HEAD}FATAL: The size of F is 3 bytes. It should be 602112 bytes.\n",
            134,
            "wrong input: The size of F is 3 bytes. It should be 602112 bytes.; crashed by signal 6 (SIGABRT)",
            Status.CRASHED,
        ),
    ],
)
def test_how_a_process_ended(text: str, code: int | None, sentence: str, status: Status) -> None:
    parsed = parse_log(text.encode(), exit_code=code)
    assert failure(parsed).sentence == sentence
    assert parsed.status is status


def test_a_failed_row_of_the_summary_over_several_options_is_an_error() -> None:
    title = "==============Summary of All Runs w/ Different Performance Options=============="
    row = "    cpu w/ 4 threads (xnnpack): count=9 first=5 curr=5 min=5 max=6 avg=5.5 std=1"
    parsed = parse_log(log() + f"{title}\n{row}\n    gpu-fp16:  failed!\n".encode())
    assert parsed.errors == ("gpu-fp16:  failed!",)
    assert parsed.inference.count == 50


def test_a_flood_of_errors_is_kept_short() -> None:
    parsed = parse_log(log(*(f"ERROR: {number} {'x' * 5000}" for number in range(500)), code=1, run=""))
    assert len(parsed.errors) == 100
    assert all(len(error) <= 1000 for error in parsed.errors)
    assert len(failure(parsed).sentence) < 300
