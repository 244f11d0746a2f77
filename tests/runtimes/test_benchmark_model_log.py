import json
import time
from pathlib import Path

import pytest

from harness.domain import Status
from harness.runtimes.benchmark_model_help import parse_help
from harness.runtimes.benchmark_model_log import BenchmarkLog, parse_log, to_json, to_tool_timing
from harness.runtimes.op_profile import parse_op_profile
from tests.runtimes.logs import (
    HEAD,
    LOGS,
    MEASURED,
    MEMORY,
    RECORDED,
    RUN,
    SUMMARY,
    TITLE,
    WARMUP,
    WARMUP_TITLE,
    log,
    prefixed,
    recorded,
)

BLOCK = ("count", "min_us", "max_us", "avg_us", "std_us", "p5_us", "median_us", "p95_us")
EMPTY = dict.fromkeys(BLOCK)


def block(*values: float | None) -> dict[str, float | None]:
    return dict(zip(BLOCK, values, strict=True))


def test_a_recorded_run_with_every_field() -> None:
    assert to_json(parse_log(recorded("amd64_mbv2_f32_t1_xnnpack.log"))) == {
        "ok": True,
        "exit_code": 0,
        "init_us": 20602,
        "first_inference_us": 15408,
        "warmup": block(10, 4090, 15408, 10489.5, 3226, None, None, None),
        "inference": block(12, 3858, 12002, 8877.58, 2154, None, None, None),
        "memory": {"init_mib": 30.3047, "overall_mib": 38.8516, "peak_mib": None},
        "delegates": [
            {
                "name": "XNNPACK",
                "coverage": "full",
                "kernels": None,
                "delegated_nodes": None,
                "total_nodes": None,
                "partitions": None,
            }
        ],
        "coverage": "full",
        "unconsumed_flags": [],
        "errors": [],
        "cause": None,
    }


RECORDED_RESULTS = {
    "amd64_external_delegate_missing": (False, 139, None, "none"),
    "amd64_help": (False, 1, None, "unknown"),
    "amd64_invalid_random": (False, 1, None, "unknown"),
    "amd64_mbv2_f32_opprof": (True, 0, 34133.1, "unknown"),
    "amd64_mbv2_f32_t1": (True, 0, 33439.8, "unknown"),
    "amd64_mbv2_f32_t1_xnnpack": (True, 0, 8877.58, "full"),
    "amd64_mbv2_int8_opprof_xnnpack": (False, 0, 51258.9, "none"),
    "amd64_missing_file": (False, 1, None, "unknown"),
    "amd64_nonzero_exit_require_full_delegation": (False, 1, None, "none"),
    "amd64_report_peak_mem": (True, 0, 34614.8, "unknown"),
    "amd64_timeout_killed_by_sigterm": (False, 1, None, "unknown"),
    "amd64_tiny_f32": (True, 0, 29.6769, "unknown"),
    "amd64_unknown_flag": (False, 0, 25.926, "unknown"),
    "amd64_use_gpu": (False, 0, 27.0714, "none"),
    "arm64_max_secs": (True, 0, 4399717, "unknown"),
}


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_recorded_logs(path: Path) -> None:
    parsed = parse_log(path.read_bytes())
    told = (parsed.ok, parsed.exit_code, parsed.inference.avg_us, parsed.coverage)
    assert told == RECORDED_RESULTS[path.stem]
    assert parsed.debug_build
    assert (parsed.failure is None) == parsed.ok
    assert (to_tool_timing(parsed) is None) == (parsed.inference.avg_us is None)
    json.dumps(to_json(parsed), allow_nan=False)


def test_integers_come_from_the_count_line_and_not_from_the_rounded_summary() -> None:
    parsed = parse_log(recorded("arm64_max_secs.log"))
    assert parsed.inference.to_json() == block(1, 4399717, 4399717, 4399717, None, None, None, None)
    assert parsed.warmup.avg_us == 3523470
    timing = to_tool_timing(parsed)
    assert timing is not None
    assert (timing.count, timing.median_us, timing.std_us) == (1, 4399717, None)


