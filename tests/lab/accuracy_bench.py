"""A lab that scores: data sets made here, given files as variants, and interpreters whose speed and sins are planned.

Converting needs TensorFlow. Here the variant ``int8`` of ``float32.tflite`` is the file ``int8.tflite`` beside it,
which was made of the same network; everything else is real. ``python -m tests.lab.accuracy_bench`` is the command line
with that one change.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.domain import Case, ModelRef, ResultRow, ScoredChunk, VariantFile
from harness.events import AccuracyProgress, Event
from harness.lab import SweepOutcome, SweepRequest, preparation, run_sweep
from harness.lab.interrupt import Interrupt
from harness.prepare import prepare
from harness.report import write_reports
from harness.store import LeaseBook, Store
from harness.sweep import parse_sweep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODELS = Path(__file__).parent.parent / "data" / "models"
RUNNER = Path(__file__).parent.parent.parent / "device_scripts" / "litert_runner.py"
WINDOWS = "min_s: 0.01, max_s: 0.2, min_iterations: 2, warmup_min_s: 0, warmup_max_s: 0.1, warmup_min_iterations: 1"
CHUNK = 1024  # samples of a chunk at most


def prepare_given(
    models: Sequence[ModelRef], variants: Sequence[str], *, on_file: Callable[[VariantFile], None], **options: Any
) -> tuple[VariantFile, ...]:
    """`prepare`, where each variant of a given file is the file of that name beside it."""
    files: list[VariantFile] = []
    for variant in variants:
        beside = [
            replace(ref, file=str(Path(ref.file).with_name(f"{variant}.tflite")) if ref.file else ref.file)
            for ref in models
        ]
        files += prepare(beside, (variant,), on_file=on_file, **options)
    return tuple(files)


def take_given_variants(patch: pytest.MonkeyPatch) -> None:
    """Sweeps are prepared by `prepare_given`."""
    patch.setattr(preparation, "prepare", prepare_given)


def images(count: int, seed: int = 3) -> NDArray[np.float32]:
    """(count, 8, 8, 1) in 0 to 1."""
    import numpy as np

    return np.random.default_rng(seed).random((count, 8, 8, 1), dtype=np.float32)


def answers(model: Path, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the file gives for each input, dequantized: (n, classes). By the bare interpreter, without the harness."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for image in inputs:
        interpreter.set_tensor(taken["index"], quantized(image[None], taken))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(given["index"])[0])
    scale, zero = given["quantization"]
    raw = np.array(outputs)
    return raw if raw.dtype == np.float32 else (raw.astype(np.float32) - zero) * np.float32(scale)


def quantized(values: NDArray[np.float32], tensor: Mapping[str, Any]) -> NDArray[Any]:
    """`values` as the input tensor takes them."""
    import numpy as np

    if tensor["dtype"] == np.float32:
        return values
    scale, zero = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def hits(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the label alone has the highest score."""
    own = scores[range(len(labels)), labels]
    found: NDArray[np.bool_] = (scores >= own[:, None]).sum(axis=1) == 1
    return found


@dataclass(frozen=True)
class Labelled:
    """Images that are hard to tell: `labels` are what the float model says, but for some."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]

    @classmethod
    def hard(cls, count: int) -> Labelled:
        """Of ten times as many images those that the float model finds hardest; every tenth label is wrong."""
        import numpy as np

        pool = images(10 * count)
        scores = answers(MODELS / "float32.tflite", pool)
        best = np.sort(scores, axis=1)
        chosen = np.argsort(best[:, -1] - best[:, -2], kind="stable")[:count]
        labels = scores[chosen].argmax(axis=1)
        labels[::10] = (labels[::10] + 1) % scores.shape[1]
        return cls(pool[chosen], labels.astype(np.int64), tuple(f"image-{number}" for number in range(count)))

    def save(self, path: Path, ids: Sequence[str] = ()) -> Path:
        import numpy as np

        np.savez(path, inputs=self.inputs, labels=self.labels, ids=np.array(ids or self.ids))
        return path


@dataclass
class AccuracyBench:
    """One test's lab. `cache` is where prepared files and data sets are kept, in `folder` when None."""

    folder: Path
    cache: Path | None = None
    events: list[Event] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)

    def sweep_text(
        self,
        models: str,
        *,
        variants: str = "[float32, int8]",
        backends: str = "[cpu]",
        blocks: int = 1,
        windows: str = WINDOWS,
        extra: str = "",
    ) -> str:
        return (
            f"name: scores\nmodels:\n{models}\nvariants: {variants}\nbackends: {backends}\n"
            f"measure: {{blocks: {blocks}, {windows}, memory: false, profile: false}}\n{extra}"
        )

    def run(
        self, text: str, *, on_event: Callable[[Event], None] = lambda event: None, resume: str | None = None
    ) -> SweepOutcome:
        def post(event: Event) -> None:
            self.events.append(event)
            on_event(event)

        sweep = parse_sweep(text, str(self.folder / "scores.yaml"), known_models=())
        with self.store() as store, LeaseBook.open(self.folder / "leases.sqlite") as leases:
            request = SweepRequest(
                sweep,
                self.folder / "reports",
                self.cache or self.folder / "cache",
                jobs=2,
                resume=store.find_run(resume) if resume else None,
            )

            def write(run_id: str, directory: Path) -> None:
                write_reports(store.view(run_id), directory)

            return run_sweep(
                request, store=store, leases=leases, post=post, interrupt=self.interrupt, write_reports=write
            )

    def store(self) -> Store:
        return Store.open(self.folder / "results.sqlite")

    def stop_after(self, chunks: int) -> Callable[[Event], None]:
        """Press Ctrl-C once, when so many chunks have been scored."""

        def on_event(event: Event) -> None:
            if isinstance(event, AccuracyProgress) and len(self.scored()) == chunks:
                self.interrupt.press()

        return on_event

    def go_on(self, text: str) -> SweepOutcome:
        """Resume, with events of its own."""
        self.interrupt, self.events = Interrupt(), []
        return self.run(text, resume="latest")

    def scored(self, case: Case | None = None) -> list[tuple[int, int]]:
        """(samples, total) of each step of the accuracy passes."""
        steps = [event for event in self.events if isinstance(event, AccuracyProgress)]
        return [(step.samples, step.total) for step in steps if case is None or step.case == case]

    def chunks(self, row: ResultRow) -> tuple[ScoredChunk, ...]:
        with self.store() as store:
            return store.scores(row.run_id, row.case_id)


