"""Data sets on disk: what is written is read again, in a fair order, and a change is found."""

from __future__ import annotations

import itertools
import json
import math
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy import Sample, TaskSpec
from harness.accuracy.dataset import Dataset, DatasetInfo, write_dataset
from harness.accuracy.dataset_files import MANIFEST, Affine, arrays_name, inputs_name, truths_name
from harness.errors import DatasetError

CLASSIFICATION = TaskSpec("classification")
CUSTOM = TaskSpec("custom")


@dataclass
class Made:
    """A source whose samples are made by a function of the index."""

    count: int
    make: Callable[[int], Sample]
    affine: Affine | None = None
    groups: list[int] | None = None
    notes: tuple[str, ...] = ()
    prints: list[str] = field(default_factory=lambda: ["same"])

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        return self.make(index)

    def fingerprint(self) -> str:
        return self.prints.pop(0) if len(self.prints) > 1 else self.prints[0]


def labelled(index: int) -> Sample:
    return Sample(f"s{index}", (np.full((2, 3), index, np.float32),), {"label": index})


def write(source: Any, folder: Path, task: TaskSpec = CLASSIFICATION, **settings: Any) -> DatasetInfo:
    settings = {"samples": None, "say": lambda done, total: None, **settings}
    return write_dataset(source, task, folder, **settings)


