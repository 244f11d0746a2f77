"""`VariantFile` rows: from what a worker reported, from the cache, and from failures."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.domain import OutputError, Status, VariantFile
from harness.errors import StableError
from harness.prepare.cache import Entry
from harness.prepare.inspection import tensors_from_json
from harness.prepare.judgement import Agreement, objection

MODEL_FILE = "model.tflite"


def failed_row(model: str, variant: str, status: Status, reason: str, converter: str = "") -> VariantFile:
    """The row of a variant that could not be made."""
    return VariantFile(model=model, variant=variant, status=status, reason=reason, converter=converter)


def judged(variant: str, checked: Mapping[str, Any]) -> str:
    """Why the checked file is wrong, or an empty string."""
    return objection(variant, Agreement(**checked["agreement"]))


def variant_row(
    model: str, source: Entry, path: Path | None, meta: Mapping[str, Any], *, float_bytes: int | None, cached: bool
) -> VariantFile:
    """The row of a converted file: `meta` is what the cache keeps of it, `float_bytes` the float32 variant's size."""
    info, found, variant = meta["info"], Agreement(**meta["agreement"]), meta["variant"]
    size = int(info["size_bytes"])
    return VariantFile(
        model=model,
        variant=variant,
        status=Status.DONE,
        path=None if path is None else str(path),
        sha256=info["sha256"],
        size_bytes=size,
        gzip_bytes=info["gzip_bytes"],
        reduction_pct=None if not float_bytes else 100.0 * (1.0 - size / float_bytes),
        conversion_s=meta["conversion_s"],
        converter=meta["converter"],
        cached=cached,
        float_operators=tuple(info["float_operators"]),
        inputs=tensors_from_json(info["inputs"]),
        outputs=tensors_from_json(info["outputs"]),
        weights=source.meta["weights"],
        task=source.meta["task"],
        source_error=OutputError(found.max_abs, found.rmse, found.cosine, found.samples) if found.finite else None,
        check_path=str(source.path / "check.npz"),
        data_path=str(source.path / "data.npz") if "data.npz" in source.sha256 else None,
    )


def rejected(row: VariantFile, reason: str) -> VariantFile:
    """`row` as FAILED: the file was made, but is wrong, and must not be used."""
    return dataclasses.replace(row, status=Status.FAILED, reason=reason, path=None)


class StepError(StableError):
    """A step that every variant needs ended with `status`."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Rows:
    """The rows of one model: each wanted variant gets exactly one, from whichever thread comes first."""

    def __init__(self, model: str, wanted: Sequence[str], emit: Callable[[VariantFile], None]) -> None:
        self.model, self.wanted = model, tuple(dict.fromkeys(wanted))
        self._emit, self._done, self._lock = emit, set[str](), threading.Lock()

    def add(self, row: VariantFile) -> None:
        """Hand over `row`, unless its variant was not asked for or has one."""
        with self._lock:
            if row.variant not in self.wanted or row.variant in self._done:
                return
            self._done.add(row.variant)
        self._emit(row)

    def fail(self, variant: str, status: Status, reason: str, converter: str = "") -> None:
        """The row of a variant that could not be made."""
        self.add(failed_row(self.model, variant, status, reason, converter))

    def fail_rest(self, status: Status, reason: str) -> None:
        """Every variant that has no row yet fails."""
        for variant in self.wanted:
            self.fail(variant, status, reason)
