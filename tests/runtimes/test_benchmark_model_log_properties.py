"""What holds for every log, however damaged: nothing raises, and no number is made up."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.runtimes.benchmark_model_help import parse_help
from harness.runtimes.benchmark_model_log import parse_log, to_coverage, to_json, to_tool_timing
from harness.runtimes.op_profile import parse_op_profile
from tests.runtimes.logs import LOGS, RECORDED, RUN, log, numbers_in

SOURCES = [path.read_bytes() for path in [*LOGS, RECORDED / "amd64_opprof.csv"]]
SOURCES.append(
    log(
        "Replacing 20 out of 31 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 5 partitions.",
        "ERROR: Following operations are not supported by GPU delegate:\nADD: no.\n"
        "46 operations will run on the GPU, and the remaining 4 operations will run on the CPU.",
        "Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 3 delegate "
        "kernels.",
        "TfLiteQnnDelegate delegate: 7 nodes delegated out of 31 nodes with 2 partitions.",
        flags="--use_gpu=true --external_delegate_path=x.so",
    )
)
quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A log after up to four of: a cut, a byte changed, lines repeated, lines of another log between."""
    data = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 4))):
        how = draw(st.sampled_from(["cut", "bytes", "repeat", "splice", "interleave"]))
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 400))
        other = draw(st.sampled_from(SOURCES))
        if how == "cut":
            data = data[:start] + data[start + length :]
        elif how == "bytes":
            data = data[:start] + draw(st.binary(max_size=8)) + data[start + 1 :]
        elif how == "repeat":
            data = data[:start] + data[max(0, start - length) :]
        elif how == "splice":
            data = data[:start] + other[draw(st.integers(0, len(other))) :]
        else:
            pairs = zip(data.splitlines(keepends=True), other.splitlines(keepends=True), strict=False)
            data = b"".join(line for pair in pairs for line in pair)
    return data


def numbers_of(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_of(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_of(item)]
    return [] if isinstance(value, bool) or not isinstance(value, (int, float)) else [float(value)]


@quick
@given(damaged())
def test_no_number_is_made_up(data: bytes) -> None:
    told = to_json(parse_log(data))
    json.dumps(told, allow_nan=False)
    text = data.decode("utf-8", "replace")
    known = numbers_in(text)
    delegates = told.pop("delegates")
    foreign = [number for number in numbers_of(told) if number not in known]
    assert not foreign
    if text.count("Replacing") <= 1:
        assert all(number in known for number in numbers_of(delegates))


@quick
@given(st.one_of(damaged(), st.binary(max_size=400), st.text(max_size=400).map(lambda text: text.encode("utf-16"))))
def test_nothing_raises_and_a_measurement_is_whole(data: bytes) -> None:
    parsed = parse_log(data)
    timing = to_tool_timing(parsed)
    parse_op_profile(data)
    parse_help(data)
    for name in ("gpu", "qnn", "cpu", "nnapi", "external", ""):
        to_coverage(parsed, name)
    if parsed.ok:
        assert timing is not None
        assert timing.count > 0
        assert parsed.failure is None
        assert not parsed.unconsumed_flags
    if timing is not None and timing.min_us is not None and timing.max_us is not None:
        assert timing.min_us <= timing.avg_us * 1.0001
        assert timing.avg_us <= timing.max_us * 1.0001


VALUES = st.integers(1, 10**7)


@quick
@given(
    samples=st.lists(VALUES, min_size=2, max_size=40).filter(lambda values: len(set(values)) > 1),
    dress=st.sampled_from(["{}", "INFO: {}", "01-02 03:04:05.678  1234  1234 I tflite  : {}"]),
    end=st.sampled_from(["\n", "\r\n"]),
    percentiles=st.booleans(),
)
def test_what_the_tool_prints_is_read_back(samples: list[int], dress: str, end: str, percentiles: bool) -> None:
    """The tool's own formatting of any samples, in any dress, gives the values again."""
    ordered = sorted(samples)
    average = f"{sum(samples) / len(samples):.6g}"
    deviation = round((sum((value - sum(samples) / len(samples)) ** 2 for value in samples) / len(samples)) ** 0.5)
    p5, median, p95 = (ordered[len(samples) * percent // 100] for percent in (5, 50, 95))
    line = (
        f"count={len(samples)} first={samples[0]} curr={samples[-1]} min={ordered[0]} max={ordered[-1]} "
        f"avg={average} std={deviation}"
    )
    line += f" p5={p5} median={median} p95={p95}" if percentiles else ""
    run = RUN.splitlines()
    run[5] = line
    run[7] = run[7].replace("Inference (avg): 115246", f"Inference (avg): {average}")
    text = end.join(dress.format(one) if one else "" for one in ["STARTING!", *run, ""])
    parsed = parse_log(text.encode())
    assert parsed.ok
    timing = to_tool_timing(parsed)
    assert timing is not None
    assert (timing.count, timing.min_us, timing.max_us) == (len(samples), ordered[0], ordered[-1])
    assert (timing.avg_us, timing.std_us) == (float(average), deviation)
    assert (timing.p5_us, timing.median_us, timing.p95_us) == ((p5, median, p95) if percentiles else (None,) * 3)