def test_the_sampled_peak_of_memory() -> None:
    memory = parse_log(recorded("amd64_report_peak_mem.log")).memory
    assert (memory.init_mib, memory.overall_mib, memory.peak_mib) == (4.66797, 30.0703, 37.9414)


@pytest.mark.parametrize("dress", [str, prefixed, lambda text: text.replace("\n", "\r\n")], ids=["old", "new", "crlf"])
def test_percentiles_with_every_prefix_and_line_end(dress: "type[str]") -> None:
    parsed = parse_log(dress(HEAD + RUN).encode())
    assert parsed.ok  # without an exit status the summary tells that the tool came to its end
    assert parsed.inference.to_json() == block(50, 111842, 119614, 115246, 1329, 112107, 115350, 116620)
    assert parsed.warmup.to_json() == block(5, 111758, 125113, 115344, 4959, 111758, 112912, 125113)
    assert (parsed.init_us, parsed.first_inference_us) == (1361236, 125113)
    assert parsed.memory.overall_mib == 140.25


@pytest.mark.parametrize(
    "prefix",
    [
        "11-21 23:46:01.123  1234  1240 I tflite  : ",
        "2026-11-21 23:46:01.123456  1234  1240 I tflite: ",
        "11-21 23:46:01.123 I/tflite  ( 1234): ",
        "I/tflite  ( 1234): ",
        "I tflite  : ",
        "I0000 00:00:1758455104.504065   62590 benchmark_model.cc:51] ",
    ],
)
def test_logcat_and_glog_prefixes(prefix: str) -> None:
    text = "".join(f"{prefix}{line}\n" for line in (HEAD + RUN).splitlines())
    parsed = parse_log(text.encode())
    assert parsed.ok
    assert parsed.inference.median_us == 115350
    failed = parse_log(text.replace(RUN.splitlines()[0], "").replace("I", "E", 1).encode())
    assert failed.inference.median_us == 115350


def test_the_summary_before_version_2_2() -> None:
    run = (
        "Running benchmark for at least 1 iterations and at least 0.5 seconds\n"
        "count=6 first=91810 curr=85097 min=84834 max=91810 avg=86184.3 std=2519\n\n"
        "Running benchmark for at least 50 iterations and at least 1 seconds\n"
        "count=50 first=118810 curr=114219 min=88216 max=129193 avg=115062 std=7678\n\n"
        "Average inference timings in us: Warmup: 86184.3, Init: 1892, {}: 115062\n"
    )
    for word in ("no stats", "Inference"):
        parsed = parse_log((HEAD + run.format(word)).encode())
        assert parsed.ok
        assert (parsed.init_us, parsed.first_inference_us, parsed.inference.avg_us) == (1892, 91810, 115062)
    oldest = run.replace("at least 1 iterations and at least 0.5 seconds", "1 iterations").replace(
        "at least 50 iterations and at least 1 seconds", "50 iterations"
    )
    assert parse_log((HEAD + oldest.format("no stats")).encode()).inference.count == 50


def test_the_memory_line_of_2_2_and_2_3() -> None:
    parsed = parse_log((HEAD + RUN.replace(MEMORY, "Peak memory footprint (MB): init=63.5 overall=64.25")).encode())
    assert (parsed.memory.init_mib, parsed.memory.overall_mib) == (63.5, 64.25)


def run_of(warmup: str, measured: str, average: str = "7") -> bytes:
    summary = f"Inference timings in us: Init: 5, First inference: 7, Warmup (avg): 7, Inference (avg): {average}"
    return f"{HEAD}{WARMUP_TITLE}\n{warmup}\n\n{TITLE}\n{measured}\n\n{summary}\n".encode()


def test_samples_that_are_all_the_same() -> None:
    parsed = parse_log(run_of("count=9 curr=7(all same)", "count=50 curr=7(all same)"))
    assert parsed.ok
    assert parsed.inference.to_json() == block(50, 7, 7, 7, None, None, None, None)
    timing = to_tool_timing(parsed)
    assert timing is not None
    assert (timing.p5_us, timing.median_us, timing.p95_us) == (7, 7, 7)


def test_no_samples_are_no_measurement() -> None:
    parsed = parse_log(run_of("count=0", "count=0", "nan"))
    assert not parsed.ok
    assert parsed.inference.count == 0
    assert parsed.inference.avg_us is None
    assert to_tool_timing(parsed) is None


