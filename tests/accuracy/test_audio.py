"""Features of audio against their definition, computed in another way."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.fft

from harness.accuracy.audio import (
    audio_input,
    audio_length_s,
    check_audio_preprocessing,
    features,
    frame_count,
    load_audio,
    mel_filters,
    resample,
)
from harness.accuracy.preprocessing import AudioPreprocessing
from harness.errors import DatasetError

MFCC = AudioPreprocessing(16_000, "mfcc", 13, 30, 0.025, 0.010, normalise=False)
LOG_MEL = replace(MFCC, feature="log_mel", features=26)


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)


def tone(hertz: float, seconds: float = 0.3, rate: int = 16_000) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def mel(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def log_mel_by_loops(audio: np.ndarray, bands: int) -> np.ndarray:
    """Frame by frame, filter by filter, bin by bin; the window is SciPy's."""
    import scipy.signal

    window = scipy.signal.get_window("hann", 400, fftbins=True)
    low, high = mel(20.0), mel(8000.0)
    edges = [low + (high - low) * n / (bands + 1) for n in range(bands + 2)]
    rows = []
    for start in range(0, len(audio) - 400 + 1, 160):
        spectrum = scipy.fft.rfft(audio[start : start + 400].astype(np.float64) * window, 512)
        row = []
        for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
            total = 0.0
            for position, value in enumerate(spectrum):
                at = mel(position * 16_000 / 512)
                if left < at <= middle:
                    total += (at - left) / (middle - left) * abs(value) ** 2
                elif middle < at < right:
                    total += (right - at) / (right - middle) * abs(value) ** 2
            row.append(math.log(max(total, 1e-10)))
        rows.append(row)
    return np.array(rows)


def test_log_mel_is_its_definition() -> None:
    audio = noise(0.08)
    np.testing.assert_allclose(features(audio, LOG_MEL), log_mel_by_loops(audio, 26), atol=1e-3)


def test_mfcc_is_the_cosine_transform_of_log_mel() -> None:
    audio = noise(0.08)
    expected = scipy.fft.dct(log_mel_by_loops(audio, 40), type=2, norm="ortho", axis=1)[:, :13]
    np.testing.assert_allclose(features(audio, MFCC), expected, atol=2e-3)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 3500.0])
def test_a_tone_is_loudest_in_its_filter(hertz: float) -> None:
    loudest = int(features(tone(hertz), LOG_MEL).mean(axis=0).argmax())
    low, high = mel(20.0), mel(8000.0)
    centres = [low + (high - low) * (n + 1) / 27 for n in range(26)]
    assert loudest == int(np.abs(np.array(centres) - mel(hertz)).argmin())


def test_silence_is_the_floor_and_finite() -> None:
    assert np.allclose(features(np.zeros(800, np.float32), LOG_MEL), math.log(1e-10))
    values, used = audio_input(np.zeros(800, np.float32), replace(LOG_MEL, normalise=True))
    assert used == 3
    assert np.allclose(values, 0.0)


@pytest.mark.parametrize(("length", "frames"), [(1, 1), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_only_whole_frames_count(length: int, frames: int) -> None:
    assert frame_count(length, MFCC) == frames
    assert features(noise(1.0)[:length], MFCC).shape == (frames, 13)


def test_features_are_normalised_over_the_utterance_and_padded() -> None:
    steps = replace(MFCC, normalise=True)
    values, used = audio_input(noise(0.2), steps)
    assert values.shape == (30, 13)
    assert values.dtype == np.float32
    assert used == frame_count(3200, steps) == 18
    np.testing.assert_allclose(values[:used].mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(values[:used].std(axis=0), 1.0, atol=1e-5)
    assert (values[used:] == 0).all()
    cut, used = audio_input(noise(1.0), steps)
    assert (cut.shape, used) == ((30, 13), 30)


def test_context_joins_the_frames_around() -> None:
    plain, _used = audio_input(noise(0.2), MFCC)
    joined, _ = audio_input(noise(0.2), replace(MFCC, context=2))
    assert joined.shape == (30, 5 * 13)
    parts = joined.reshape(30, 5, 13)
    for shift in range(-2, 3):
        for frame in (0, 1, 10, 29):
            neighbour = frame + shift
            expected = plain[neighbour] if 0 <= neighbour < 30 else np.zeros(13)
            np.testing.assert_array_equal(parts[frame, shift + 2], expected)


def test_a_resampled_tone_is_the_tone() -> None:
    resampled = resample(tone(440.0, rate=44_100), 44_100, 16_000)
    assert len(resampled) == 4800
    np.testing.assert_allclose(resampled[500:-500], tone(440.0)[500:-500], atol=0.01)


def test_files_are_mono_at_the_wanted_rate(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    left = tone(440.0, rate=8000) * 0.5
    soundfile.write(tmp_path / "stereo.flac", np.stack([left, np.zeros_like(left)], axis=1), 8000)
    audio = load_audio(tmp_path / "stereo.flac", 16_000)
    assert audio.dtype == np.float32
    assert len(audio) == 4800
    assert audio_length_s(tmp_path / "stereo.flac") == pytest.approx(0.3)
    np.testing.assert_allclose(audio[500:-500], 0.25 * tone(440.0)[500:-500], atol=0.01)


def test_unreadable_audio_is_named(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(9, np.nan, np.float32), 16_000, subtype="FLOAT")
    (tmp_path / "text.flac").write_text("no audio")
    for name in ("empty.wav", "nan.wav", "text.flac", "gone.flac"):
        with pytest.raises(DatasetError) as caught:
            load_audio(tmp_path / name, 16_000)
        assert caught.value.where == str(tmp_path / name)
    with pytest.raises(DatasetError):
        audio_length_s(tmp_path / "text.flac")


@pytest.mark.parametrize(
    "wrong", [{"feature": "lpc"}, {"features": 0}, {"frames": 0}, {"context": -1}, {"window_s": 0.0}, {"hop_s": 0.0}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    check_audio_preprocessing(MFCC)
    with pytest.raises(DatasetError, match="not possible"):
        check_audio_preprocessing(replace(MFCC, **wrong))  # type: ignore[arg-type]


def test_too_many_filters_for_the_window_are_refused() -> None:
    with pytest.raises(DatasetError, match="mel filters have no bin"):
        mel_filters(128, 256, 16_000)
    with pytest.raises(DatasetError, match="mel filters have no bin"):
        check_audio_preprocessing(replace(LOG_MEL, features=128))
