"""The program itself, with the LiteRT library of the installed package."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.devices.vulkan import find_vulkan
from harness.runtimes.litert_protocol import unpack_ns
from tests.runtimes.runner_program import CPU, error, lines, litert_library, result, run, runner
from tests.runtimes.wire import MODELS

QUICK = ("--min-s=0.05", "--warmup-min-s=0.02", "--warmup-max-s=0.5")
COUNT = 7


def model(name: str) -> str:
    return f"--model={MODELS / name}.tflite"


def samples(count: int = COUNT, shape: tuple[int, ...] = (8, 8, 1)) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.2, 1.2, (count, *shape)).astype(np.float32)


def expected(name: str, inputs: np.ndarray, *, builtin: bool) -> np.ndarray:
    """The package's own interpreter, with numpy's quantization."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if builtin else OpResolverType.AUTO
    interpreter = Interpreter(str(MODELS / f"{name}.tflite"), num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for sample in inputs:
        value = sample[None]
        if source["dtype"] != np.float32:
            scale, zero_point = source["quantization"]
            limits = np.iinfo(source["dtype"])
            exact = np.rint(value.astype(np.float64) / scale + zero_point)
            value = np.clip(exact, limits.min, limits.max).astype(source["dtype"])
        interpreter.set_tensor(source["index"], value)
        interpreter.invoke()
        output = interpreter.get_tensor(target["index"])[0].astype(np.float64)
        scale, zero_point = target["quantization"]
        outputs.append((output - zero_point) * scale if target["dtype"] != np.float32 else output)
    return np.array(outputs, np.float32)


# ---- hello -----------------------------------------------------------------------------------------------------------


def test_hello_says_which_interface_it_found() -> None:
    (hello,) = lines(run("--purpose=hello"))
    assert (hello["type"], hello["protocol"], hello["runner"], hello["api"]) == ("hello", 1, "c", "litert")
    assert hello["version"][0].isdigit()
    assert "environment" in hello["abi"]


# ---- timing ----------------------------------------------------------------------------------------------------------


def test_every_sample_and_the_conditions_are_told() -> None:
    found = result("--purpose=timing", model("float32"), f"--cpus={CPU}", *QUICK)
    times, warm = unpack_ns(found["samples"]), unpack_ns(found["warmup"])
    assert len(times) >= 50
    assert len(warm) > 20
    assert 0 < np.median(times) < 1e6
    assert found["init_ns"] > found["first_inference_ns"] > 0
    assert found["timed"] == "call+read"
    assert found["coverage"] == {"delegated_nodes": 4, "total_nodes": 4, "partitions": 1, "operators": []}
    evidence = found["evidence"]
    assert (evidence["cpus"], evidence["cpus_verified"]) == ([CPU], True)
    assert evidence["clock_source"] in ("time_in_state", "scaling_cur_freq", "add_chain")
    assert 0.3 < evidence["clock_start_ghz"] < 8
    assert 0 <= evidence["wait_share"] <= 1


def test_the_window_ends_at_its_limits() -> None:
    window = ("--min-s=0", "--warmup-min-s=0", "--warmup-max-s=0.2")
    found = result("--purpose=timing", model("float32"), "--min-iterations=123", *window)
    assert len(unpack_ns(found["samples"])) == 123
    found = result("--purpose=timing", model("float32"), "--min-iterations=1000000", "--max-s=0.1", *window)
    assert 0 < len(unpack_ns(found["samples"])) < 1000000


def test_the_mask_it_was_started_with_is_told_and_all_cpus_are_no_pinning() -> None:
    def only() -> None:
        os.sched_setaffinity(0, {CPU})

    found = result("--purpose=memory", model("float32"), preexec_fn=only)["evidence"]
    assert (found["cpus"], found["cpus_verified"]) == ([CPU], os.cpu_count() != 1)
    found = result("--purpose=memory", model("float32"))["evidence"]
    assert found["cpus"] == sorted(os.sched_getaffinity(0))
    assert found["cpus_verified"] is (len(found["cpus"]) < (os.cpu_count() or 1))


def test_the_choice_of_kernels_is_real() -> None:
    fast = result("--purpose=timing", model("float32"), f"--cpus={CPU}", *QUICK)
    slow = result("--purpose=timing", model("float32"), "--delegate=builtin", f"--cpus={CPU}", *QUICK)
    assert slow["coverage"]["delegated_nodes"] == 0
    assert np.median(unpack_ns(slow["samples"])) > np.median(unpack_ns(fast["samples"]))


def test_a_dynamic_batch_runs_as_one_and_says_so() -> None:
    found = result("--purpose=memory", model("dynamic_batch"))
    assert found["inputs"][0]["shape"] == [1, 8, 8, 1]
    assert "the batch dimension is dynamic and ran as 1" in found["evidence"]["notes"]


# ---- the GPU ---------------------------------------------------------------------------------------------------------


def test_a_gpu_that_is_not_there_is_no_cpu_row(tmp_path: Path) -> None:
    """LiteRT itself would compile for the CPU without a word."""
    (tmp_path / "libLiteRt.so").symlink_to(litert_library())
    kind, message = error("--purpose=memory", model("float32"), "--delegate=gpu", library=tmp_path / "libLiteRt.so")
    assert (kind, "no GPU accelerator" in message) == ("unsupported", True)


def test_the_gpu_computes_and_the_wait_is_in_the_sample(tmp_path: Path) -> None:
    found = find_vulkan()
    if not found or not (litert_library().parent / "libLiteRtWebGpuAccelerator.so").is_file():
        pytest.skip("no Vulkan device, or no accelerator for it")
    runtime_dir = tmp_path / "xdg"
    runtime_dir.mkdir(mode=0o700)
    environment = {**os.environ, **found[0].env, "XDG_RUNTIME_DIR": str(runtime_dir)}
    if found[0].loader and "/" in found[0].loader:
        environment["LD_LIBRARY_PATH"] = str(Path(found[0].loader).parent)
    inputs = samples()
    inputs.tofile(tmp_path / "in.raw")
    gpu = (model("float32"), "--delegate=gpu", "--delegate-option=precision:float32")
    files = (f"--inputs={tmp_path / 'in.raw'}", f"--outputs={tmp_path / 'out.raw'}")
    told = result("--purpose=outputs", *gpu, *files, env=environment)
    outputs = np.fromfile(tmp_path / "out.raw", np.float32).reshape(COUNT, 3)
    np.testing.assert_allclose(outputs, expected("float32", inputs, builtin=False), rtol=1e-3, atol=1e-5)
    assert "GPU" in told["accelerator"]
    timed = result("--purpose=timing", *gpu, *QUICK, env=environment)
    # The call only submits: a sample without the wait for the outputs would be a fraction of this.
    assert np.median(unpack_ns(timed["samples"])) / 1e3 > 0.5 * timed["evidence"]["output_read_us"]
    assert timed["coverage"]["total_nodes"] == 4


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_memory_is_the_kernels_word() -> None:
    found = result("--purpose=memory", model("float32"))
    assert found["peak_rss_kib"] >= found["base_rss_kib"] > 0
    assert 0 < found["pss_kib"] <= found["peak_rss_kib"]
    assert "samples" not in found


# ---- outputs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("builtin", [False, True])
@pytest.mark.parametrize("name", ["float32", "full_integer", "int8", "int16x8", "dynamic_batch"])
def test_outputs_are_those_of_the_packages_interpreter(tmp_path: Path, name: str, builtin: bool) -> None:
    inputs = samples()
    source, target = tmp_path / "in.raw", tmp_path / "out.raw"
    inputs.tofile(source)
    delegate = "--delegate=builtin" if builtin else "--delegate=xnnpack"
    found = result("--purpose=outputs", model(name), delegate, f"--inputs={source}", f"--outputs={target}")
    assert found["output_samples"] == COUNT
    outputs = np.fromfile(target, np.float32).reshape(COUNT, 3)
    np.testing.assert_allclose(outputs, expected(name, inputs, builtin=builtin), rtol=1e-5, atol=1e-6)
    assert not list(tmp_path.glob("*.partial"))


def test_raw_values_pass_unchanged(tmp_path: Path) -> None:
    inputs = samples()
    details = result("--purpose=memory", model("int8"))
    source, target = details["inputs"][0], details["outputs"][0]
    quantized = np.clip(np.rint(inputs / np.float64(source["scale"]) + source["zero_point"]), -128, 127)
    quantized.astype(np.int8).tofile(tmp_path / "in.raw")
    flags = (f"--inputs={tmp_path / 'in.raw'}", f"--outputs={tmp_path / 'out.raw'}", "--raw-inputs", "--raw-outputs")
    result("--purpose=outputs", model("int8"), *flags)
    raw = np.fromfile(tmp_path / "out.raw", np.int8).reshape(COUNT, 3).astype(np.float64)
    wanted = expected("int8", inputs, builtin=False)
    np.testing.assert_allclose((raw - target["zero_point"]) * target["scale"], wanted, rtol=1e-6)


def test_data_and_report_do_not_mix(tmp_path: Path) -> None:
    read, write = os.pipe()
    argv = [str(runner()), f"--library={litert_library()}", "--purpose=outputs", model("float32"), "--inputs=-"]
    argv += ["--outputs=-", f"--report-fd={write}"]
    done = subprocess.run(
        argv, input=samples().tobytes(), capture_output=True, pass_fds=[write], timeout=60, check=True
    )
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        report = stream.read()
    assert len(done.stdout) == COUNT * 3 * 4
    assert report.splitlines()[-1].startswith(b'{"type":"result"')


def test_memory_stays_bounded_over_many_samples(tmp_path: Path) -> None:
    count, step = 50_000, 1_000
    argv = [str(runner()), f"--library={litert_library()}", "--purpose=outputs", model("float32"), "--inputs=-"]
    argv.append(f"--outputs={tmp_path / 'out.raw'}")
    peaks_kib = []
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        assert child.stdin is not None
        for _ in range(count // step):
            child.stdin.write(samples(step).tobytes())
            child.stdin.flush()
            status = Path(f"/proc/{child.pid}/status").read_text()
            peaks_kib.append(int(status.partition("VmHWM:")[2].split()[0]))
        child.stdin.close()
        assert child.wait(60) == 0
    assert (tmp_path / "out.raw").stat().st_size == count * 3 * 4
    # The inputs alone are 12.5 MiB; the first part may still load the model.
    assert peaks_kib[-1] - peaks_kib[5] < 1024


# ---- errors ----------------------------------------------------------------------------------------------------------


def outputs(source: Path, target: Path) -> tuple[str, ...]:
    return ("--purpose=outputs", model("float32"), f"--inputs={source}", f"--outputs={target}")


@pytest.mark.parametrize(("content", "words"), [(b"", "positive multiple"), (b"\0" * 255, "positive multiple of 256")])
def test_inputs_of_a_wrong_size_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "in.raw").write_bytes(content)
    kind, message = error(*outputs(tmp_path / "in.raw", tmp_path / "out.raw"))
    assert kind == "request"
    assert words in message
    assert not (tmp_path / "out.raw").exists()


def test_a_stream_that_ends_inside_a_sample_leaves_no_outputs(tmp_path: Path) -> None:
    flags = ("--purpose=outputs", model("float32"), "--inputs=-", f"--outputs={tmp_path / 'out.raw'}")
    kind, message = error(*flags, input=b"\0" * 300)
    assert (kind, "44 bytes of sample 1" in message) == ("request", True)
    assert list(tmp_path.iterdir()) == []


def test_inputs_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    inputs = samples()
    inputs[4, 3, 3, 0] = np.nan
    inputs.tofile(tmp_path / "in.raw")
    assert error(*outputs(tmp_path / "in.raw", tmp_path / "out.raw")) == ("request", "input 4 is not all finite")


def test_unwritable_outputs_and_missing_inputs_are_told(tmp_path: Path) -> None:
    samples().tofile(tmp_path / "in.raw")
    kind, message = error(*outputs(tmp_path / "in.raw", tmp_path / "no" / "out.raw"))
    assert (kind, "No such file" in message) == ("request", True)
    kind, message = error(*outputs(tmp_path / "absent.raw", tmp_path / "out.raw"))
    assert (kind, "cannot be read" in message) == ("request", True)


def test_a_full_disk_is_an_error_and_not_a_short_file(tmp_path: Path) -> None:
    samples(5000).tofile(tmp_path / "in.raw")
    (tmp_path / "out.raw.partial").symlink_to("/dev/full")
    kind, message = error(*outputs(tmp_path / "in.raw", tmp_path / "out.raw"))
    assert (kind, "No space left" in message) == ("request", True)
    assert not (tmp_path / "out.raw").exists()


def test_models_that_are_none_are_told(tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("text", b"not a model at all")):
        (tmp_path / name).write_bytes(content)
        kind, message = error("--purpose=memory", f"--model={tmp_path / name}")
        assert (kind, "is not a .tflite model" in message) == ("model", True)
    kind, message = error("--purpose=memory", f"--model={tmp_path / 'absent'}")
    assert (kind, "No such file" in message) == ("model", True)
    (tmp_path / "garbage").write_bytes(b"\x1c\0\0\0TFL3" + bytes(range(256)) * 8)
    kind, message = error("--purpose=memory", f"--model={tmp_path / 'garbage'}")
    assert (kind, "cannot load" in message) == ("model", True)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [("string_input", "unsupported", "holds strings"), ("custom_operator", "model", "LiteRT cannot")],
)
def test_models_that_cannot_be_measured_are_told(name: str, kind: str, words: str) -> None:
    found, message = error("--purpose=memory", model(name))
    assert (found, words in message) == (kind, True), message


