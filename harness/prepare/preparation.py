"""The conversions of one source: what the cache has, and which workers make the rest, in which order.

The first worker makes the source, converts float32 and goes on with TensorFlow's integer variants, which it makes of
the float32 file. When that is there, a second makes the quantizer's variants from it; with more cores than models, a
third takes what TensorFlow has to convert from the SavedModel.
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
from harness.prepare.group import BASE, Group
from harness.prepare.rows import MODEL_FILE, DataSet, Origin, Rows, StepError, judged, rejected, variant_row
from harness.prepare.source import CODE_VERSION, Source
from harness.prepare.steps import Step, StepResult

if TYPE_CHECKING:
    from harness.prepare.model_job import Context

GIVEN_FILE = "given file"
SOURCE_STEP = "source"
# Modes that TensorFlow makes of the float32 file, so that the SavedModel is converted once.
FROM_FLOAT_FILE = ("full_integer", "int8", "int16x8")
_UNREAD = ("saved_model/", "weights.npz")


class Preparation:
    """The way of one group from its source to its rows; used once.

    Attributes:
        entry: the source, as soon as it is there.
        float_bytes: the size of the plain float32 file, from which what is saved is counted.
        data: the public data set of the rows, where one is named.
    """

    legacy_keras = False

    def __init__(
        self, context: Context, source: Source, key: str, rows: Rows, group: Group, data: DataSet | None = None
    ) -> None:
        self._context, self._source, self._group, self._cache = context, source, group, context.cache
        self.key, self.rows, self.data = key, rows, data
        self._lock = threading.Lock()
        self.entry: Entry | None = None
        self._base: Path | None = None
        self.float_bytes: int | None = None
        self._seconds: dict[str, float] = {}
        self._used: dict[str, str] = {}
        self._side: list[Future[None]] = []
        self._converters: dict[str, str] = {}
        self._shared: list[str] = []
        self._quantized: list[str] = []

    def run(self) -> None:
        """Emit a row for every variant of the group.

        Raises:
            StepError: the source could not be made.
            OSError: the cache cannot be written.
        """
        if self.entry is None:
            self.load_source()
        if self.entry is None and self._source.from_tflite:
            self.build_source()
        modes = self._choose_converters()
        missing = [mode for mode in modes if not self._from_cache(mode)]
        if not missing:
            return
        if self.entry is not None and any(self._converters[mode] == TENSORFLOW for mode in missing):
            self.entry = self._cache.load("sources", self.key)
            missing = missing if self.entry is not None else modes
        with self._cache.staging() as stage, ThreadPoolExecutor(max_workers=2) as side:
            self._convert(missing, stage, side)

    def load_source(self) -> None:
        """Take the source from the cache, if it is there."""
        self.entry = self._cache.load("sources", self.key, unverified=_UNREAD)

    def build_source(self) -> None:
        """Make the source before anything else: what a ``.tflite`` file is decides what can be made of it.

        Raises:
            StepError: it could not be made.
        """
        with self._cache.staging() as stage:
            self._first_worker([self._source_step(stage)], stage)
        if self.entry is None:
            raise StepError(Status.INTERRUPTED, "interrupted before it was done")

    # ---- plan --------------------------------------------------------------------------------------------------------

    def _choose_converters(self) -> list[str]:
        """The modes to make, float32 first; those that cannot be made get their rows."""
        given = self.entry.meta["variant"] if self.entry is not None and self._source.from_tflite else None
        first = given or self._group.base
        possible = []
        for mode in dict.fromkeys(([first] if first else []) + list(self._group.modes)):
            try:
                self._converters[mode] = self._converter(mode, given)
                possible.append(mode)
            except HarnessError as error:
                self.rows.fail(self._group.name(mode), *fault_of(error))
        return possible

    def _converter(self, mode: str, given: str | None) -> str:
        if given == mode:
            return GIVEN_FILE
        if given is not None and given != BASE:
            raise StepError(
                Status.UNSUPPORTED, f"the file is already quantized ({given}); it can only be used as {given}"
            )
        return converters.choose(
            mode,
            self._source.converter_options,
            self._context.tools,
            from_tflite=self._source.from_tflite,
            keep_float=bool(self._source.keep_float),
        )

    def _otherwise(self, mode: str) -> str:
        return converters.otherwise(
            mode,
            self._source.converter_options,
            self._context.tools,
            from_tflite=self._source.from_tflite,
            keep_float=bool(self._source.keep_float),
        )

    def _label(self, mode: str) -> str:
        converter = self._converters[mode]
        return converter if converter == GIVEN_FILE else self._context.tools.label(converter)

    def _made_by(self, mode: str) -> str:
        """The converter that made the file, which is not the chosen one where that refused the model."""
        used, chosen = self._used.get(mode, self._converters[mode]), self._converters[mode]
        if used == chosen:
            return self._label(mode)
        return f"{self._context.tools.label(used)} ({chosen} refuses the model)"

    def _variant_key(self, entry: Entry, mode: str) -> str:
        """From the source's own outputs too: a source that was trained anew makes older conversions stale."""
        quantized = self._converters[mode] == QUANTIZER
        base = self._label(BASE) if quantized else ""
        arrays = [entry.sha256[name] for name in ("check.npz", "calibration.npy")]
        parts = [CODE_VERSION, self.key, arrays, mode, self._label(mode), base]
        return content_id([*parts, self._source.keep_float if quantized else ()], length=40)

    def _from_cache(self, mode: str) -> bool:
        if self.entry is None:
            return False
        found = self._cache.load("variants", self._variant_key(self.entry, mode))
        if found is None:
            return False
        self._accept(mode, found, cached=True)
        return True

    # ---- work --------------------------------------------------------------------------------------------------------

    def _convert(self, missing: Sequence[str], stage: Path, side: ThreadPoolExecutor) -> None:
        mine = [mode for mode in missing if self._converters[mode] != QUANTIZER]
        self._quantized = [mode for mode in missing if self._converters[mode] == QUANTIZER]
        self._shared = self._for_a_third(mine) if self._context.spare_jobs else []
        shared = set(self._shared)
        steps = [] if self.entry is not None else [self._source_step(stage)]
        for mode in mine:
            steps += self._steps(mode, stage) if mode not in shared else []
        if self.entry is not None:
            self._start_shared(stage, side)
        if BASE not in mine:
            self._start_quantizer(stage, side, StepResult(Status.DONE))
        if steps:
            self._first_worker(steps, stage, side)
        for future in list(self._side):
            future.result()

    def _for_a_third(self, mine: Sequence[str]) -> list[str]:
        """What has to be converted from the SavedModel, without what the first worker is to take of it."""
        if self._group.trained_for_integers:
            return list(mine[1::2])
        heavy = [mode for mode in mine if mode not in (BASE, *FROM_FLOAT_FILE) and self._is_tensorflow(mode)]
        return heavy if BASE in mine else heavy[1::2]

    def _is_tensorflow(self, mode: str) -> bool:
        return self._converters[mode] == TENSORFLOW

    def _first_worker(self, steps: Sequence[Step], stage: Path, side: ThreadPoolExecutor | None = None) -> None:
        def on_result(step: Step, result: StepResult) -> None:
            self._take(step, result, stage)
            if side is not None and step.name == SOURCE_STEP:
                self._start_shared(stage, side)
            if side is not None and step.name == f"check {self._group.name(BASE)}":
                self._start_quantizer(stage, side, result)

        results = self._run(steps, on_result)
        source = results.get(SOURCE_STEP)
        if source is not None and not source.ok:
            raise StepError(source.status, source.reason)

    def _start_shared(self, stage: Path, side: ThreadPoolExecutor) -> None:
        """Start the third worker, which needs the source only."""
        shared, self._shared = self._shared, []
        if self.entry is not None and shared:
            self._start(shared, stage, side)

    def _start_quantizer(self, stage: Path, side: ThreadPoolExecutor, base: StepResult) -> None:
        """Start the second worker. Without the float32 file the quantizer has nothing to work from."""
        quantized, self._quantized = self._quantized, []
        if self.entry is None or not quantized:
            return
        if self._base is not None:
            self._start(quantized, stage, side)
            return
        reason = base.reason or "it disagrees with its source"
        status = Status.FAILED if base.ok else base.status
        for mode in quantized:
            name = self._group.name(mode)
            self.rows.fail(name, status, f"the float32 file it is made from: {reason}", self._label(mode))

    def _start(self, modes: Sequence[str], stage: Path, side: ThreadPoolExecutor) -> None:
        steps = [step for mode in modes for step in self._steps(mode, stage)]
        self._side.append(side.submit(self._side_worker, steps, stage))

    def _side_worker(self, steps: Sequence[Step], stage: Path) -> None:
        self._run(steps, lambda step, result: self._take(step, result, stage))

    def _run(self, steps: Sequence[Step], on_result: Any) -> dict[str, StepResult]:
        return self._context.runner.run(
            self.rows.model,
            steps,
            on_start=self._announce,
            on_result=on_result,
            on_progress=lambda _, text: self._context.say(f"{self.rows.model}: {text}"),
            legacy_keras=self.legacy_keras and any(step.name == SOURCE_STEP for step in steps),
        )

    def _announce(self, step: Step) -> None:
        if step.name == SOURCE_STEP:
            self._context.say(f"{self.rows.model}: {self._source_text()}")
        elif step.action == "convert":
            label = self._label(step.arguments["mode"])
            self._context.say(f"{self.rows.model} {step.arguments['variant']}: converting ({label})")

    def _source_text(self) -> str:
        return "building the model and its data"

    def _source_step(self, stage: Path) -> Step:
        folder = stage / SOURCE_STEP
        folder.mkdir()
        arguments = {
            "kind": self._source.kind,
            "path": str(self._source.path),
            "options": dict(self._source.options),
            "data": dict(self._source.task_options),
            "folder": str(folder),
        }
        return Step(SOURCE_STEP, "source", arguments)

    def _steps(self, mode: str, stage: Path) -> list[Step]:
        """Conversion and check of one variant."""
        source = self.entry.path if self.entry is not None else stage / SOURCE_STEP
        folder, name = stage / mode, self._group.name(mode)
        folder.mkdir(exist_ok=True)
        model = str(folder / MODEL_FILE)
        converter = self._converters[mode]
        base = self._source.path if converter == GIVEN_FILE else self._base or stage / BASE / MODEL_FILE
        convert = {
            "variant": name,
            "mode": mode,
            "converter": converter,
            "otherwise": self._otherwise(mode) if converter == QUANTIZER else "",
            "source": str(source),
            "base": str(base),
            "qat": self._group.trained_for_integers,
            "keep_float": list(self._source.keep_float),
            "output": model,
        }
        needs = () if self.entry is not None else (SOURCE_STEP,)
        check = {"variant": name, "mode": mode, "model": model, "source": str(source)}
        return [
            Step(f"convert {name}", "convert", convert, needs),
            Step(f"check {name}", "check", check, (f"convert {name}",)),
        ]

    # ---- results -----------------------------------------------------------------------------------------------------

    def _take(self, step: Step, result: StepResult, stage: Path) -> None:
        """One step is over. Runs in the thread that watches its worker."""
        try:
            self._taken(step, result, stage)
        except OSError as error:
            self.rows.fail_rest(Status.FAILED, f"the cache cannot be written: {error}")

    def _taken(self, step: Step, result: StepResult, stage: Path) -> None:
        if step.name == SOURCE_STEP:
            if result.ok:
                self.entry = self._cache.commit("sources", self.key, stage / SOURCE_STEP, dict(result.value))
                for note in result.value["notes"]:
                    self._context.say(f"{self.rows.model}: {note}")
            return
        mode = step.arguments["mode"]
        if not result.ok:
            self.rows.fail(self._group.name(mode), result.status, result.reason, self._label(mode))
        elif step.action == "convert":
            self._seconds[mode] = float(result.value["conversion_s"])
            self._used[mode] = str(result.value["converter"])
        else:
            self._checked(mode, result.value, stage / mode)

    def _checked(self, mode: str, checked: Mapping[str, Any], folder: Path) -> None:
        """A converted file was run: keep it when it agrees with its source."""
        meta = {
            "variant": self._group.name(mode),
            "converter": self._made_by(mode),
            "conversion_s": self._seconds.get(mode, 0.0),
            **{key: checked[key] for key in ("info", "agreement", "sparsity", "clusters")},
        }
        reason = judged(mode, checked)
        if not reason:
            key = self._variant_key(self.require_entry(), mode)
            self._accept(mode, self._cache.commit("variants", key, folder, meta), cached=False)
            return
        row = variant_row(self._origin(), None, meta, float_bytes=self.float_bytes, cached=False)
        self.rows.add(rejected(row, reason))

    def _accept(self, mode: str, found: Entry, *, cached: bool) -> None:
        path = found.path / MODEL_FILE
        with self._lock:
            if mode == BASE:
                self._base = path
                self._take_float_bytes(int(found.meta["info"]["size_bytes"]))
        self.rows.add(variant_row(self._origin(), path, found.meta, float_bytes=self.float_bytes, cached=cached))

    def _take_float_bytes(self, size: int) -> None:
        self.float_bytes = size

    def _origin(self) -> Origin:
        entry = self.require_entry()
        return Origin(self.rows.model, entry, entry, "", self.data)

    def require_entry(self) -> Entry:
        """The source.

        Raises:
            StepError: it is not there.
        """
        if self.entry is None:
            raise StepError(Status.FAILED, "the source was not built")
        return self.entry