def scored_columns(row: ResultRow) -> dict[str, Any]:
    """What the row says of its accuracy, and nothing of its time."""
    names = "accuracy_metric accuracy accuracy_samples accuracy_loss accuracy_loss_low accuracy_loss_high"
    return {name: getattr(row, name) for name in (*names.split(), "samples_better", "samples_worse", "top1")}


def twice(values: Sequence[str]) -> set[str]:
    """What occurs more than once."""
    return {value for value, count in Counter(values).items() if count > 1}


_INTERPRETER = """#!{python}
import base64, hashlib, json, random, struct, subprocess, sys

FAST_MS, SWAPPED, RUNNER = {fast_ms!r}, {swapped!r}, {runner!r}
text = sys.stdin.read()
request = json.loads(text)

def runner():
    done = subprocess.run([sys.executable, RUNNER], input=json.dumps(request), text=True, stdout=subprocess.PIPE)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

if request["purpose"] == "timing":
    sha = hashlib.sha256(open(request["model"], "rb").read()).hexdigest()
    latency_ns = 1e6 * FAST_MS.get(sha, FAST_MS.get(request["delegate"], 1.0))
    code, lines = runner()
    rng = random.Random(request["seed"])
    packed = struct.pack("<200q", *(int(latency_ns * rng.uniform(0.999, 1.001)) for _ in range(200)))
    lines[-1].update(samples=base64.b64encode(packed).decode(), warmup=base64.b64encode(packed).decode())
    lines[-1]["evidence"].update(
        clock_start_ghz=3.0, clock_end_ghz=3.0, foreign_load=0.0, wait_share=0.0, cpus_verified=True, notes=[]
    )
    for line in lines:
        print(json.dumps(line), flush=True)
    sys.exit(code)
request["model"] = SWAPPED.get(request.get("delegate", "") + ":" + request["purpose"], request.get("model"))
sys.exit(subprocess.run([sys.executable, RUNNER], input=json.dumps(request), text=True).returncode)
"""


def stand_in(folder: Path, fast_ms: Mapping[str, float], **swapped: Path) -> Path:
    """An interpreter with the real LiteRT, whose times are told and whose files may be others.

    Args:
        folder: where the executable goes.
        fast_ms: the latency of a delegate, or of the file with that SHA-256; 1 ms for others.
        swapped: the file that is computed instead, by delegate and purpose (``builtin__accuracy=…``).
    """
    others = {name.replace("__", ":"): str(path) for name, path in swapped.items()}
    text = _INTERPRETER.format(python=sys.executable, fast_ms=dict(fast_ms), swapped=others, runner=str(RUNNER))
    path = folder / "python-timed"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def with_nan(model: Path) -> bytes:
    """The file with NaN for the weights of its depthwise convolution."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter, content = Interpreter(str(model), num_threads=1), model.read_bytes()
    (found,) = [one for one in interpreter.get_tensor_details() if tuple(one["shape"]) == (1, 3, 3, 4)]
    weights = interpreter.get_tensor(found["index"])
    assert content.count(weights.tobytes()) == 1
    return content.replace(weights.tobytes(), np.full_like(weights, np.nan).tobytes())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def entry(path: Path, data: str, task: str = "{name: classification}", name: str = "m", extra: str = "") -> str:
    """A model of a sweep file; `data` is a mapping in YAML."""
    return f"  - {{file: {json.dumps(str(path))}, name: {name}, data: {data}, task: {task}{extra}}}"


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets are known by their content, so that the tests of a module can share what was prepared."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def accuracy_bench(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> AccuracyBench:
    take_given_variants(monkeypatch)
    return AccuracyBench(tmp_path, shared_cache)


if __name__ == "__main__":
    from harness.cli import main

    preparation.prepare = prepare_given
    sys.exit(main())
