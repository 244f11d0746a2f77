"""LibriSpeech (Panayotov et al., ICASSP 2015): utterances as FLAC, with transcripts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accuracy.audio import audio_input, audio_length_s, check_audio_preprocessing, frame_count, load_audio
from harness.accuracy.base import Sample, TaskSpec
from harness.accuracy.preprocessing import AudioPreprocessing
from harness.accuracy.readers.base import (
    Content,
    ItemSource,
    Reader,
    choice,
    existing,
    integer,
    layout_error,
    read_lines,
)
from harness.errors import DatasetError

_EXPECTED = "<speaker>/<chapter>/<speaker>-<chapter>.trans.txt beside its .flac files"
_SUFFIXES = (".flac", ".wav")
_CASES: Mapping[str, Callable[[str], str]] = {"keep": str, "lower": str.lower, "upper": str.upper}


@dataclass(frozen=True)
class _Utterance:
    sample_id: str
    file: Path
    text: str


def open_librispeech(
    path: Path, options: Mapping[str, str], preprocessing: AudioPreprocessing, task: TaskSpec
) -> Reader:
    """Open every ``.trans.txt`` under `path`; each line is an utterance's id, which names its audio, and its text.

    An utterance that is longer than the model's input is refused, unless the option `longer` says what to do: a
    transcript does not fit half an utterance, and without the long ones a score is not that of the whole data set.
    """
    check_audio_preprocessing(preprocessing)
    transcripts = sorted(existing(path, _EXPECTED).rglob("*.trans.txt"))
    utterances = [utterance for file in transcripts for utterance in _utterances(file)]
    if not utterances:
        raise layout_error(path, _EXPECTED)
    kept, notes = _that_fit(utterances, preprocessing, choice(options, "longer", "refuse", _LONGER))
    stride = integer(options, "output_stride", 0, low=0)
    with_case = _case(options, task)

    def read(utterance: _Utterance) -> Sample:
        audio = load_audio(utterance.file, preprocessing.sample_rate_hz)
        values, used = audio_input(audio, preprocessing)
        truth = {"text": with_case(utterance.text), **({"frames": math.ceil(used / stride)} if stride else {})}
        return Sample(utterance.sample_id, (values,), truth)

    content = Content("librispeech", options, path, tuple(transcripts), tuple(one.file for one in utterances))
    return ItemSource(kept, read, content, notes=notes)


_LONGER = ("refuse", "leave_out", "cut")


def _case(options: Mapping[str, str], task: TaskSpec) -> Callable[[str], str]:
    case = choice(options, "case", "auto", ("auto", *_CASES))
    alphabet = task.option("alphabet")
    if case == "auto":
        case = "lower" if alphabet.islower() else "upper" if alphabet.isupper() else "keep"
    return _CASES[case]


def _utterances(transcript: Path) -> list[_Utterance]:
    result = []
    for at, line in enumerate(read_lines(transcript), 1):
        sample_id, _, text = line.partition(" ")
        where = f"{transcript}:{at}"
        if not text.strip():
            raise DatasetError(f"the utterance {sample_id} has no text", where=where)
        files = [transcript.parent / f"{Path(sample_id).name}{suffix}" for suffix in _SUFFIXES]
        file = next((file for file in files if file.is_file()), None)
        if file is None:
            raise DatasetError(f"there is no audio of the utterance: {files[0]}", where=where)
        result.append(_Utterance(sample_id, file, text.strip()))
    return result


def _that_fit(
    utterances: Sequence[_Utterance], steps: AudioPreprocessing, longer: str
) -> tuple[list[_Utterance], tuple[str, ...]]:
    limit_s = steps.frames * steps.hop_s + (steps.window_s - steps.hop_s)
    lengths = [round(audio_length_s(one.file) * steps.sample_rate_hz) for one in utterances]
    too_long = [one for one, n in zip(utterances, lengths, strict=True) if frame_count(n, steps) > steps.frames]
    if not too_long:
        return list(utterances), ()
    count = f"{len(too_long)} of {len(utterances)} utterances are longer than the model's input of {limit_s:.1f} s"
    if longer == "refuse":
        raise DatasetError(
            count,
            where=str(too_long[0].file),
            remedy="Build the model with more frames, or choose longer=leave_out or longer=cut.",
        )
    if longer == "cut":
        return list(utterances), (f"{count} and were cut",)
    left_out = set(too_long)
    kept = [one for one in utterances if one not in left_out]
    if not kept:
        raise DatasetError(f"{count}: none is left", where=str(too_long[0].file))
    return kept, (f"{count} and were left out",)
