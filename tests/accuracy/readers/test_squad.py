"""SQuAD: windows of one question, whose offsets cut the answer out of the context."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy import TaskSpec, TextPreprocessing
from harness.accuracy.dataset import Dataset, write_dataset
from harness.accuracy.readers import Reader, open_reader
from harness.errors import DatasetError

TASK = TaskSpec("question_answering")
STEPS = TextPreprocessing(tokens=16, max_query_tokens=4, stride=4)
CONTEXT = "The Norman people gave their name to Normandy, a region in France. The name is old."
TEXT = "[PAD] [UNK] [CLS] [SEP] the norman people gave their name to ##dy , a region in france . is old where ? who"
WORDS = TEXT.split(" ")


def data(**changes: Any) -> dict[str, Any]:
    where = {"id": "q1", "question": "Where?", "answers": [{"text": "France", "answer_start": 59}]}
    nobody = {"id": "q2", "question": "Who?", "answers": [], "is_impossible": True}
    paragraphs = [{"context": CONTEXT, "qas": [{**where, **changes}, nobody]}]
    return {"version": "v2.0", "data": [{"title": "Normans", "paragraphs": paragraphs}]}


def laid_out(path: Path, content: Any) -> Path:
    (path / "dev-v2.0.json").write_text(json.dumps(content))
    (path / "vocab.txt").write_text("\n".join(WORDS))
    return path


def opened(path: Path, **options: str) -> Reader:
    return open_reader("squad", path, options, preprocessing=STEPS, task=TASK)


def test_windows_and_offsets(tmp_path: Path) -> None:
    reader = opened(laid_out(tmp_path, data()))
    samples = [reader.sample(index) for index in range(len(reader))]
    # 20 tokens of the context, 11 fit beside the question's two: windows at 0, 4, 8, 12
    assert [sample.sample_id for sample in samples] == [f"q{n}#{at}" for n in (1, 2) for at in (0, 4, 8, 12)]
    assert list(reader.groups or ()) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [array.shape for array in samples[0].inputs] == [(16,)] * 3
    ids, mask, segments = samples[2].inputs
    words = [WORDS[n] for n in ids]
    at = words.index("france")
    start, end = samples[2].truth["offsets"][at]
    assert CONTEXT[start:end] == "France"
    assert segments[at] == mask[at] == 1
    assert samples[0].truth["answers"] == ["France"]
    assert not samples[0].truth["impossible"]
    assert samples[4].truth["impossible"]
    assert samples[4].truth["answers"] == []
    assert {sample.truth["question_id"] for sample in samples} == {"q1", "q2"}


def test_inputs_come_in_the_order_of_the_models_names(tmp_path: Path) -> None:
    laid_out(tmp_path, data())
    plain, other = opened(tmp_path).sample(0), opened(tmp_path, inputs="mask,ids,segments").sample(0)
    for index, place in enumerate((1, 0, 2)):
        np.testing.assert_array_equal(other.inputs[index], plain.inputs[place])
    for wrong in ("mask", "ids,ids", "ids,token"):
        with pytest.raises(DatasetError, match="option inputs"):
            opened(tmp_path, inputs=wrong)


def test_written_questions_stay_whole(tmp_path: Path) -> None:
    laid_out(tmp_path, data())
    info = write_dataset(opened(tmp_path), TASK, tmp_path / "out", samples=6, say=lambda done, total: None)
    assert info.sample_count == 4
    chunk = Dataset.open(tmp_path / "out").chunk(0)
    assert chunk.inputs.shape == (4, 48)
    assert len({truth["question_id"] for truth in chunk.truths}) == 1
    assert chunk.truths[0]["offsets"][0] is None
    assert chunk.inputs[0, :16].tolist() == opened(tmp_path).sample(int(chunk.ids[0][1]) * 4 - 4).inputs[0].tolist()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (data(answers=[]), "question q1 has no answer"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "'context' is missing"),
        ([], "not SQuAD's"),
        ({"data": []}, "no questions"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, content: Any, says: str) -> None:
    with pytest.raises(DatasetError) as caught:
        opened(laid_out(tmp_path, content))
    assert says in caught.value.what
    assert caught.value.where == str(tmp_path / "dev-v2.0.json")


def test_layout(tmp_path: Path) -> None:
    laid_out(tmp_path, data())
    assert len(opened(tmp_path / "dev-v2.0.json")) == 8
    (tmp_path / "vocab.txt").rename(tmp_path / "words.txt")
    with pytest.raises(DatasetError, match="WordPiece vocabulary"):
        opened(tmp_path)
    assert len(opened(tmp_path, vocabulary="words.txt")) == 8
    (tmp_path / "dev-v1.1.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"one file dev\*\.json"):
        opened(tmp_path)
