"""The runner with a real TensorFlow Lite C API: Debian's library of 2.14.1, with the loader of its own suite."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.runtimes.litert_protocol import unpack_ns
from tests.phone.benchmark_model_build import LOADER, benchmark_model
from tests.phone.debian import UnavailableError
from tests.runtimes.runner_program import CPU, runner

pytestmark = [pytest.mark.phone, pytest.mark.slow, pytest.mark.timeout(900)]
MODELS = Path(__file__).resolve().parents[1] / "data" / "models"


@pytest.fixture(scope="module")
def libraries() -> Path:
    try:
        return benchmark_model() / "libraries"
    except UnavailableError as reason:
        pytest.skip(str(reason))


def run(libraries: Path, purpose: str, model: str, **flags: object) -> dict[str, object]:
    given = {"purpose": purpose, "library": libraries / "libtensorflow-lite.so.2.14.1", "delegate": "builtin"}
    given |= {"model": MODELS / f"{model}.tflite", "threads": 1, "cpus": CPU, "seed": 1, **flags}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    argv = [str(libraries / LOADER), "--library-path", str(libraries), str(runner()), *words]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr.decode(errors="replace")
    assert lines[0]["api"] == "tflite"
    assert lines[0]["version"] == "2.14.1"
    assert done.returncode == 0, lines[-1]
    return dict(lines[-1])


def test_it_times_every_inference(libraries: Path) -> None:
    windows = {"min_s": 0.1, "max_s": 2, "min_iterations": 30}
    windows |= {"warmup_min_s": 0, "warmup_min_iterations": 2, "warmup_max_s": 1}
    result = run(libraries, "timing", "float32", **windows)
    samples_ns = unpack_ns(result["samples"])
    assert len(samples_ns) >= 30
    assert 100 < np.median(samples_ns) < 1e8
    assert result["evidence"]["cpus"] == [CPU]  # type: ignore[index]


@pytest.mark.parametrize("model", ["float32", "int8", "full_integer"])
def test_its_outputs_are_litert_s(libraries: Path, tmp_path: Path, model: str) -> None:
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = interpreter_module.Interpreter(model_path=str(MODELS / f"{model}.tflite"))
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    inputs = np.random.default_rng(1).random((5, *source["shape"][1:]), np.float32)
    inputs.astype("<f4").tofile(tmp_path / "inputs")
    run(libraries, "outputs", model, inputs=tmp_path / "inputs", outputs=tmp_path / "outputs")
    found = np.fromfile(tmp_path / "outputs", "<f4").reshape(5, -1)
    step = 1e-6
    for values, made in zip(inputs, found, strict=True):
        given = values[None]
        if source["dtype"] != np.float32:
            scale, zero = source["quantization"]
            given = np.clip(np.rint(given / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], given)
        interpreter.invoke()
        expected = interpreter.get_tensor(target["index"]).astype(np.float32)
        if target["dtype"] != np.float32:
            scale, zero = target["quantization"]
            expected, step = (expected - zero) * scale, 2 * scale + 1e-6  # other kernels, so two steps at most
        elif model == "full_integer":
            step = 0.01
        np.testing.assert_allclose(made, expected.ravel(), atol=step)
