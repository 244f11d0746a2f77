"""The conversions of one resolved source: what the cache has, and which workers make the rest, in which order.

The first worker builds the source, converts float32 and goes on with TensorFlow's other variants. When float32 is
there, a second makes the quantizer's variants from it; with more cores than models, a third takes half of the first's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.content import content_id
from harness.domain import Status
from harness.errors import HarnessError
from harness.prepare import converters
from harness.prepare.cache import Entry
from harness.prepare.converters import QUANTIZER, TENSORFLOW
from harness.prepare.faults import fault_of
from harness.prepare.rows import MODEL_FILE, Rows, StepError, judged, rejected, variant_row
from harness.prepare.source import CODE_VERSION, Source
from harness.prepare.steps import Step, StepResult

if TYPE_CHECKING:
    from harness.prepare.model_job import Context

BASE = "float32"
GIVEN_FILE = "given file"
SOURCE_STEP = "source"


class Preparation:
    """One model's way from its source to its rows; used once."""

    def __init__(self, context: Context, source: Source, key: str, rows: Rows) -> None:
        self._context, self._source, self._key, self._rows = context, source, key, rows
        self._cache = context.cache
        self._lock = threading.Lock()
        self._entry: Entry | None = None
        self._base: Path | None = None
        self._base_bytes: int | None = None
        self._seconds: dict[str, float] = {}
        self._side: list[Future[None]] = []
        self._converters: dict[str, str] = {}
        self._later: tuple[list[str], list[str]] = ([], [])

    def run(self) -> None:
        """Emit a row for every variant.

        Raises:
            StepError: the source could not be built.
            OSError: the cache cannot be written.
        """
        self._entry = self._cache.load("sources", self._key, unverified="saved_model/")
        if self._entry is None and self._source.from_tflite:
            self._build_alone()
        variants = self._choose_converters()
        missing = [variant for variant in variants if not self._from_cache(variant)]
        if not missing:
            return
        if self._entry is not None and any(self._converters[variant] == TENSORFLOW for variant in missing):
            self._entry = self._cache.load("sources", self._key)
            missing = missing if self._entry is not None else variants
        with self._cache.staging() as stage, ThreadPoolExecutor(max_workers=2) as side:
            self._convert(missing, stage, side)

    # ---- plan --------------------------------------------------------------------------------------------------------

    def _choose_converters(self) -> list[str]:
        """The variants to make, float32 first; those that cannot be made get their rows."""
        given = self._entry.meta["variant"] if self._entry is not None and self._source.from_tflite else None
        possible = []
        for variant in dict.fromkeys((given or BASE, *self._rows.wanted)):
            try:
                self._converters[variant] = self._converter(variant, given)
                possible.append(variant)
            except HarnessError as error:
                self._rows.fail(variant, *fault_of(error))
        return possible

    def _converter(self, variant: str, given: str | None) -> str:
        if given == variant:
            return GIVEN_FILE
        if given is not None and given != BASE:
            raise StepError(
                Status.UNSUPPORTED, f"the file is already quantized ({given}); it can only be used as {given}"
            )
        options = self._source.converter_options
        return converters.choose(variant, options, self._context.tools, from_tflite=self._source.from_tflite)

    def _label(self, variant: str) -> str:
        converter = self._converters[variant]
        return converter if converter == GIVEN_FILE else self._context.tools.label(converter)

    def _variant_key(self, entry: Entry, variant: str) -> str:
        """From the source's own outputs too: a source that was trained anew makes older conversions stale."""
        base = self._label(BASE) if self._converters[variant] == QUANTIZER else ""
        arrays = [entry.sha256[name] for name in ("check.npz", "calibration.npy")]
        parts = [CODE_VERSION, self._key, arrays, variant, self._label(variant), base]
        return content_id(parts, length=40)

    def _from_cache(self, variant: str) -> bool:
        if self._entry is None:
            return False
        found = self._cache.load("variants", self._variant_key(self._entry, variant))
        if found is None:
            return False
        self._accept(variant, found, cached=True)
        return True

    # ---- work --------------------------------------------------------------------------------------------------------

    def _build_alone(self) -> None:
        """Build the source before anything else: what a ``.tflite`` file is decides what can be made of it."""
        with self._cache.staging() as stage:
            self._first_worker([self._source_step(stage)], stage)
        if self._entry is None:
            raise StepError(Status.INTERRUPTED, "interrupted before it was done")

    def _convert(self, missing: Sequence[str], stage: Path, side: ThreadPoolExecutor) -> None:
        mine = [variant for variant in missing if self._converters[variant] != QUANTIZER]
        quantized = [variant for variant in missing if self._converters[variant] == QUANTIZER]
        rest = [variant for variant in mine if variant != BASE]
        shared = rest[1::2] if self._context.spare_jobs else []
        steps = [] if self._entry is not None else [self._source_step(stage)]
        for variant in mine:
            steps += self._steps(variant, stage) if variant not in shared else []
        self._later = (shared, quantized)
        if BASE not in missing or BASE not in mine:
            self._start_later(stage, side, StepResult(Status.DONE))
        if steps:
            self._first_worker(steps, stage, side)
        for future in list(self._side):
            future.result()

    def _first_worker(self, steps: Sequence[Step], stage: Path, side: ThreadPoolExecutor | None = None) -> None:
        def on_result(step: Step, result: StepResult) -> None:
            self._take(step, result, stage)
            if side is not None and step.name == f"check {BASE}":
                self._start_later(stage, side, result)

        results = self._run(steps, on_result)
        source = results.get(SOURCE_STEP)
        if source is not None and not source.ok:
            raise StepError(source.status, source.reason)

    def _start_later(self, stage: Path, side: ThreadPoolExecutor, base: StepResult) -> None:
        """Start the second and third worker. Without the float32 file the quantizer has nothing to work from."""
        (shared, quantized), self._later = self._later, ([], [])
        if self._entry is None:
            return
        if self._base is None and quantized:
            reason = base.reason or "it disagrees with its source"
            status = Status.FAILED if base.ok else base.status
            for variant in quantized:
                self._rows.fail(variant, status, f"the float32 file it is made from: {reason}", self._label(variant))
            quantized = []
        for group in (shared, quantized):
            if group:
                steps = [step for variant in group for step in self._steps(variant, stage)]
                self._side.append(side.submit(self._side_worker, steps, stage))

    def _side_worker(self, steps: Sequence[Step], stage: Path) -> None:
        self._run(steps, lambda step, result: self._take(step, result, stage))

    def _run(self, steps: Sequence[Step], on_result: Any) -> dict[str, StepResult]:
        return self._context.runner.run(self._rows.model, steps, on_start=self._announce, on_result=on_result)

    def _announce(self, step: Step) -> None:
        if step.action == "source":
            self._context.say(f"{self._rows.model}: building the model and its data")
        elif step.action == "convert":
            variant = step.arguments["variant"]
            self._context.say(f"{self._rows.model} {variant}: converting ({self._label(variant)})")

    def _source_step(self, stage: Path) -> Step:
        folder = stage / SOURCE_STEP
        folder.mkdir()
        arguments = {
            "kind": self._source.kind,
            "path": str(self._source.path),
            "options": dict(self._source.options),
            "folder": str(folder),
        }
        return Step(SOURCE_STEP, "source", arguments)

    def _steps(self, variant: str, stage: Path) -> list[Step]:
        """Conversion and check of one variant."""
        source = self._entry.path if self._entry is not None else stage / SOURCE_STEP
        folder = stage / variant
        folder.mkdir(exist_ok=True)
        model = str(folder / MODEL_FILE)
        converter = self._converters[variant]
        base = self._source.path if converter == GIVEN_FILE else self._base
        convert = {
            "variant": variant,
            "converter": converter,
            "saved_model": str(source / "saved_model"),
            "calibration": str(source / "calibration.npy"),
            "base": str(base),
            "output": model,
        }
        needs = () if self._entry is not None else (SOURCE_STEP,)
        check = {"variant": variant, "model": model, "check": str(source / "check.npz")}
        return [
            Step(f"convert {variant}", "convert", convert, needs),
            Step(f"check {variant}", "check", check, (f"convert {variant}",)),
        ]

    # ---- results -----------------------------------------------------------------------------------------------------

    def _take(self, step: Step, result: StepResult, stage: Path) -> None:
        """One step is over. Runs in the thread that watches its worker."""
        try:
            self._taken(step, result, stage)
        except OSError as error:
            self._rows.fail_rest(Status.FAILED, f"the cache cannot be written: {error}")

    def _taken(self, step: Step, result: StepResult, stage: Path) -> None:
        if step.action == "source":
            if result.ok:
                self._entry = self._cache.commit("sources", self._key, stage / SOURCE_STEP, dict(result.value))
                for note in result.value["notes"]:
                    self._context.say(f"{self._rows.model}: {note}")
            return
        variant = step.arguments["variant"]
        if not result.ok:
            self._rows.fail(variant, result.status, result.reason, self._label(variant))
        elif step.action == "convert":
            self._seconds[variant] = float(result.value["conversion_s"])
        else:
            self._checked(variant, result.value, stage / variant)

    def _checked(self, variant: str, checked: Mapping[str, Any], folder: Path) -> None:
        """A converted file was run: keep it when it agrees with its source."""
        entry = self._require_entry()
        meta = {
            "variant": variant,
            "converter": self._label(variant),
            "conversion_s": self._seconds.get(variant, 0.0),
            "info": checked["info"],
            "agreement": checked["agreement"],
        }
        reason = judged(variant, checked)
        if not reason:
            key = self._variant_key(entry, variant)
            self._accept(variant, self._cache.commit("variants", key, folder, meta), cached=False)
            return
        row = variant_row(self._rows.model, entry, None, meta, float_bytes=self._base_bytes, cached=False)
        self._rows.add(rejected(row, reason))

    def _accept(self, variant: str, found: Entry, *, cached: bool) -> None:
        path = found.path / MODEL_FILE
        with self._lock:
            if variant == BASE:
                self._base, self._base_bytes = path, int(found.meta["info"]["size_bytes"])
        entry = self._require_entry()
        self._rows.add(
            variant_row(self._rows.model, entry, path, found.meta, float_bytes=self._base_bytes, cached=cached)
        )

    def _require_entry(self) -> Entry:
        if self._entry is None:
            raise StepError(Status.FAILED, "the source was not built")
        return self._entry
