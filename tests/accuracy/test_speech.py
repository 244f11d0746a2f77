"""The speech task: rates against jiwer, normalisation, records, and what it refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.base import Task, TaskSpec
from harness.accuracy.speech import ALPHABET, Speech
from harness.errors import TaskError

WORDS = ["see", "too", "a", "letter", "won't", "speech"]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


def task(**options: str) -> Task:
    return Speech.from_spec(TaskSpec("speech", tuple(options.items())))


def logits_of(texts: list[str], alphabet: str = ALPHABET, blank: int | None = None) -> tuple[np.ndarray, ...]:
    """Outputs that say exactly `texts`: each symbol twice, a blank after it, blanks to the end."""
    blank = len(alphabet) if blank is None else blank
    logits = np.zeros((len(texts), 3 * max(1, *map(len, texts)) + 2, len(alphabet) + 1), np.float32)
    for row, text in enumerate(texts):
        path = np.full(logits.shape[1], blank)
        for place, character in enumerate(text):
            index = alphabet.index(character)
            path[3 * place : 3 * place + 2] = index + (index >= blank)
        logits[row, np.arange(len(path)), path] = 12.0
    return (logits,)


def truths_of(texts: list[str]) -> list[dict]:
    return [{"text": text} for text in texts]


@settings(max_examples=20, deadline=None)
@given(st.lists(SENTENCES, min_size=1, max_size=4), st.sampled_from(["greedy", "beam"]), st.sampled_from([None, 0, 5]))
def test_perfect_outputs_have_no_errors(texts: list[str], decoder: str, blank: int | None) -> None:
    recogniser = task(decoder=decoder, beam_width="4", **({} if blank is None else {"blank": str(blank)}))
    records = recogniser.score(logits_of(texts, blank=blank), truths_of(texts))
    assert [record["text"] for record in records] == texts
    figures = recogniser.summarise(json.loads(json.dumps(records)))
    assert figures == {"wer": 0.0, "cer": 0.0, "sentence_error_rate": 0.0, "nan_samples": 0.0}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SENTENCES, st.text("eost a", max_size=20)), min_size=1, max_size=6))
def test_the_rates_are_those_of_jiwer(pairs: list[tuple[str, str]]) -> None:
    jiwer = pytest.importorskip("jiwer")
    references, hypotheses = map(list, zip(*pairs, strict=True))
    figures = task().summarise(task().score(logits_of(hypotheses), truths_of(references)))
    heard = [" ".join(text.split()) for text in hypotheses]
    assert figures["wer"] == pytest.approx(jiwer.wer(references, heard))
    assert figures["cer"] == pytest.approx(jiwer.cer(references, heard))
    assert figures["sentence_error_rate"] == sum(a != b for a, b in zip(references, heard, strict=True)) / len(pairs)


def test_rates_weigh_utterances_by_length_and_may_pass_one() -> None:
    """Two edits of one word and none of three: 2 of 4, not the mean of 2 and 0."""
    records = task().score(logits_of(["a see too", "a see too"]), truths_of(["a", "a see too"]))
    assert [(record["word_edits"], record["words"]) for record in records] == [(2, 1), (0, 3)]
    assert task().summarise(records)["wer"] == 0.5
    assert task().summarise(records[:1])["wer"] == 2.0
    assert task().values(records) is None


def test_case_and_spaces_are_normalised_and_nothing_else() -> None:
    texts = ["  see  too ", "won't"]
    records = task().score(logits_of(texts), truths_of(["SEE\ttoo", "wont"]))
    assert [record["word_edits"] for record in records] == [0, 1]
    assert [record["char_edits"] for record in records] == [0, 1]
    assert [record["chars"] for record in records] == [7, 4]


def test_an_upper_case_alphabet_is_heard_in_lower_case() -> None:
    recogniser = task(alphabet="ABC ")
    records = recogniser.score(logits_of(["CAB A"], "ABC "), truths_of(["Cab a"]))
    assert records[0]["text"] == "cab a"


def test_the_beam_decoder_is_used_when_asked_for() -> None:
    logits = np.log(np.array([[[0.4, 0.6], [0.4, 0.6]]], np.float32))
    truths = truths_of(["a"])
    assert task(alphabet="a").score((logits,), truths)[0]["text"] == ""
    assert task(alphabet="a", decoder="beam").score((logits,), truths)[0]["text"] == "a"


def test_only_the_frames_that_count_are_heard() -> None:
    outputs = logits_of(["see"])
    assert task().score(outputs, [{"text": "see", "frames": 6}])[0]["text"] == "se"
    assert task().score(outputs, [{"text": "see", "frames": np.int64(9)}])[0]["text"] == "see"
    for frames in (0, 99, "6"):
        with pytest.raises(TaskError, match=r"sample 0.*frames"):
            task().score(outputs, [{"text": "see", "frames": frames}])


@pytest.mark.parametrize("decoder", ["greedy", "beam"])
def test_a_nan_is_no_text_and_is_counted(decoder: str) -> None:
    outputs = logits_of(["see"] * 4)
    outputs[0][0, 3, 3] = math.nan
    outputs[0][1, 3, 3] = math.inf
    outputs[0][2, 3, :] = -math.inf
    outputs[0][3, 3, 3] = -math.inf
    recogniser = task(decoder=decoder)
    records = recogniser.score(outputs, truths_of(["see"] * 4))
    assert [record["text"] for record in records] == ["", "", "", "see"]
    figures = recogniser.summarise(records)
    assert (figures["nan_samples"], figures["wer"]) == (3, 0.75)


def test_chunks_are_summarised_together() -> None:
    texts = ["see too", "a letter", "speech"]
    outputs = (logits_of(texts)[0] + np.random.default_rng(0).normal(0, 5, logits_of(texts)[0].shape),)
    whole = task().score(outputs, truths_of(texts))
    parts = task().score((outputs[0][:1],), truths_of(texts[:1])) + task().score(
        (outputs[0][1:],), truths_of(texts[1:])
    )
    assert parts == whole
    assert task().summarise(whole)["cer"] > 0


def test_the_leading_figure_can_be_chosen() -> None:
    assert (task().metric, task(leading="cer").metric) == ("wer", "cer")
    assert not task().higher_is_better


@pytest.mark.parametrize("truth", [{"text": ""}, {"text": " \t"}, {}, {"text": None}])
def test_a_reference_without_words_is_named(truth: dict) -> None:
    with pytest.raises(TaskError, match="reference") as caught:
        task().score(logits_of(["a", "b"]), [{"text": "a"}, truth])
    assert "sample 1" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"alphabet": "abca"}, ("alphabet", "once")),
        ({"blank": "29"}, ("blank", "from 0 to 28")),
        ({"blank": "last"}, ("blank", "whole number")),
        ({"decoder": "viterbi"}, ("decoder", "greedy, beam")),
        ({"beam_width": "0"}, ("beam_width", "from 1")),
        ({"leading": "ser"}, ("leading", "wer, cer")),
        ({"beam": "3"}, ("beam", "beam_width")),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: dict[str, str], named: tuple[str, str]) -> None:
    with pytest.raises(TaskError) as caught:
        task(**options)
    assert all(part in str(caught.value) for part in named)


@pytest.mark.parametrize("shapes", [[(1, 5, 28)], [(1, 29)], [(1, 0, 29)], [(1, 5, 29), (1, 5, 29)], [(2, 5, 29)], []])
def test_outputs_that_do_not_fit_are_named(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(TaskError, match="outputs of shape"):
        task().score(tuple(np.zeros(shape, np.float32) for shape in shapes), truths_of(["a"]))


def test_nothing_to_summarise() -> None:
    with pytest.raises(TaskError, match="no samples"):
        task().summarise([])
