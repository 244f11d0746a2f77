from __future__ import annotations

import pytest

from harness.devices.base import ProcessResult
from harness.domain import Status
from harness.prepare.edgetpu.failures import failure_in
from harness.prepare.edgetpu.log import parse_log
from harness.prepare.edgetpu.verdict import call_failure

HEAD = "Edge TPU Compiler version 16.0.384591198\nStarted a compilation timeout timer of 180 seconds.\n"
END = "Compilation child process completed within timeout period.\nCompilation failed! \n"
INTERPRETER = "Compilation failed: Model failed in Tflite interpreter. Please ensure model can be loaded/run.\n"


def ended(text: str = "", code: int = 1, **fields: object) -> ProcessResult:
    return ProcessResult(code, text.encode(), b"", 1.0, **fields)  # type: ignore[arg-type]


def reason_of(text: str, code: int = 1, **fields: object) -> tuple[Status, str]:
    failure = call_failure(ended(text, code, **fields), parse_log(text), timeout_s=210.0)
    assert failure is not None
    return failure.status, failure.sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Invalid model: x.tflite\nModel not quantized\n", "is not quantized. Prepare it as int8"),
        (
            "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version\n" + INTERPRETER,
            "does not know version 6 of CONV_2D. The compiler is of 2021",
        ),
        ("ERROR: Op builtin_code out of range: 150. Are you using old TFLite binary?\n" + INTERPRETER, "with code 150"),
        (
            "ERROR: Encountered unresolved custom op: Atan.\nERROR: Node 1 failed\n" + INTERPRETER,
            "custom operator Atan.",
        ),
        ("ERROR: Attempting to use a delegate that only supports static-sized tensors with a\n", "fixed input shape"),
        (
            "Compilation failed: Compilation failed due to large activation tensors in model.\n",
            "activations are too large",
        ),
        (INTERPRETER, "interpreter of 2021 cannot run the model"),
        ("Invalid model: x.tflite\n", "is invalid: Invalid model: x.tflite"),
        ("m_edgetpu.tflite: No space left on device\n", "the disk is full"),
        ("", "says that compilation failed, and not why"),
    ],
)
def test_each_published_refusal_has_its_cause_and_remedy(text: str, said: str) -> None:
    status, reason = reason_of(HEAD + text + END)
    assert status is Status.FAILED
    assert said in reason
    assert len(reason.split(". ")) > 1, "a remedy follows"


def test_the_compilers_own_timeout_is_a_timeout() -> None:
    text = HEAD + "Compilation timeout. This is usually caused by large activations.\nCompilation failed! \n"
    assert reason_of(text)[0] is Status.TIMEOUT


def test_an_uncaught_exception_is_a_crash() -> None:
    text = HEAD + "libc++abi: terminating with uncaught exception of type std::out_of_range: vector\n" + END
    status, reason = reason_of(text)
    assert status is Status.CRASHED
    assert "std::out_of_range: vector" in reason


def test_an_internal_error_may_go_away() -> None:
    failure = failure_in("\nInternal compiler error. Aborting! \n", attempts="at each of 3 attempts")
    assert failure is not None
    assert failure.transient
    assert "at each of 3 attempts" in failure.what


def test_our_deadline_comes_before_what_was_printed() -> None:
    status, reason = reason_of(HEAD, -9, timed_out=True)
    assert status is Status.TIMEOUT
    assert "3 min 30 s" in reason


def test_a_cancelled_call_is_interrupted_and_no_failure_of_the_model() -> None:
    assert reason_of(HEAD, -9, cancelled=True)[0] is Status.INTERRUPTED


def test_out_of_memory() -> None:
    assert reason_of(HEAD, -9, oom=True)[0] is Status.OOM


@pytest.mark.parametrize("code", [-11, 139])
def test_a_signal_here_or_behind_a_shell_is_a_crash(code: int) -> None:
    status, reason = reason_of(HEAD, code)
    assert status is Status.CRASHED
    assert "SIGSEGV" in reason


def test_another_architecture_names_this_one() -> None:
    failure = failure_in("sh: edgetpu_compiler: Exec format error", machine="aarch64")
    assert failure is not None
    assert "this host is aarch64" in failure.what
    assert "over ssh or in a container" in failure.remedy


def test_a_program_that_is_not_there_says_how_to_get_it() -> None:
    status, reason = reason_of("docker: edgetpu_compiler: command not found\n", 127)
    assert status is Status.FAILED
    assert "Coral's apt repository" in reason
    assert "not on PyPI" in reason


def test_a_refused_connection_is_quoted() -> None:
    assert "Connection refused" in reason_of("ssh: connect to host build port 22: Connection refused\n", 255)[1]


def test_a_version_and_nothing_more_is_no_success() -> None:
    status, reason = reason_of("Edge TPU Compiler version 15.0.340273435\n", 0)
    assert status is Status.FAILED
    assert "neither success nor failure" in reason


def test_another_program_is_recognised() -> None:
    assert "nothing that edgetpu_compiler prints" in reason_of("hello\n", 0)[1]


def test_words_of_the_log_are_not_read_as_words_of_the_sentence() -> None:
    failure = failure_in("Invalid model: {machine}{0}{line}.tflite", machine="secret")
    assert failure is not None
    assert "{machine}{0}{line}" in failure.what
    assert "secret" not in failure.what


def test_what_could_command_a_terminal_is_not_quoted() -> None:
    failure = failure_in("Invalid model: \x1b]0;owned\x07\u202ex.tflite")
    assert failure is not None
    assert failure.what.isprintable()
    assert reason_of("\x1b[2Jgone\n", 3)[1].isprintable()