def test_two_inputs_are_timed_and_their_samples_are_cut(tmp_path: Path) -> None:
    assert unpack_ns(result("--purpose=timing", model("two_inputs"), *QUICK)["samples"]).size
    inputs = samples(3, (8,))
    inputs.tofile(tmp_path / "in.raw")
    flags = (f"--inputs={tmp_path / 'in.raw'}", f"--outputs={tmp_path / 'out.raw'}")
    assert result("--purpose=outputs", model("two_inputs"), *flags)["output_samples"] == 3
    outputs = np.fromfile(tmp_path / "out.raw", np.float32).reshape(3, 4)
    np.testing.assert_allclose(outputs, inputs[:, :4] + 2 * inputs[:, 4:], rtol=1e-6)
    raw = ("--raw-inputs", "--raw-outputs")
    result("--purpose=outputs", model("two_inputs"), *flags, *raw)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "out.raw", np.float32).reshape(3, 4), outputs)


def test_raw_samples_of_several_types_are_cut_by_their_own_sizes(tmp_path: Path) -> None:
    kinds = [("ids", "<i4", 4), ("mask", "?", 4), ("long", "<i8", 2), ("values", "<f4", 6)]
    inputs = np.zeros(3, dtype=[(name, kind, (count,)) for name, kind, count in kinds])
    inputs["ids"], inputs["mask"], inputs["long"] = 2**30 + 1, [[1, 0, 1, 0]] * 3, [[7, -7]] * 3
    inputs.tofile(tmp_path / "in.raw")
    flags = (f"--inputs={tmp_path / 'in.raw'}", f"--outputs={tmp_path / 'out.raw'}", "--raw-inputs", "--raw-outputs")
    result("--purpose=outputs", model("many_tensors"), *flags)
    outputs = np.fromfile(tmp_path / "out.raw", dtype=[("total", "<f4", (2,)), ("kept", "<i4", (4,))])
    assert outputs["total"].tolist() == [[7, -7]] * 3
    assert outputs["kept"].tolist() == [[2**30 + 1, -(2**30) - 1] * 2] * 3