def everything(dataset: Dataset, limit: int | None = None) -> tuple[Any, list[Any], list[str]]:
    chunks = [dataset.chunk(index, limit) for index in range(len(dataset.plan_chunks(limit)))]
    inputs = np.concatenate([chunk.inputs for chunk in chunks])
    return inputs, [t for chunk in chunks for t in chunk.truths], [i for chunk in chunks for i in chunk.ids]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    task = TaskSpec("classification", (("labels", "a,b"),))
    said: list[tuple[int, int]] = []
    info = write(Made(10, labelled), tmp_path, task, chunk_bytes=3 * 24, say=lambda *at: said.append(at))
    dataset = Dataset.open(tmp_path)
    assert (info.sample_count, info.chunk_count, info.dataset_id) == (10, 4, dataset.dataset_id)
    assert (dataset.sample_count, dataset.chunk_count, dataset.input_shapes) == (10, 4, ((2, 3),))
    assert dataset.task == task
    inputs, truths, ids = everything(dataset)
    assert inputs.dtype == np.float32
    assert sorted(ids) == sorted(f"s{n}" for n in range(10))
    for value, truth, name in zip(inputs, truths, ids, strict=True):
        assert name == f"s{truth['label']}"
        np.testing.assert_array_equal(value, np.full((2, 3), truth["label"]))
    assert [dataset.chunk(n).first for n in range(4)] == [0, 3, 6, 9]
    assert said == [(n, 10) for n in range(1, 11)]
    assert info.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_prefix_is_a_fair_sample_and_the_same_whatever_its_length(tmp_path: Path) -> None:
    """Of a source that is sorted by class, as folders of classes are."""
    source = Made(1000, lambda n: Sample(f"s{n}", (np.zeros(1, np.float32),), {"label": n // 100}))
    ids = {}
    for samples in (50, 200, None):
        write(source, tmp_path / str(samples), samples=samples)
        _, truths, ids[samples] = everything(Dataset.open(tmp_path / str(samples)))
    assert ids[50] == ids[200][:50] == ids[None][:50]
    assert len(ids[200]) == 200
    assert len(set(ids[None])) == 1000
    counts = np.bincount([truth["label"] for truth in truths[:200]], minlength=10)
    assert counts.min() >= 8
    write(source, tmp_path / "other", samples=50, seed=2)
    assert everything(Dataset.open(tmp_path / "other"))[2] != ids[50]


def test_the_id_is_that_of_the_content(tmp_path: Path) -> None:
    first = write(Made(5, labelled), tmp_path / "a")
    again = write(Made(5, labelled), tmp_path / "b")
    assert first.dataset_id == again.dataset_id

    def changed(n: int) -> Sample:
        return labelled(n) if n else Sample("s0", (np.full((2, 3), 0.5, np.float32),), {"label": 0})

    assert write(Made(5, changed), tmp_path / "c").dataset_id != first.dataset_id
    relabelled = Made(5, lambda n: Sample(f"s{n}", labelled(n).inputs, {"label": n + 1}))
    assert write(relabelled, tmp_path / "d").dataset_id != first.dataset_id


def test_a_limit_cuts_the_last_chunk(tmp_path: Path) -> None:
    write(Made(10, labelled), tmp_path, chunk_bytes=4 * 24)
    dataset = Dataset.open(tmp_path)
    assert dataset.plan_chunks(6) == (range(4), range(4, 6))
    assert dataset.plan_chunks() == (range(4), range(4, 8), range(8, 10))
    assert dataset.plan_chunks(99) == dataset.plan_chunks()
    assert dataset.plan_chunks(0) == ()
    whole, _, ids = everything(dataset)
    inputs, truths, cut = everything(dataset, 6)
    assert cut == ids[:6]
    assert len(truths) == 6
    np.testing.assert_array_equal(inputs, whole[:6])
    with pytest.raises(IndexError):
        dataset.chunk(2, 6)


def test_uint8_images_stay_small_and_come_out_as_the_model_wants_them(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (7, 5, 4, 3)).astype(np.uint8)
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    affine = Affine(tuple(1 / s for s in std), tuple(-m / s for m, s in zip(mean, std, strict=True)))
    source = Made(7, lambda n: Sample(str(n), (images[n],), {"label": n}), affine)
    write(source, tmp_path, chunk_bytes=2 * 4 * 60)
    assert np.load(tmp_path / inputs_name(0)).dtype == np.uint8
    dataset = Dataset.open(tmp_path)
    assert dataset.chunk_count == 4
    inputs, _, ids = everything(dataset)
    assert inputs.dtype == np.float32
    expected = (images[[int(n) for n in ids]].astype(np.float64) - mean) / std
    np.testing.assert_allclose(inputs, expected, atol=1e-6)


def test_several_inputs_are_packed_in_order(tmp_path: Path) -> None:
    def make(n: int) -> Sample:
        ids = np.arange(3, dtype=np.int32) + 30_000 * n
        return Sample(str(n), (ids, np.full((2, 2), n + 0.5, np.float32)), {})

    write(Made(4, make), tmp_path, CUSTOM)
    dataset = Dataset.open(tmp_path)
    assert dataset.input_shapes == ((3,), (2, 2))
    inputs, _, ids = everything(dataset)
    assert inputs.shape == (4, 7)
    for row, name in zip(inputs, map(int, ids), strict=True):
        base = 30_000.0 * name
        assert row.tolist() == [base, base + 1, base + 2, *[name + 0.5] * 4]


def test_truths_of_all_kinds_come_back(tmp_path: Path) -> None:
    masks = np.random.default_rng(1).integers(0, 255, (5, 6, 7)).astype(np.uint8)

    def make(n: int) -> Sample:
        truth = {
            "mask": masks[n],
            "points": [[0.1, 1 / 3]],
            "none": None,
            "text": "Zoë\ud800\"'</script>",
            "score": np.float32(0.25),
            "nested": {"array": np.arange(2)},
        }
        return Sample(str(n), (np.zeros(1, np.float32),), truth if n else {"alone": True})

    write(Made(5, make), tmp_path, CUSTOM, chunk_bytes=8)
    _, truths, ids = everything(Dataset.open(tmp_path))
    for truth, name in zip(truths, map(int, ids), strict=True):
        if not name:
            assert truth == {"alone": True}
            continue
        assert truth["mask"].dtype == np.uint8
        np.testing.assert_array_equal(truth["mask"], masks[name])
        assert (truth["points"], truth["none"], truth["score"]) == ([[0.1, 1 / 3]], None, 0.25)
        assert truth["text"] == "Zoë\ud800\"'</script>"
        assert truth["nested"] == {"array": [0, 1]}


def test_groups_stay_whole(tmp_path: Path) -> None:
    """Windows of one question follow each other in order, and neither `samples` nor a limit cuts a question."""
    groups = [0, 0, 0, 1, 2, 2, 3, 3, 3, 4]
    source = Made(10, labelled, groups=groups)
    info = write(source, tmp_path / "all")
    dataset = Dataset.open(tmp_path / "all")
    _, truths, _ = everything(dataset)
    order = [truth["label"] for truth in truths]
    assert sorted(order) == list(range(10))
    runs = [groups[n] for n in order]
    assert [runs.index(g) + runs.count(g) - 1 for g in set(runs)] == [
        len(runs) - 1 - runs[::-1].index(g) for g in set(runs)
    ]
    assert all(a < b for a, b in itertools.pairwise(order) if groups[a] == groups[b])
    ends = {at + 1 for at in range(10) if at == 9 or runs[at] != runs[at + 1]}
    for limit in range(1, 11):
        count = sum(map(len, dataset.plan_chunks(limit)))
        assert count == max((end for end in ends if end <= limit), default=min(ends))
        part = write(source, tmp_path / str(limit), samples=limit)
        assert part.sample_count == count
    assert info.sample_count == 10


@pytest.mark.parametrize("name", [inputs_name(1), truths_name(1), arrays_name(1)])
@pytest.mark.parametrize("damage", ["changed", "shorter", "longer", "gone"])
def test_a_changed_chunk_is_found_and_the_others_are_read(tmp_path: Path, name: str, damage: str) -> None:
    write(Made(4, lambda n: Sample(str(n), (np.ones(8),), {"mask": np.ones(9)})), tmp_path, CUSTOM, chunk_bytes=64)
    dataset = Dataset.open(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes({"changed": flipped, "shorter": data[:-1], "longer": data + b"\0"}[damage])
    dataset.chunk(0)
    with pytest.raises(DatasetError, match=r"not what was written|cannot be read") as caught:
        dataset.chunk(1)
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_a_damaged_manifest_is_found(tmp_path: Path) -> None:
    write(Made(4, labelled), tmp_path)
    path = tmp_path / MANIFEST
    fields = json.loads(path.read_text())
    for changed in (
        {**fields, "format": 9},
        {**fields, "sample_count": 5},
        {**fields, "chunks": []},
        [],
        {"format": 1},
    ):
        path.write_text(json.dumps(changed))
        with pytest.raises(DatasetError, match="manifest"):
            Dataset.open(tmp_path)
    path.write_bytes(b"\xff{")
    with pytest.raises(DatasetError, match="manifest"):
        Dataset.open(tmp_path)
    with pytest.raises(DatasetError, match="no prepared data set"):
        Dataset.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("make", "task", "says"),
    [
        (lambda n: Sample("bad", (np.full(2, math.nan, np.float32),), {}), CUSTOM, "bad: the inputs hold NaN"),
        (lambda n: Sample("bad", (np.full(2, 1e300),), {}), CUSTOM, "bad: the inputs hold NaN or infinite"),
        (lambda n: Sample("bad", (np.array([1 << 25]),), {}), CUSTOM, "bad: an integer input is beyond"),
        (lambda n: Sample("bad", (np.array(["x"]),), {}), CUSTOM, "bad: the inputs are <U1"),
        (lambda n: Sample("bad", (np.zeros((0, 3)),), {}), CUSTOM, "bad: the inputs are empty"),
        (lambda n: Sample(f"s{n}", (np.zeros(3 + n),), {}), CUSTOM, "the inputs have the shape"),
        (lambda n: Sample("twice", (np.zeros(3),), {}), CUSTOM, "twice: two samples have this id"),
        (lambda n: Sample("bad", (np.zeros(3),), {"text": "a"}), CLASSIFICATION, "bad: the sample lacks 'label'"),
        (lambda n: Sample("bad", (np.zeros(3),), {"x": math.nan}), CUSTOM, "bad: the truth cannot be stored"),
        (lambda n: Sample("bad", (np.zeros(3),), {"x": object()}), CUSTOM, "bad: the truth cannot be stored"),
        (
            lambda n: Sample("bad", (np.zeros(3),), {"m": np.array([math.inf])}),
            CUSTOM,
            "bad: 'm' of the truth holds NaN",
        ),
        (lambda n: Sample("bad", (np.zeros(3),), {"m": np.array([object()])}), CUSTOM, "bad: 'm' of the truth is an"),
    ],
)
def test_a_bad_sample_is_named(tmp_path: Path, make: Any, task: TaskSpec, says: str) -> None:
    count = 2 if "s{n}" in says or "shape" in says or "twice" in says else 1
    with pytest.raises(DatasetError) as caught:
        write(Made(count, make), tmp_path, task)
    assert says in str(caught.value)
    assert not (tmp_path / MANIFEST).exists()


def test_an_empty_data_set_and_no_samples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is empty"):
        write(Made(0, labelled), tmp_path)
    with pytest.raises(DatasetError, match="at least 1"):
        write(Made(3, labelled), tmp_path, samples=0)


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    write(Made(3, labelled), tmp_path)
    with pytest.raises(DatasetError, match="changed while"):
        write(Made(3, labelled, prints=["before", "after"]), tmp_path)
    with pytest.raises(DatasetError):
        Dataset.open(tmp_path)


def test_an_affine_needs_uint8_and_its_channels(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="uint8"):
        write(Made(1, labelled, Affine((1.0,), (0.0,))), tmp_path)
    with pytest.raises(DatasetError, match="2 scales"):
        Affine((1.0, 2.0), (0.0, 0.0)).apply(np.zeros((1, 2, 2, 3), np.uint8))


def test_notes_go_with_the_data(tmp_path: Path) -> None:
    info = write(Made(1, labelled, notes=("3 were left out",)), tmp_path)
    assert info.notes == Dataset.open(tmp_path).manifest.notes == ("3 were left out",)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        write(Made(1, labelled), tmp_path / "file" / "folder")


def test_memory_is_bounded_by_a_chunk(tmp_path: Path) -> None:
    """64 MiB of inputs in chunks of 2 MiB."""
    source = Made(256, lambda n: Sample(str(n), (np.full((256, 256), n, np.float32),), {"label": n}))
    tracemalloc.start()
    write(source, tmp_path, chunk_bytes=2 << 20)
    _, wrote = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    dataset = Dataset.open(tmp_path)
    for index in range(dataset.chunk_count):
        dataset.chunk(index)
    _, read = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert wrote < 6 << 20
    assert read < 6 << 20