def test_scientific_notation() -> None:
    line = "count=4 first=3440470 curr=3440480 min=3440460 max=3440490 avg=3.44047e+06 std=12"
    parsed = parse_log(run_of("count=1 curr=7", line, "3.44047e+06"))
    assert parsed.inference.avg_us == 3440470


LITERT = """\
INFO: [./litert/tools/benchmark_litert_model.h:81]\x20
========== BENCHMARK RESULTS ==========
INFO: [./litert/tools/benchmark_litert_model.h:82] Model initialization: 4.48 ms
INFO: [./litert/tools/benchmark_litert_model.h:84] Warmup (first):       1.03 ms
INFO: [./litert/tools/benchmark_litert_model.h:86] Warmup (avg):         0.47 ms (1055 runs)
INFO: [./litert/tools/benchmark_litert_model.h:88] Inference (avg):      0.46 ms (2112 runs)
INFO: [./litert/tools/benchmark_litert_model.h:92] Inference (min):      0.44 ms
INFO: [./litert/tools/benchmark_litert_model.h:94] Inference (max):      0.98 ms
INFO: [./litert/tools/benchmark_litert_model.h:96] Inference (std):      0.01
INFO: [./litert/tools/benchmark_litert_model.h:103] Throughput:           525.55 MB/s
INFO: [./litert/tools/benchmark_litert_model.h:114] Init footprint:       8.94 MB
INFO: [./litert/tools/benchmark_litert_model.h:116] Overall footprint:    11.51 MB
INFO: [./litert/tools/benchmark_litert_model.h:123] Peak memory usage not available. (peak_mem_mb <= 0)
"""


def test_the_results_of_litert_s_own_tool() -> None:
    parsed = parse_log((prefixed(HEAD) + LITERT).encode())
    assert parsed.ok
    assert parsed.init_us == 4480
    assert parsed.first_inference_us == 1030
    assert parsed.inference.to_json() == block(2112, 440, 980, 460, 10, None, None, None)
    assert parsed.warmup.to_json() == block(1055, None, None, 470, None, None, None, None)
    assert (parsed.memory.init_mib, parsed.memory.overall_mib, parsed.memory.peak_mib) == (8.94, 11.51, None)


def test_litert_s_count_lines_are_finer_than_its_results() -> None:
    run = prefixed(f"{WARMUP_TITLE}\n{WARMUP}\n\n{TITLE}\n{MEASURED}\n")
    parsed = parse_log((prefixed(HEAD) + run + LITERT).encode())
    assert parsed.inference.median_us == 115350
    assert parsed.init_us == 4480


# ---- the warm-up is never the measurement ---------------------------------------------------------------------------

DIED = f"{HEAD}{WARMUP_TITLE}\n{WARMUP}\n\n"


@pytest.mark.parametrize(
    "text",
    [
        DIED,
        f"{DIED}{TITLE}\n",
        f"{DIED}{TITLE}\n{MEASURED[:40]}",
        f"{DIED}{TITLE}\n{MEASURED[:40]}\n",
        f"{HEAD}{WARMUP_TITLE}\n{WARMUP_TITLE}\n{WARMUP}\n{WARMUP}\n",
        f"{HEAD}{WARMUP_TITLE}\n{WARMUP}\n\n{WARMUP_TITLE}\n{WARMUP}\n",
        f"{HEAD}Initialized session in 1ms.\nInitialized session in 1ms.\n"
        f"{WARMUP_TITLE}\n{WARMUP}\n{WARMUP_TITLE}\n{TITLE}\n{WARMUP}\n",
        f"{HEAD}{RUN}{DIED}",
    ],
    ids=["no title", "no block", "cut", "cut line", "twice", "copied", "late copy", "second run"],
)
def test_a_tool_that_died_between_the_loops_has_no_measurement(text: str) -> None:
    parsed = parse_log(text.encode(), exit_code=137)
    assert parsed.warmup.avg_us == 115344
    assert parsed.inference.to_json() == EMPTY
    assert not parsed.ok
    assert parsed.status is Status.OOM
    assert to_tool_timing(parsed) is None