def test_a_stream_that_nobody_feeds_gives_up(tmp_path: Path) -> None:
    kind, message = error("--purpose=accuracy", model("float32"), f"--stream={tmp_path}", "--idle-s=0.2")
    assert (kind, message) == ("request", "no inputs came for 0.2 s")
    kind, message = error("--purpose=accuracy", model("float32"), f"--stream={tmp_path / 'gone'}")
    assert (kind, "gone cannot be read: No such file" in message) == ("request", True)


def test_a_streams_files_appear_whole_and_its_inputs_go(tmp_path: Path) -> None:
    inputs = samples()
    inputs[:3].tofile(tmp_path / "inputs-000000.raw")
    inputs[3:].tofile(tmp_path / "inputs-000001.raw")
    (tmp_path / "end").touch()
    done = run("--purpose=accuracy", model("float32"), f"--stream={tmp_path}")
    said = [(line["type"], line.get("number"), line.get("samples")) for line in lines(done)[2:-1]]
    assert said == [("chunk", 0, 3), ("chunk", 1, 4)]
    assert [line["type"] for line in lines(done)[:2]] == ["hello", "ready"]
    assert lines(done)[-1]["output_samples"] == COUNT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["end", "outputs-000000.raw", "outputs-000001.raw"]
    parts = [np.fromfile(tmp_path / f"outputs-{number:06d}.raw", np.float32) for number in (0, 1)]
    wanted = expected("float32", inputs, builtin=False)
    np.testing.assert_allclose(np.concatenate(parts).reshape(-1, 3), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [0, 3])
