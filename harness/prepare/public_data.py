"""In the worker: a public data set, read and pre-processed for a model, as a data set on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import Preprocessing, TaskSpec
from harness.accuracy.base import Sample
from harness.errors import DatasetError, RecipeError
from harness.prepare import progress
from harness.prepare.data_choice import DataChoice, described_preprocessing
from harness.prepare.interface import Interface
from harness.prepare.recipe import load_recipe
from harness.prepare.test_split import require_labels

if TYPE_CHECKING:
    from harness.accuracy.readers import Reader


def data_facts(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The identity of the data set that ``arguments["data"]`` names, with the task and the pre-processing it is for."""
    choice, task, preprocessing = _wanted(arguments)
    reader = _open(choice, task, preprocessing)
    return {
        "fingerprint": reader.fingerprint(),
        "task": task.name,
        "task_options": [list(pair) for pair in task.options],
        "preprocessing": [list(pair) for pair in described_preprocessing(preprocessing)],
        "samples": choice.samples,
        "shapes": [list(spec.shape) for spec in Interface.read(Path(arguments["source"])).inputs],
    }


def build_dataset(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write the data set into ``arguments["folder"]``/dataset; ``arguments["source"]`` is the model's source folder.

    Raises:
        DatasetError: a sample is unreadable, does not fit the model's inputs, or has a label that is no class of it.
        RecipeError: the task or the pre-processing is not known.
    """
    from harness.accuracy.dataset import write_dataset

    choice, task, preprocessing = _wanted(arguments)
    source = Path(arguments["source"])
    with np.load(source / "check.npz", allow_pickle=False) as arrays:
        values = arrays["outputs"][0].size
    classes = values if task.name == "classification" else None
    checked = FittingSource(_open(choice, task, preprocessing), Interface.read(source), classes)

    def say(done: int, total: int) -> None:
        progress.report(f"reading the data set, {done:,} of {total:,} samples")

    written = write_dataset(checked, task, Path(arguments["folder"]) / "dataset", samples=choice.samples, say=say)
    return {"samples": written.sample_count, "notes": list(written.notes)}


@dataclass(frozen=True)
class FittingSource:
    """The samples of `reader`, each of which must fit the model; `classes` of a classification, else None."""

    reader: Reader
    interface: Interface
    classes: int | None

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.reader)

    def sample(self, index: int) -> Sample:
        """The sample at `index`.

        Raises:
            DatasetError: its inputs have other shapes than the model's, or its label is no class of the model.
        """
        sample = self.reader.sample(index)
        found = [tuple(np.shape(array)) for array in sample.inputs]
        wanted = [spec.shape for spec in self.interface.inputs]
        if found != wanted:
            raise DatasetError(
                f"the sample is {_listed(found)}, but the model takes {_listed(wanted)}",
                where=sample.sample_id,
                remedy="Give preprocess.* options that make what the model takes.",
            )
        if self.classes is not None and "label" in sample.truth:
            require_labels([int(sample.truth["label"])], self.classes, sample.sample_id)
        return sample

    @property
    def affine(self) -> Any:
        """How uint8 inputs become what the model wants."""
        return self.reader.affine

    @property
    def groups(self) -> Sequence[int] | None:
        """A number a sample: samples of equal numbers belong together."""
        return self.reader.groups

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said with every score."""
        return self.reader.notes

    def fingerprint(self) -> str:
        """The identity of the content."""
        return self.reader.fingerprint()


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(str(shape) for shape in shapes)


def _wanted(arguments: Mapping[str, Any]) -> tuple[DataChoice, TaskSpec, Preprocessing | None]:
    """What the options ask for, over what the recipe says."""
    choice = DataChoice.from_texts(arguments["data"])
    recipe = load_recipe(Path(arguments["path"])) if arguments["kind"] == "recipe" else None
    task = choice.task_over(recipe.task_spec if recipe is not None else None)
    if task is None:
        raise RecipeError("a data set is given, but no task", remedy="Give the option task, such as classification.")
    inputs = Interface.read(Path(arguments["source"])).inputs
    shape = inputs[0].shape if len(inputs) == 1 else None
    return choice, task, choice.preprocessing_over(recipe.preprocessing if recipe is not None else None, shape)


def _open(choice: DataChoice, task: TaskSpec, preprocessing: Preprocessing | None) -> Reader:
    from harness.accuracy.readers import open_reader

    return open_reader(choice.reader, choice.path, choice.reader_options, preprocessing=preprocessing, task=task)
