"""SQuAD 1.1 and 2.0 (Rajpurkar et al., arXiv:1606.05250, arXiv:1806.03822): questions on paragraphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.accuracy.base import Sample, TaskSpec
from harness.accuracy.preprocessing import TextPreprocessing
from harness.accuracy.readers.base import Content, ItemSource, Reader, existing, layout_error, named, read_json
from harness.accuracy.wordpiece import (
    Token,
    WordPiece,
    build_window,
    check_text_preprocessing,
    load_vocabulary,
    window_starts,
)
from harness.errors import DatasetError

_PARTS = ("ids", "mask", "segments")


@dataclass(frozen=True)
class _Question:
    """A question; `tokens` are those of its paragraph, shared by all questions on it."""

    question_id: str
    ids: tuple[int, ...]
    answers: tuple[str, ...]
    impossible: bool
    context: str
    tokens: Sequence[Token]


def open_squad(path: Path, options: Mapping[str, str], preprocessing: TextPreprocessing, task: TaskSpec) -> Reader:
    """Open the JSON file `path`, or the only ``dev*.json`` in the folder `path`.

    A sample is a window of a question; the windows of a question are one group. The inputs are int32 (tokens,), as the
    option `inputs` orders them.
    """
    check_text_preprocessing(preprocessing)
    file = _data_file(path)
    vocabulary_file = named(file.parent, options, "vocabulary", "vocab.txt", "the WordPiece vocabulary")
    vocabulary = load_vocabulary(vocabulary_file)
    parts = _parts(options)
    questions = list(_questions(read_json(file), file, WordPiece(vocabulary, preprocessing.lower_case)))
    windows = [
        (number, start)
        for number, question in enumerate(questions)
        for start in window_starts(len(question.ids), len(question.tokens), preprocessing)
    ]

    def read(item: tuple[int, int]) -> Sample:
        question, start = questions[item[0]], item[1]
        window = build_window(vocabulary, question.ids, question.tokens, start, preprocessing)
        arrays = {"ids": window.ids, "mask": window.mask, "segments": window.segments}
        truth = {
            "answers": list(question.answers),
            "context": question.context,
            "offsets": window.offsets,
            "question_id": question.question_id,
            "impossible": question.impossible,
        }
        return Sample(f"{question.question_id}#{start}", tuple(arrays[part] for part in parts), truth)

    content = Content("squad", options, file.parent, (file, vocabulary_file))
    return ItemSource(windows, read, content, groups=[number for number, _ in windows])


def _data_file(path: Path) -> Path:
    if not existing(path, "a SQuAD file").is_dir():
        return path
    files = sorted(path.glob("dev*.json"))
    if len(files) != 1:
        raise layout_error(path, "one file dev*.json; or name the file itself")
    return files[0]


def _parts(options: Mapping[str, str]) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in options.get("inputs", ",".join(_PARTS)).split(","))
    if "ids" not in parts or len(set(parts)) != len(parts) or not set(parts) <= set(_PARTS):
        raise DatasetError(f"the option inputs is {','.join(parts)}; it names ids, and each of mask and segments once")
    return parts


def _questions(data: Any, file: Path, tokenizer: WordPiece) -> Iterator[_Question]:
    count = 0
    try:
        for paragraph in (paragraph for article in data["data"] for paragraph in article["paragraphs"]):
            context = str(paragraph["context"])
            tokens = tuple(tokenizer.tokens(context))
            for entry in paragraph["qas"]:
                count += 1
                yield _question(entry, context, tokens, tokenizer)
    except (KeyError, TypeError, ValueError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DatasetError(
            f"the file is not SQuAD's (data, paragraphs, context, qas): {missing}", where=str(file)
        ) from error
    if not count:
        raise DatasetError("the file has no questions", where=str(file))


def _question(entry: Mapping[str, Any], context: str, tokens: Sequence[Token], tokenizer: WordPiece) -> _Question:
    ids = tuple(token.token_id for token in tokenizer.tokens(str(entry["question"])))
    impossible = bool(entry.get("is_impossible", False))
    answers = tuple(str(answer["text"]) for answer in entry["answers"])
    if not answers and not impossible:
        raise ValueError(f"the question {entry['id']} has no answer")
    return _Question(str(entry["id"]), ids, answers, impossible, context, tokens)