def test_a_chunk_of_no_whole_samples_is_an_error(tmp_path: Path, size: int) -> None:
    (tmp_path / "inputs-000000.raw").write_bytes(bytes(size))
    kind, message = error("--purpose=accuracy", model("float32"), f"--stream={tmp_path}")
    assert (kind, f"have {size} bytes; the model wants a positive multiple of 256" in message) == ("request", True)


def test_libraries_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    for library, words in (
        (tmp_path / "absent.so", "No such file"),
        (tmp_path / "text.so", "cannot be loaded"),
        ("libc.so.6", "cannot be read"),
    ):
        kind, message = error("--purpose=hello", library=library)
        assert (kind, words in message) == ("library", True), message


def test_a_core_that_is_not_there_is_unsupported() -> None:
    kind, message = error("--purpose=memory", model("float32"), "--cpus=1000")
    assert (kind, "cannot be pinned to CPU 1000" in message) == ("unsupported", True)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "--purpose is missing"),
        (("--purpose=fly",), "it is one of hello, timing, memory, outputs, accuracy"),
        (("--purpose=hello", "--wings=2"), "there is no flag --wings"),
        (("--purpose=hello", "wings"), "wings is not a flag"),
        (("--purpose=hello", "--purpose=hello"), "given twice"),
        (("--purpose=hello", "--threads=0"), "from 1 to 256"),
        (("--purpose=hello", "--threads=2x"), "from 1 to 256"),
        (("--purpose=hello", "--cpus=1,,2"), "--cpus="),
        (("--purpose=hello", "--cpus=1,1"), "twice"),
        (("--purpose=hello", "--min-s=nan"), "seconds"),
        (("--purpose=hello", "--seed"), "needs a value"),
        (("--purpose=hello", "--raw-inputs=1"), "takes no"),
        (("--purpose=hello", "--delegate-option=novalue"), "key:value"),
        (("--purpose=timing",), "--model=PATH is missing"),
        (("--purpose=timing", "--model=m", "--delegate=external"), "--delegate-library"),
        (("--purpose=timing", "--model=m", "--min-s=3", "--max-s=2"), "less than --min-s"),
        (("--purpose=outputs", "--model=m"), "--inputs and --outputs"),
        (("--purpose=accuracy", "--model=m"), "--stream=FOLDER"),
        (("--purpose=hello", "--idle-s=soon"), "seconds"),
        (("--purpose=outputs", "--model=m", "--inputs=i", "--outputs=-"), "--report-fd"),
    ],
)
def test_wrong_flags_are_a_usage_error(flags: tuple[str, ...], words: str) -> None:
    kind, message = error(*flags)
    assert (kind, words in message) == ("usage", True), message


def test_random_inputs_depend_on_the_seed_only(tmp_path: Path) -> None:
    """The documented generator: SplitMix64, the upper 24 bits of each number as a float in [-1, 1)."""
    state, wanted = 9, []
    for _ in range(4):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        wanted.append(((z ^ (z >> 31)) >> 40) * 2.0**-23 - 1)
    from tests.runtimes.runner_program import shared_library

    library = shared_library("stand_in_tflite.c", '-DVERSION="2.14.0"', "-DSHOW_INPUT")
    done = run("--purpose=memory", model("float32"), "--delegate=builtin", "--seed=9", library=library)
    shown = [float(text) for line in done.stderr.splitlines() if line.startswith(b"input") for text in line.split()[1:]]
    assert shown[:4] == pytest.approx(wanted, abs=1e-7)