@pytest.mark.parametrize(
    "run",
    [
        RUN.replace(WARMUP_TITLE, ""),
        RUN.replace(TITLE, ""),
        RUN.replace(WARMUP_TITLE, "").replace(TITLE, ""),
        RUN.replace(f"{WARMUP_TITLE}\n{WARMUP}", ""),
        "".join(f"{line}\n{line}\n" for line in RUN.splitlines()),
        RUN + RUN,
        f"Timings (microseconds): count=18 first=3 curr=4 min=3 max=8 avg=5 std=2\n{RUN}Memory (bytes): count=0\n",
    ],
    ids=["no first title", "no second title", "no titles", "no warm-up", "doubled", "copied", "profile"],
)
def test_the_measurement_is_found_where_lines_are_missing_or_doubled(run: str) -> None:
    parsed = parse_log((HEAD + run).encode())
    assert parsed.inference.median_us == 115350
    assert parsed.warmup.median_us in (112912, None)


def test_a_measurement_that_the_summary_contradicts_is_not_taken() -> None:
    changed = MEASURED.replace("avg=115246", "avg=115346")
    parsed = parse_log((HEAD + RUN.replace(MEASURED, changed)).encode())
    assert parsed.inference.to_json() == EMPTY
    assert parsed.failure is not None
    assert parsed.failure.sentence.startswith("log contradicts itself")


@pytest.mark.parametrize(
    "change", [("min=111842", "min=211842"), ("median=115350", "median=15350"), ("count=50", "count=1")]
)
def test_a_count_line_that_cannot_be_true_is_not_taken(change: tuple[str, str]) -> None:
    parsed = parse_log((HEAD + RUN.replace(MEASURED, MEASURED.replace(*change))).encode())
    assert parsed.inference.count is None
    assert parsed.inference.median_us is None
    assert not parsed.ok


def test_only_the_summary_is_left_of_a_log() -> None:
    parsed = parse_log(f"{SUMMARY}\n".encode())
    assert parsed.inference.avg_us == 115246
    assert parsed.warmup.avg_us == 115344
    assert not parsed.ok  # how many inferences it was is not known
    assert to_tool_timing(parsed) is None


def test_only_the_last_of_several_runs_is_read() -> None:
    first = log("ERROR: Failed to apply GPU delegate.", run=RUN.replace("115350", "115351"), flags="--use_gpu=true")
    parsed = parse_log(first + log(flags="--num_threads=2"))
    assert parsed.inference.median_us == 115350
    assert parsed.delegates.asked == ()
    assert parsed.errors == ()
    died = parse_log(first + b"$ ./benchmark_model --graph=m\n# exit status 137\nSTARTING!\n")
    assert died.inference.to_json() == EMPTY


# ---- streams, cut ends, hostile bytes --------------------------------------------------------------------------------


def test_a_message_of_the_other_stream_in_the_middle_of_a_line() -> None:
    fused = f"{MEASURED}INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
    parsed = parse_log((HEAD + RUN.replace(MEASURED, fused)).encode())
    assert parsed.inference.median_us == 115350
    assert parsed.inference.p95_us is None  # its last digits may stand behind the other message
    torn = MEASURED.replace("avg=115246", "avg=11INFO: Created x.\n5246")
    assert parse_log((HEAD + RUN.replace(MEASURED, torn)).encode()).inference.count is None


FIELDS = ("warmup", "inference", "memory")


def told(parsed: BenchmarkLog) -> dict[str, object]:
    whole = to_json(parsed)
    flat = {f"{name} {key}": value for name in FIELDS for key, value in whole[name].items()}
    return flat | {name: whole[name] for name in ("init_us", "first_inference_us", "exit_code")}


@pytest.mark.parametrize("path", [path for path in LOGS if "opprof" not in path.stem], ids=lambda path: path.stem)
def test_a_log_that_is_cut_off_tells_the_same_or_nothing(path: Path) -> None:
    data = path.read_bytes()
    whole = told(parse_log(data))
    for size in range(0, len(data), 97 if len(data) > 3000 else 1):
        cut = told(parse_log(data[:size]))
        wrong = {name: value for name, value in cut.items() if value is not None and value != whole[name]}
        assert not wrong, f"cut to {size} bytes"


