"""The conversions of a model that a technique trained again: its source is made of the plain one, by a worker."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.content import content_id
from harness.errors import RecipeError
from harness.prepare import converters
from harness.prepare.cache import Entry
from harness.prepare.converters import QUANTIZER, TENSORFLOW
from harness.prepare.group import Group
from harness.prepare.interface import FILE
from harness.prepare.preparation import SOURCE_STEP, Preparation
from harness.prepare.rows import Origin
from harness.prepare.source import CODE_VERSION, KEEP_FLOAT, Source
from harness.prepare.steps import Step

if TYPE_CHECKING:
    from harness.prepare.model_job import Context

TOOLS = ("tf-keras", "tensorflow-model-optimization")
WEIGHTS_FILE = "weights.npz"


class Retraining(Preparation):
    """One technique of one model; `plain` is the preparation of the model as it is, which has its source."""

    legacy_keras = True

    def __init__(self, context: Context, source: Source, group: Group, plain: Preparation) -> None:
        self._plain = plain.require_entry()
        key = retraining_key(source, group.technique, plain.key, self._plain, context.tools)
        super().__init__(context, source, key, plain.rows, group, plain.data)
        self.float_bytes = plain.float_bytes

    def run(self) -> None:
        """Emit a row for every variant of the technique.

        Raises:
            MissingDependencyError: tensorflow-model-optimization or tf-keras is not installed.
            StepError: the training failed.
        """
        for tool in TOOLS:
            converters.require(tool, self._context.tools, "optimization")
        super().run()

    def _converter(self, mode: str, given: str | None) -> str:
        if not self._group.trained_for_integers:
            return super()._converter(mode, given)
        asked = self._source.converter_options.get(f"{converters.OPTION}.{mode}")
        if asked == QUANTIZER or self._source.keep_float:
            what = KEEP_FLOAT if self._source.keep_float else QUANTIZER
            raise RecipeError(f"{what} cannot be used after {self._group.technique}: its ranges are trained")
        return TENSORFLOW

    def _source_text(self) -> str:
        return f"training it again ({self._group.technique})"

    def _source_step(self, stage: Path) -> Step:
        folder = stage / SOURCE_STEP
        folder.mkdir()
        shutil.copyfile(self._plain.path / FILE, folder / FILE)
        arguments = {
            "path": str(self._source.path),
            "options": dict(self._source.options),
            "technique": self._group.technique,
            "settings": dict(self._source.technique_options),
            "source": str(self._plain.path),
            "folder": str(folder),
        }
        return Step(SOURCE_STEP, "technique", arguments)

    def _take_float_bytes(self, size: int) -> None:
        """What is saved counts from the plain float32 file; without one nothing is claimed."""

    def _origin(self) -> Origin:
        return Origin(self.rows.model, self._plain, self.require_entry(), self._group.technique, self.data)


def retraining_key(source: Source, technique: str, plain_key: str, plain: Entry, tools: converters.Toolbox) -> str:
    """The cache key of what `technique` makes: contents and versions."""
    arrays = [plain.sha256.get(name, "") for name in ("check.npz", "calibration.npy", WEIGHTS_FILE)]
    versions = [tools.versions.get(name, "") for name in TOOLS]
    settings = sorted(source.technique_options.items())
    return content_id([CODE_VERSION, plain_key, arrays, technique, settings, versions], length=40)
