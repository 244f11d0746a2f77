"""ImageNet-style classification: a folder per class, or one folder and a list of labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.accuracy.base import Sample, TaskSpec
from harness.accuracy.images import affine_of, check_image_preprocessing, image_input, load_image
from harness.accuracy.preprocessing import ImagePreprocessing
from harness.accuracy.readers.base import (
    Content,
    ItemSource,
    Reader,
    existing,
    images_in,
    inside,
    integer,
    layout_error,
    named,
    read_lines,
)
from harness.errors import DatasetError

_EXPECTED = "a folder for each class with its images, or images and the option `labels`"


def open_imagenet(path: Path, options: Mapping[str, str], preprocessing: ImagePreprocessing, task: TaskSpec) -> Reader:
    """Open the folder `path`.

    Without the option `labels`, each sub-folder is a class: its index is its place among the sorted names, or the line
    that begins with its name in the file of the option `classes` (``LOC_synset_mapping.txt``). With it, the images lie
    in `path` itself, and the file has ``name index`` a line, or one ``index`` for each image in the order of the names.
    The indices are those of the model: ImageNet's own ``ILSVRC2012_validation_ground_truth.txt`` counts classes in
    another order than the sorted folder names and is not one.
    """
    check_image_preprocessing(preprocessing)
    existing(path, _EXPECTED)
    offset = integer(options, "label_offset", 0)
    lists = [named(path, options, key, "", "a text file") for key in ("classes", "labels") if key in options]
    labelled = _listed(path, lists[-1]) if "labels" in options else _by_folder(path, lists[0] if lists else None)
    if not labelled:
        raise layout_error(path, _EXPECTED)
    if min(label for _, label in labelled) + offset < 0:
        raise DatasetError(f"with label_offset={offset} a label is negative", where=str(path))

    def read(item: tuple[Path, int]) -> Sample:
        file, label = item
        pixels, _ = image_input(load_image(file, preprocessing.order), preprocessing, where=str(file))
        return Sample(file.relative_to(path).as_posix(), (pixels,), {"label": label + offset})

    content = Content("imagenet", options, path, tuple(lists), tuple(file for file, _ in labelled))
    return ItemSource(labelled, read, content, affine_of(preprocessing))


def _by_folder(path: Path, classes: Path | None) -> list[tuple[Path, int]]:
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    names = (
        [folder.name for folder in folders] if classes is None else [line.split()[0] for line in read_lines(classes)]
    )
    labels = {name: index for index, name in enumerate(names)}
    if len(labels) != len(names):
        raise DatasetError("a class is listed twice", where=str(classes))
    unknown = [folder.name for folder in folders if folder.name not in labels]
    if unknown:
        raise layout_error(path, f"only folders that {classes} lists", unknown)
    return [(file, labels[folder.name]) for folder in folders for file in images_in(folder)]


def _listed(path: Path, labels: Path) -> list[tuple[Path, int]]:
    lines = [line.rsplit(maxsplit=1) for line in read_lines(labels)]
    files = images_in(path)
    try:
        indices = [int(fields[-1]) for fields in lines]
    except ValueError as error:
        raise DatasetError(f"a line has no index at its end: {error}", where=str(labels)) from error
    if all(len(fields) == 1 for fields in lines):
        if len(indices) != len(files):
            raise DatasetError(
                f"the list has {len(indices)} labels and the folder {path} {len(files)} images", where=str(labels)
            )
        return list(zip(files, indices, strict=True))
    if any(len(fields) == 1 for fields in lines):
        raise DatasetError("some lines have a name before the index, and some have none", where=str(labels))
    by_name = {fields[0]: index for fields, index in zip(lines, indices, strict=True)}
    if len(by_name) != len(lines):
        raise DatasetError("a name is listed twice", where=str(labels))
    return _by_name(path, labels, by_name, files)


def _by_name(path: Path, labels: Path, indices: Mapping[str, int], files: list[Path]) -> list[tuple[Path, int]]:
    """By name; every image has a label and every label an image."""
    listed = {inside(path, name, labels): index for name, index in indices.items()}
    unlabelled = [file.name for file in files if file not in listed]
    if unlabelled:
        raise layout_error(labels, f"a line for each image in {path}; without a label", unlabelled)
    lost = [file.name for file in listed if not file.is_file()]
    if lost:
        raise layout_error(path, f"each image that {labels} lists; without a file", lost)
    return sorted(listed.items())
