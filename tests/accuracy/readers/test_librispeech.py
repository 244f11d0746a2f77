"""LibriSpeech: audio and text of the same utterance, and none lost unsaid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.accuracy import AudioPreprocessing, TaskSpec
from harness.accuracy.audio import audio_input, load_audio
from harness.accuracy.readers import Reader, open_reader
from harness.errors import DatasetError

soundfile = pytest.importorskip("soundfile")
STEPS = AudioPreprocessing(16_000, "mfcc", 13, 40, 0.025, 0.010)
TASK = TaskSpec("speech", (("alphabet", "abcdefghijklmnopqrstuvwxyz' "),))


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    generator = np.random.default_rng(1)
    for speaker, chapter, seconds in (("84", "121", [0.2, 0.3]), ("1", "9", [0.25])):
        folder = tmp_path / speaker / chapter
        folder.mkdir(parents=True)
        lines = []
        for number, length in enumerate(seconds):
            name = f"{speaker}-{chapter}-{number:04d}"
            soundfile.write(folder / f"{name}.flac", generator.normal(0, 0.1, int(16_000 * length)), 16_000)
            lines.append(f"{name} IT'S NUMBER {speaker}")
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def opened(path: Path, steps: AudioPreprocessing = STEPS, task: TaskSpec = TASK, **options: str) -> Reader:
    return open_reader("librispeech", path, options, preprocessing=steps, task=task)


def test_utterances_have_their_text(speech: Path) -> None:
    reader = opened(speech)
    samples = {sample.sample_id: sample for sample in map(reader.sample, range(len(reader)))}
    assert set(samples) == {"84-121-0000", "84-121-0001", "1-9-0000"}
    sample = samples["84-121-0001"]
    assert sample.truth == {"text": "it's number 84"}
    expected, used = audio_input(load_audio(speech / "84" / "121" / "84-121-0001.flac", 16_000), STEPS)
    np.testing.assert_array_equal(sample.inputs[0], expected)
    framed = opened(speech, output_stride="2")
    last = next(s for s in map(framed.sample, range(3)) if s.sample_id == "84-121-0001")
    assert (used, last.truth["frames"]) == (28, 14)


def test_the_case_follows_the_alphabet_or_the_option(speech: Path) -> None:
    upper = TaskSpec("speech", (("alphabet", "ABC' "),))
    assert opened(speech, task=upper).sample(0).truth["text"].startswith("IT'S NUMBER")
    assert opened(speech, task=TaskSpec("speech")).sample(0).truth["text"].startswith("IT'S NUMBER")
    assert opened(speech, case="keep").sample(0).truth["text"].startswith("IT'S NUMBER")
    with pytest.raises(DatasetError, match="not one of auto, keep"):
        opened(speech, case="title")


def test_longer_utterances_are_refused_left_out_or_cut(speech: Path) -> None:
    """24 frames are 0.255 s: one of three is longer."""
    short = AudioPreprocessing(16_000, "mfcc", 13, 24, 0.025, 0.010)
    with pytest.raises(DatasetError, match=r"1 of 3 utterances are longer .* 0\.3 s") as caught:
        opened(speech, short)
    assert "84-121-0001" in caught.value.where
    left = opened(speech, short, longer="leave_out")
    assert len(left) == 2
    assert left.notes == ("1 of 3 utterances are longer than the model's input of 0.3 s and were left out",)
    cut = opened(speech, short, longer="cut")
    assert (len(cut), cut.notes[0].endswith("and were cut")) == (3, True)
    tiny = AudioPreprocessing(16_000, "mfcc", 13, 2, 0.025, 0.010)
    with pytest.raises(DatasetError, match="none is left"):
        opened(speech, tiny, longer="leave_out")


def test_what_is_missing_is_named(speech: Path, tmp_path: Path) -> None:
    transcript = speech / "1" / "9" / "1-9.trans.txt"
    transcript.write_text("1-9-0000 YES\n1-9-0007 NO\n")
    with pytest.raises(DatasetError, match=r"1-9-0007\.flac") as caught:
        opened(speech)
    assert caught.value.where == f"{transcript}:2"
    transcript.write_text("1-9-0000\n")
    with pytest.raises(DatasetError, match="has no text"):
        opened(speech)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"expected <speaker>.*found nothing"):
        opened(tmp_path / "empty")
