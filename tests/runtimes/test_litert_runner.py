from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assets import folder

SCRIPTS = folder("device_scripts")
sys.path.insert(0, str(SCRIPTS))
import litert_models  # noqa: E402
import litert_outputs  # noqa: E402
import litert_profiler  # noqa: E402
import litert_runner as runner  # noqa: E402

MEASURE = {
    "min_s": 0.1,
    "max_s": 1.0,
    "min_iterations": 50,
    "warmup_min_s": 0.2,
    "warmup_min_iterations": 10,
    "warmup_max_s": 3.0,
}


def tensor(dtype: type, scale: float = 0.0, zero_point: int = 0) -> litert_models.Tensor:
    return litert_models.Tensor(
        {
            "name": "t",
            "index": 0,
            "shape": [1, 4],
            "dtype": dtype,
            "quantization_parameters": {"scales": [scale] if scale else [], "zero_points": [zero_point]},
        }
    )


# ---- coverage --------------------------------------------------------------------------------------------------------

CHAIN = [("CONV_2D", [0, 1], [2]), ("SHAPE", [2], [3]), ("RESHAPE", [2, 3], [4]), ("FULLY_CONNECTED", [4, 5], [6])]


def counts(nodes: list[tuple[str, list[int], list[int]]]) -> tuple[int, int, int]:
    found = litert_models.count_coverage(nodes)
    return found["delegated_nodes"], found["total_nodes"], found["partitions"]


def test_no_delegate_takes_nothing() -> None:
    assert counts(CHAIN) == (0, 4, 0)


def test_one_partition_over_everything() -> None:
    assert counts([*CHAIN, ("DELEGATE", [0, 1, 5], [6])]) == (4, 4, 1)


def test_partitions_around_what_the_delegate_refused() -> None:
    nodes = [*CHAIN, ("DELEGATE", [0, 1], [2]), ("DELEGATE", [4, 5], [6])]
    assert counts(nodes) == (2, 4, 2)
    assert [taken for _, taken in litert_models.count_coverage(nodes)["operators"]] == [True, False, False, True]


def test_a_partition_with_branches_and_constants_counts_each_node_once() -> None:
    nodes = [
        ("DEQUANTIZE", [9], [1]),
        ("CONV_2D", [0, 1], [2]),
        ("RELU", [2], [3]),
        ("ADD", [2, 3], [4]),
        ("DELEGATE", [0, 9], [4]),
    ]
    assert counts(nodes) == (4, 4, 1)


# ---- quantization ----------------------------------------------------------------------------------------------------


def test_quantizing_rounds_and_clips() -> None:
    values = np.array([[0.0, 1.0, 1.5, -0.2]], np.float32)
    assert tensor(np.int8, 1 / 255, -128).quantize(values).tolist() == [[-128, 127, 127, -128]]
    assert tensor(np.int8, 0.1).quantize(np.array([[0.26, -0.26, 0.24, 99]], np.float32)).tolist() == [[3, -3, 2, 127]]


def test_a_scale_of_zero_is_never_divided_by() -> None:
    values = np.array([[0.5, -1.5, 2.0, 3.0]], np.float32)
    assert np.array_equal(tensor(np.float32).quantize(values), values)
    assert tensor(np.int32).quantize(values).tolist() == [[0, -2, 2, 3]]
    assert tensor(np.int32).dequantize(np.array([[7]], np.int32)).tolist() == [[7.0]]


def test_whole_numbers_are_rounded_and_clipped_to_their_type() -> None:
    values = np.array([[2.5, 3.5, -1e30, 1e30]], np.float32)
    assert tensor(np.int32).quantize(values).tolist() == [[2, 4, -(2**31), 2**31 - 1]]
    assert tensor(np.int64).quantize(values).tolist() == [[2, 4, -(2**63), 2**63 - 1]]
    assert tensor(np.uint8).quantize(values).tolist() == [[2, 4, 0, 255]]
    assert tensor(np.bool_).quantize(np.array([[0.0, 0.4, 0.6, -1.0]], np.float32)).tolist() == [[0, 0, 1, 1]]
    assert tensor(np.bool_).dequantize(np.array([True, False])).tolist() == [1.0, 0.0]


@given(
    st.sampled_from([np.int8, np.uint8, np.int16]),
    st.floats(1e-4, 10.0),
    st.integers(-100, 100),
    st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=20),
)
def test_the_round_trip_is_within_half_a_step(dtype: type, scale: float, zero_point: int, shares: list[float]) -> None:
    limits = np.iinfo(dtype)
    zero_point = min(max(zero_point, limits.min), limits.max)
    subject = tensor(dtype, scale, zero_point)
    low, high = (limits.min - zero_point) * scale, (limits.max - zero_point) * scale
    values = np.array([low + (share + 1) / 2 * (high - low) for share in shares], np.float32)
    back = subject.dequantize(subject.quantize(values))
    assert np.abs(back - values).max() <= 0.5 * scale * (1 + 1e-3) + 1e-6 * np.abs(values).max()


