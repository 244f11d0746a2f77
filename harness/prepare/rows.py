"""`VariantFile` rows: from what a worker reported, from the cache, and from failures."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.domain import OutputError, Status, VariantFile
from harness.errors import StableError, UsageError
from harness.prepare.cache import Entry
from harness.prepare.inspection import tensors_from_json
from harness.prepare.judgement import Agreement, objection
from harness.prepare.recipe import RANDOM
from harness.variants import mode_of, parse_variant

MODEL_FILE = "model.tflite"
OUTPUTS_FILE = "outputs.npy"
DATASET = "dataset"


@dataclass(frozen=True)
class DataSet:
    """A public data set that is ready: it takes the place of the model's own test split."""

    path: Path
    task: str
    task_options: tuple[tuple[str, str], ...]
    preprocessing: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Origin:
    """What all rows of one source share.

    `plain` is the source as it was built; `source` is that, or what a technique made of it.
    """

    model: str
    plain: Entry
    source: Entry
    technique: str = ""
    data: DataSet | None = None

    def fields(self) -> dict[str, Any]:
        """The fields of `VariantFile` that say where a file comes from."""
        built, trained = self.plain.meta, self.source.meta
        own = self.plain.path / DATASET if _has_dataset(self.plain) else None
        data = self.data or DataSet(
            Path(), built["task"] or "", _pairs(built["task_options"]), _pairs(built["preprocessing"])
        )
        path = own if self.data is None else self.data.path
        if built["weights"] == RANDOM:
            path = None  # an accuracy of random weights would be believed
        return {
            "weights": built["weights"],
            "task": data.task or None,
            "task_options": data.task_options,
            "preprocessing": data.preprocessing,
            "parameters": built["parameters"],
            "technique": self.technique,
            "training": trained["training"] if self.technique else "",
            "check_path": str(self.source.path / "check.npz"),
            "data_path": None if path is None else str(path),
        }


def _has_dataset(entry: Entry) -> bool:
    return any(name.startswith(f"{DATASET}/") for name in entry.sha256)


def _pairs(values: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((key, text) for key, text in values)


def described(variant: str) -> dict[str, Any]:
    """The fields of `VariantFile` that its name alone tells."""
    try:
        parsed = parse_variant(variant)
    except UsageError:
        return {}
    return {"technique": parsed.technique, "data_needed": parsed.data_needed, "hardware": parsed.hardware}


def failed_row(model: str, variant: str, status: Status, reason: str, converter: str = "") -> VariantFile:
    """The row of a variant that could not be made."""
    return VariantFile(
        model=model, variant=variant, status=status, reason=reason, converter=converter, **described(variant)
    )


def judged(variant: str, checked: Mapping[str, Any]) -> str:
    """Why the checked file is wrong, or an empty string."""
    return objection(mode_of(variant), Agreement(**checked["agreement"]))


def variant_row(
    origin: Origin, path: Path | None, meta: Mapping[str, Any], *, float_bytes: int | None, cached: bool
) -> VariantFile:
    """The row of a converted file: `meta` is what the cache keeps of it, `float_bytes` the size of float32."""
    info, found, variant = meta["info"], Agreement(**meta["agreement"]), meta["variant"]
    size = int(info["size_bytes"])
    return VariantFile(
        model=origin.model,
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
        source_error=OutputError(found.max_abs, found.rmse, found.cosine, found.samples) if found.finite else None,
        sparsity=meta["sparsity"],
        clusters=meta["clusters"],
        own_outputs_path=None if path is None else str(path.with_name(OUTPUTS_FILE)),
        **(described(variant) | _data_of_training(origin) | origin.fields()),
    )


def _data_of_training(origin: Origin) -> dict[str, str]:
    """A technique without labelled data imitates the float model on representative samples."""
    return {"data_needed": origin.source.meta["data"]} if origin.technique else {}


def rejected(row: VariantFile, reason: str) -> VariantFile:
    """`row` as FAILED: the file was made, but is wrong, and must not be used."""
    return dataclasses.replace(row, status=Status.FAILED, reason=reason, path=None, own_outputs_path=None)


def file_facts(path: Path) -> dict[str, Any]:
    """Sizes and hash of a file, by the names of `VariantFile`."""
    content = path.read_bytes()
    return {
        "size_bytes": len(content),
        "gzip_bytes": len(gzip.compress(content, 9)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


class StepError(StableError):
    """A step that every variant needs ended with `status`."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Rows:
    """The rows of one model: each wanted variant gets exactly one, from whichever thread comes first.

    Rows of variants that nobody asked for are kept too: they say what became of the file that another is made of.
    """

    def __init__(self, model: str, wanted: Sequence[str], emit: Callable[[VariantFile], None]) -> None:
        self.model, self.wanted = model, tuple(dict.fromkeys(wanted))
        self._emit, self._known, self._lock = emit, dict[str, VariantFile](), threading.Lock()

    def add(self, row: VariantFile) -> None:
        """Hand over `row`, unless its variant was not asked for or has one."""
        with self._lock:
            if row.variant in self._known:
                return
            self._known[row.variant] = row
        if row.variant in self.wanted:
            self._emit(row)

    def known(self, variant: str) -> VariantFile | None:
        """The row of `variant`, also of one that was not asked for; None while it has none."""
        with self._lock:
            return self._known.get(variant)

    def fail(self, variant: str, status: Status, reason: str, converter: str = "") -> None:
        """The row of a variant that could not be made."""
        self.add(failed_row(self.model, variant, status, reason, converter))

    def fail_rest(self, status: Status, reason: str) -> None:
        """Every variant that has no row yet fails."""
        for variant in self.wanted:
            self.fail(variant, status, reason)