def test_a_log_kept_without_its_middle() -> None:
    data = (HEAD + RUN.replace(MEASURED, MEASURED.partition(" p5=")[0])).encode()
    at = data.index(b"std=1329") + len(b"std=13")
    kept = parse_log(data[:at] + b"\n... 12345 bytes left out ...\n" + data[-60:])
    assert kept.inference.avg_us == 115246
    assert kept.inference.std_us is None


def test_a_summary_that_is_cut_off_does_not_contradict() -> None:
    whole = HEAD + RUN
    parsed = parse_log(whole[: whole.index("(avg): 115246") + len("(avg): 1152")].encode())
    assert parsed.inference.median_us == 115350
    assert parsed.ok


def test_a_tool_that_crashes_after_its_measurement_did_not_end_well() -> None:
    parsed = parse_log(log(code=139))
    assert parsed.inference.median_us == 115350
    assert (parsed.ok, parsed.finished, parsed.status) == (False, False, Status.CRASHED)


def test_bytes_that_are_no_utf_8_and_utf_16() -> None:
    assert parse_log(b"\xff\x80" + (HEAD + RUN).encode().replace(b"m.tflite", b"\xe4\xf6\xff")).ok
    assert parse_log((HEAD + RUN).encode("utf-16")).inference.median_us == 115350


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 100, b"count=", b"count=" + b"9" * 5000 + b" curr=1", b"# exit status 99999999\n", b"$ \n"],
)
def test_nothing_is_known_of_bytes_that_are_no_log(data: bytes) -> None:
    parsed = parse_log(data)
    assert parsed.inference.to_json() == EMPTY
    assert not parsed.ok
    assert parsed.exit_code is None


def test_digits_of_other_scripts_and_endless_numbers_are_no_numbers() -> None:
    for value in ("٣" * 6, "9" * 400, "1e999"):
        text = HEAD + RUN.replace("avg=115246", f"avg={value}").replace("(avg): 115246", f"(avg): {value}")
        assert parse_log(text.encode()).inference.avg_us is None


def test_the_exit_code_of_the_caller_counts_before_the_header() -> None:
    assert parse_log(log(code=0), exit_code=139).exit_code == 139
    assert parse_log(b"out\n__RC=3\n").exit_code == 3
    assert parse_log(log(code=-11, run="")).exit_code == -11


def test_flags_that_the_binary_does_not_know() -> None:
    parsed = parse_log(log("WARN: Unconsumed cmdline flags: --use_gpu=true --num_threads 4 --x=a b"))
    assert parsed.unconsumed_flags == ("--use_gpu=true", "--num_threads 4", "--x=a b")
    assert not parsed.ok
    assert parsed.status is Status.FAILED
    assert parsed.failure is not None
    assert parsed.failure.sentence == "unknown flag: --use_gpu=true, --num_threads 4, --x=a b"
    old = parse_log(log("WARNING: unrecognized commandline flag: --use_gpu=true"))
    assert old.unconsumed_flags == ("--use_gpu=true",)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "line",
    [
        "=" * 10**6,
        "====" + " " * 10**6,
        "WARN: Unconsumed cmdline flags: x" + " " * 10**6 + "x",
        "Node number 1 (" + "Delegate" * 10**5,
        "count=" * 10**5,
        "x: " * 10**5 + "nodes delegated out of",
        "INFO: " * 10**5,
        "--a=" + "x" * 10**6,
        "Following operations are not supported by GPU delegate:\n" + "AB: c\n" * 10**5,
    ],
    ids=range(9),
)
def test_long_lines_take_no_longer_than_their_length(line: str) -> None:
    data = f"{HEAD}{line}\n{RUN}".encode()
    begin = time.process_time()
    assert parse_log(data).inference.median_us == 115350
    parse_op_profile(data)
    parse_help(data)
    assert time.process_time() - begin < 5


def test_the_csv_of_a_profile_is_no_log() -> None:
    assert parse_log((RECORDED / "amd64_opprof.csv").read_bytes()).inference.to_json() == EMPTY