def test_inputs_of_indices_are_zero_and_the_rest_is_random() -> None:
    generator = np.random.RandomState(1)
    assert not tensor(np.int32).random(generator).any()
    assert len(set(tensor(np.float32).random(generator).ravel().tolist())) == 4
    assert tensor(np.int8, 0.1).random(generator).dtype == np.int8


# ---- warm-up and window, on a clock that we move ---------------------------------------------------------------------


class Clock:
    """Time passes only inside an inference."""

    def __init__(self, duration_ns: Callable[[int], int]) -> None:
        self.now = 0
        self.calls = 0
        self._duration_ns = duration_ns

    def __call__(self) -> int:
        return self.now

    def call(self) -> None:
        self.now += self._duration_ns(self.calls)
        self.calls += 1


def warm(
    monkeypatch: pytest.MonkeyPatch, duration_ns: Callable[[int], int], **changes: float
) -> tuple[list[int], bool]:
    clock = Clock(duration_ns)
    monkeypatch.setattr(runner, "clock", clock)
    samples, capped = runner.warm_up(clock.call, lambda: None, {**MEASURE, **changes})
    return list(samples), capped


def test_a_steady_model_warms_for_the_floor_and_twenty_more(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, capped = warm(monkeypatch, lambda _: 1_000_000)
    assert not capped
    assert 200 + runner.EMA_RUN <= len(samples) <= 200 + runner.EMA_RUN + 2


def test_ten_iterations_are_discarded_even_when_they_take_longer_than_the_floor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples, capped = warm(monkeypatch, lambda _: 50_000_000)
    assert not capped
    assert len(samples) >= 10 + runner.EMA_RUN


def test_a_slow_ramp_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # Steady for the 0.2 s of the floor, then faster by 1 % an inference, as a clock that rises late.
    samples, capped = warm(monkeypatch, lambda index: max(1_000_000, 4_000_000 - 40_000 * max(index - 50, 0)))
    assert not capped
    assert samples[-1] < 1.2e6


def test_what_never_settles_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, capped = warm(monkeypatch, lambda index: 1_000_000 * (1 + 4 * (index // 15 % 2)))
    assert capped
    assert sum(samples) >= 3.0e9


def test_one_inference_longer_than_the_cap_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, capped = warm(monkeypatch, lambda _: 9_000_000_000)
    assert (len(samples), capped) == (1, True)


@pytest.mark.parametrize(
    ("each_ns", "count"),
    [
        (1_000_000, 100),  # 0.1 s
        (10_000_000, 50),  # 50 iterations
        (100_000_000, 10),  # 1 s at most
        (5_000_000_000, 1),
    ],
)
def test_the_window_ends_by_time_iterations_or_cap(monkeypatch: pytest.MonkeyPatch, each_ns: int, count: int) -> None:
    clock = Clock(lambda _: each_ns)
    monkeypatch.setattr(runner, "clock", clock)
    samples = runner.array.array("q", bytes(8 * 1000))
    assert runner.window(clock.call, lambda: None, samples, 1, MEASURE) == count
    assert set(samples[:count]) == {each_ns}


def test_the_window_stops_at_its_preallocated_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(lambda _: 1_000)
    monkeypatch.setattr(runner, "clock", clock)
    samples = runner.array.array("q", bytes(8 * 7))
    assert runner.window(clock.call, lambda: None, samples, 1, MEASURE) == 7


def test_the_read_is_inside_the_sample_and_a_batch_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(lambda _: 2_000)
    monkeypatch.setattr(runner, "clock", clock)
    samples = runner.array.array("q", bytes(8 * 100_000))
    count = runner.window(clock.call, clock.call, samples, 3, MEASURE)
    assert set(samples[:count]) == {4_000}


@pytest.mark.parametrize(("sample_ns", "batch"), [(4_000, 1), (3_999, 2), (500, 8), (20_000, 1)])
def test_inner_batches_only_when_the_timer_counts(sample_ns: int, batch: int) -> None:
    assert runner.inner_batch([sample_ns] * 30, 40) == batch


# ---- the script itself -----------------------------------------------------------------------------------------------


def answer(content: bytes) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-E", "-B", str(SCRIPTS / "litert_runner.py")], input=content, capture_output=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_requests_that_are_none_are_refused() -> None:
    for content in (b"", b"{", b"[]", b'{"protocol": 99}', b"\xff\xfe"):
        (line,) = answer(content)
        assert (line["type"], line["kind"]) == ("error", "request")


def test_a_request_without_end_is_cut() -> None:
    with pytest.raises(runner.RunnerError, match="larger"):
        runner.read_request(io.BytesIO(b" " * (runner.MAX_REQUEST_BYTES + 2)))


def test_native_chatter_stays_off_the_channel() -> None:
    code = "import os, litert_runner as r; c = r.Channel(); os.write(1, b'chatter'); print('more'); c.send('x', a=1)"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, check=True)
    assert done.stdout == b'{"a": 1, "type": "x"}\n'
    assert b"chatter" in done.stderr


def test_a_core_that_does_not_exist_is_unsupported() -> None:
    with pytest.raises(runner.RunnerError) as caught:
        runner.pin([100_000])
    assert caught.value.kind == "unsupported"


def test_dynamic_dimensions_other_than_the_batch_are_refused() -> None:
    subject = SimpleNamespace(name="image", is_string=False, signature=(-1, -1, 8, 3))
    with pytest.raises(runner.RunnerError, match=r"\[-1,-1,8,3\].*static shape"):
        litert_models.check_tensors([subject])
    litert_models.check_tensors([SimpleNamespace(name="image", is_string=False, signature=(-1, 8, 8, 3))])


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_the_scripts_are_python_3_7(script: str) -> None:
    import ast

    ast.parse((SCRIPTS / script).read_text(), feature_version=(3, 7))


# ---- profiler --------------------------------------------------------------------------------------------------------


def test_profiler_events_are_means_in_run_order_without_the_wrapper() -> None:
    one_run = [
        ("Delegate/Convolution (NHWC, F32) IGEMM", 8, 0, 10),
        ("Fully Connected", 8, 1, 3),
        ("TfLiteXNNPackDelegate", 2, 4, 13),
        ("SOFTMAX", 2, 5, 2),
    ]
    rows = litert_profiler.aggregate(one_run * 4 + [("SOFTMAX", 2, 5, 2)], 4)
    assert [(row["name"], row["delegated"], row["us"]) for row in rows] == [
        ("Convolution (NHWC, F32) IGEMM", True, 10.0),
        ("Fully Connected", True, 3.0),
        ("SOFTMAX", False, 2.5),
    ]


def test_a_library_without_the_profiler_says_so(tmp_path: Path) -> None:
    with pytest.raises(litert_profiler.ProfilerError, match="no operator profiler"):
        litert_profiler.profile(str(tmp_path), "1.4.0", "m.tflite", [], "xnnpack", 1)


def test_a_crash_of_the_profiler_is_contained(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    monkeypatch.setattr(litert_profiler, "profile", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(litert_profiler.ProfilerError, match="SIGKILL"):
        litert_profiler.profile_in_child("", "", "", [], "xnnpack", 1)


# ---- samples of several tensors, and folders of them -----------------------------------------------------------------


class Doubles:
    """An engine whose outputs are its inputs, doubled."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        details = [{"name": "t", "index": 0, "shape": shape, "dtype": np.float32} for shape in shapes]
        self.inputs = [litert_models.Tensor(each) for each in details]
        self.outputs = self.inputs
        self.written: list[list[np.ndarray]] = []

    def write(self, arrays: list[np.ndarray]) -> None:
        assert [array.shape for array in arrays] == [tensor.shape for tensor in self.inputs]
        self.written.append([array.copy() for array in arrays])

    def call(self) -> None:
        pass

    def output(self, position: int) -> np.ndarray:
        return 2 * self.written[-1][position]


@pytest.mark.parametrize(
    ("engine", "batch", "count"),
    [
        (Doubles((1, 2, 2)), 1, 4),
        (Doubles((3, 2), (3, 1)), 3, 3),
        (Doubles((1, 2), (3, 1)), 1, 5),
        (Doubles((1, 2), ()), 1, 3),
        (Doubles((1, 2), (1, 3)), 1, 5),
    ],
)
def test_samples_are_cut_and_put_together_again(engine: Doubles, batch: int, count: int) -> None:
    packing = litert_outputs.Packing(engine)
    assert (packing.batch, packing.in_count, packing.out_count) == (batch, count, count)
    samples = np.arange(4 * count, dtype=np.float32).reshape(4, count)
    results = np.empty_like(samples)
    packing.run(samples, results)
    assert np.array_equal(results, 2 * samples)
    assert len(engine.written) == -(-4 // batch)
    first = np.concatenate([part.reshape(batch, -1) for part in engine.written[0]], axis=1)
    assert np.array_equal(first, samples[:batch])


@pytest.mark.parametrize("engine", [Doubles(), Doubles((1, 0))])
def test_tensors_without_elements_are_no_samples(engine: Doubles) -> None:
    with pytest.raises(litert_models.RunnerError):
        litert_outputs.Packing(engine)


def test_a_folder_is_served_until_its_end_and_given_up_when_nobody_feeds_it(tmp_path: Path) -> None:
    np.arange(6, dtype="<f4").tofile(tmp_path / "inputs-000000.raw")
    said: list[tuple[str, dict]] = []
    request = {"stream": str(tmp_path), "idle_s": 0.05}
    with pytest.raises(litert_models.RunnerError, match=r"no inputs came for 0\.05 s"):
        litert_outputs.run_stream(
            Doubles((1, 3)), request, lambda line_type, **fields: said.append((line_type, fields))
        )
    assert said[1] == ("chunk", {"number": 0, "samples": 2})
    assert np.fromfile(tmp_path / "outputs-000000.raw", "<f4").tolist() == [0, 2, 4, 6, 8, 10]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs-000000.raw"]
    (tmp_path / "end").touch()
    assert litert_outputs.run_stream(Doubles((1, 3)), request, lambda *_, **__: None) == {"output_samples": 0}
    request["stream"] += "/gone"
    with pytest.raises(litert_models.RunnerError, match="gone is gone"):
        litert_outputs.run_stream(Doubles((1, 3)), request, lambda *_, **__: None)
