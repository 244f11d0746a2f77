"""Readers of public data sets, of arrays, and of what a user's function gives.

`open_reader` makes a `Reader`: a `SampleSource` that also knows its content's identity. Nothing is downloaded, and
nothing is skipped: a sample that cannot be read is a `DatasetError` that names its file.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.accuracy.base import TaskSpec
from harness.accuracy.preprocessing import AudioPreprocessing, ImagePreprocessing, Preprocessing, TextPreprocessing
from harness.accuracy.readers.arrays import ArraySource, open_npz
from harness.accuracy.readers.base import Reader
from harness.accuracy.readers.coco import open_coco
from harness.accuracy.readers.function import open_function
from harness.accuracy.readers.imagenet import open_imagenet
from harness.accuracy.readers.landmarks import open_ibug, open_wflw
from harness.accuracy.readers.librispeech import open_librispeech
from harness.accuracy.readers.masks import open_ade20k, open_voc
from harness.accuracy.readers.squad import open_squad
from harness.errors import DatasetError

__all__ = ["READERS", "ArraySource", "Reader", "ReaderKind", "open_reader"]


@dataclass(frozen=True)
class ReaderKind:
    """What a reader needs.

    Attributes:
        open: path, options, pre-processing and task to a `Reader`.
        tasks: the tasks its truths are for, besides ``custom``; () for any.
        preprocessing: the kind that it needs; None where it can do without.
        options: what it understands, with a help text each; None for any.
    """

    open: Callable[[Path, Mapping[str, str], Any, TaskSpec], Reader]
    tasks: tuple[str, ...]
    preprocessing: type[ImagePreprocessing] | type[AudioPreprocessing] | type[TextPreprocessing] | None
    options: Mapping[str, str] | None = field(default_factory=dict)


_MASK_OPTIONS = {"mask_size": "height,width of the masks, where they differ from the input's (33,33)"}
READERS: Mapping[str, ReaderKind] = {
    "imagenet": ReaderKind(
        open_imagenet,
        ("classification",),
        ImagePreprocessing,
        {
            "classes": "a file whose line n begins with the folder name of class n",
            "labels": "images lie in one folder: a file with `name index` or, in the names' order, `index` a line",
            "label_offset": "is added to every index (1 for models with a background class)",
        },
    ),
    "wflw": ReaderKind(
        open_wflw,
        ("landmarks",),
        ImagePreprocessing,
        {
            "list": "the list of faces (the test list of the published layout)",
            "images": "the folder of the images (WFLW_images)",
            "box_scale": "the square that is cut out is this many times the longer side of the face's box (1.25)",
        },
    ),
    "ibug": ReaderKind(
        open_ibug,
        ("landmarks",),
        ImagePreprocessing,
        {"box_scale": "the square that is cut out is this many times the longer side of the points' box (1.25)"},
    ),
    "librispeech": ReaderKind(
        open_librispeech,
        ("speech",),
        AudioPreprocessing,
        {
            "case": "of the text: keep, lower, upper, or auto (as the task's alphabet is)",
            "longer": "utterances longer than the model's input: refuse, leave_out (they are counted), or cut",
            "output_stride": "input frames an output frame; the truth then says how many output frames count",
        },
    ),
    "coco": ReaderKind(
        open_coco,
        ("detection",),
        ImagePreprocessing,
        {
            "annotations": "the instances file (annotations/instances_val2017.json)",
            "images": "the folder of the images (val2017)",
        },
    ),
    "squad": ReaderKind(
        open_squad,
        ("question_answering",),
        TextPreprocessing,
        {
            "vocabulary": "the WordPiece vocabulary (vocab.txt beside the data)",
            "inputs": "what each input of the model is, in the order of their sorted names (ids,mask,segments)",
        },
    ),
    "ade20k": ReaderKind(
        open_ade20k,
        ("segmentation",),
        ImagePreprocessing,
        {
            "split": "the folder under images/ and annotations/ (validation)",
            "reduce_zero": "true: class 0 (other) is ignored, and the others count from 0",
            **_MASK_OPTIONS,
        },
    ),
    "voc": ReaderKind(
        open_voc,
        ("segmentation",),
        ImagePreprocessing,
        {"list": "the list of names (ImageSets/Segmentation/val.txt)", **_MASK_OPTIONS},
    ),
    "npz": ReaderKind(open_npz, (), None),
    "function": ReaderKind(open_function, (), None, None),
}


def open_reader(
    name: str,
    path: Path | str,
    options: Mapping[str, str],
    *,
    preprocessing: Preprocessing | None,
    task: TaskSpec,
) -> Reader:
    """Open the data set at `path` by the reader `name`.

    Annotations are read here, media one by one by `Reader.sample`.

    Args:
        name: a key of `READERS`.
        path: a folder or file; ``path.py:name`` for ``function``.
        options: of the reader; paths among them are relative to `path`.
        preprocessing: how raw data becomes inputs.
        task: what the truths are for.

    Raises:
        DatasetError: the reader is unknown or does not fit the task, an option is unknown or wrong, or the files are
            not laid out as expected: says what was expected and what was found.
    """
    kind = READERS.get(name)
    if kind is None:
        raise DatasetError(f"there is no reader {name!r}", remedy=_nearest(name, READERS, "Readers"))
    if kind.tasks and task.name not in (*kind.tasks, "custom"):
        raise DatasetError(
            f"the reader {name!r} gives truths for {' and '.join(kind.tasks)}, not for {task.name}", where=str(path)
        )
    if kind.preprocessing is not None and not isinstance(preprocessing, kind.preprocessing):
        found = "none" if preprocessing is None else type(preprocessing).__name__
        raise DatasetError(
            f"the reader {name!r} needs the model's {kind.preprocessing.__name__}; there is {found}",
            where=str(path),
            remedy="State it in the recipe (Recipe.preprocessing).",
        )
    for key in options if kind.options is not None else ():
        if key not in (kind.options or {}):
            remedy = _nearest(key, kind.options or {}, "Its options")
            raise DatasetError(f"the reader {name!r} has no option {key!r}", where=str(path), remedy=remedy)
    return kind.open(Path(path).expanduser(), options, preprocessing, task)


def _nearest(word: str, known: Mapping[str, Any], what: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + f"{what}: {', '.join(known) or 'none'}."
