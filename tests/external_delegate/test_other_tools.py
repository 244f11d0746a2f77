"""The same delegate in the TensorFlow Lite 2.14.1 of Debian: through our runner in C, and through benchmark_model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.domain import Coverage
from harness.runtimes.benchmark_model_log import parse_log, to_coverage
from tests.external_delegate.build import delegate
from tests.phone.benchmark_model_build import LOADER, benchmark_model
from tests.phone.debian import UnavailableError
from tests.runtimes.runner_program import CPU, runner

pytestmark = [pytest.mark.phone, pytest.mark.slow, pytest.mark.timeout(900)]
MODEL = Path(__file__).resolve().parents[1] / "data" / "models" / "two_inputs.tflite"


@pytest.fixture(scope="module")
def build() -> Path:
    try:
        return benchmark_model()
    except UnavailableError as reason:
        pytest.skip(str(reason))


def run(build: Path, program: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    libraries = build / "libraries"
    argv = [str(libraries / LOADER), "--library-path", str(libraries), str(program), *words]
    return subprocess.run(argv, capture_output=True, timeout=60, check=False)


def through_the_runner(build: Path, *words: str) -> tuple[int, dict[str, Any]]:
    windows = {"min-s": 0.05, "max-s": 1, "min-iterations": 3, "warmup-min-s": 0, "warmup-max-s": 0.1}
    flags = {"purpose": "timing", "library": build / "libraries" / "libtensorflow-lite.so.2.14.1", "model": MODEL}
    flags |= {"delegate": "external", "delegate-library": delegate(), "threads": 1, "cpus": CPU, "seed": 1, **windows}
    options = [f"--delegate-option={word}" for word in words]
    done = run(build, runner(), *(f"--{name}={value}" for name, value in flags.items()), *options)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_the_runner_in_c(build: Path) -> None:
    code, result = through_the_runner(build, "take:add,mul")
    assert (code, result["type"]) == (0, "result"), result
    code, refused = through_the_runner(build, "fail:create")
    assert (code, refused["kind"]) == (1, "unsupported")
    assert "cannot be created: told to fail" in refused["message"]
    code, _ = through_the_runner(build, "take:add", "crash:invoke")
    assert code == -11


@pytest.mark.parametrize(("take", "kind"), [("add,mul", "full"), ("add", "partial"), ("none", "none")])
def test_benchmark_model(build: Path, take: str, kind: str) -> None:
    flags = (f"--graph={MODEL}", f"--external_delegate_path={delegate()}", f"--external_delegate_options=take:{take}")
    done = run(build, build / "benchmark_model", *flags, "--num_runs=3", "--min_secs=0", "--use_xnnpack=false")
    log = parse_log(done.stdout + done.stderr, exit_code=done.returncode)
    coverage = to_coverage(log, "external")
    assert isinstance(coverage, Coverage), log
    assert coverage.kind == kind
