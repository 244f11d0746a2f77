"""Speech as features: MFCC and log-mel spectrograms.

The definition, on mono samples in -1 to 1 at the wanted rate:

1. Frames of `window_s` every `hop_s`, the first at the first sample, only whole ones; audio shorter than a window is
   one frame, padded with zeros. No pre-emphasis, no dithering.
2. A periodic Hann window; the power spectrum ``|FFT|^2`` of the length of the next power of two.
3. Triangular mel filters, whose edges are equally spaced on the mel scale from 20 Hz to half the rate, straight on that
   scale and 1 at their centre, with ``mel(f) = 1127 ln(1 + f / 700)`` (as in the HTK book).
4. The natural logarithm of the filters' sums, of at least 1e-10. ``log_mel``: as many filters as features.
5. ``mfcc``: the first coefficients of the orthonormal DCT-II over 40 filters (or as many as features, if more).
6. With `normalise`, each feature minus its mean over the utterance, divided by its standard deviation.
7. Padded with zeros, or cut, to `frames`; with `context` c, frame t is joined with the c frames before and after it
   (zeros beyond the ends): (frames, (2 c + 1) * features).
"""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.preprocessing import AudioPreprocessing
from harness.errors import DatasetError, MissingDependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = ("mfcc", "log_mel")
MFCC_FILTERS = 40
LOWEST_HZ = 20.0
FLOOR = 1e-10
_SMALLEST_DEVIATION = 1e-5


def check_audio_preprocessing(steps: AudioPreprocessing) -> None:
    """Refuse settings that no audio can follow.

    Raises:
        DatasetError: says which.
    """
    window, hop = _samples(steps.window_s, steps), _samples(steps.hop_s, steps)
    if steps.feature not in FEATURES:
        wrong = f"feature is {steps.feature!r}, not one of {', '.join(FEATURES)}"
    elif min(steps.features, steps.frames) < 1 or steps.context < 0:
        wrong = f"{steps.frames} frames of {steps.features} features with a context of {steps.context}"
    elif window < 2 or hop < 1:
        wrong = f"a window of {window} samples every {hop} samples"
    else:
        mel_filters(_filter_count(steps), _fft_length(window), steps.sample_rate_hz)
        return
    raise DatasetError(f"the audio pre-processing is not possible: {wrong}")


def audio_length_s(path: Path) -> float:
    """The length in seconds, from the header.

    Raises:
        DatasetError: the file is unreadable.
    """
    soundfile = _soundfile()
    try:
        return float(soundfile.info(str(path)).duration)
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"the audio cannot be read: {error}", where=str(path)) from error


def load_audio(path: Path, sample_rate_hz: int) -> NDArray[np.float32]:
    """Mono samples (n,) in -1 to 1 at `sample_rate_hz`: channels averaged; resampled (polyphase) where it differs.

    Raises:
        DatasetError: the file is unreadable, empty, or holds NaN.
    """
    soundfile = _soundfile()
    try:
        channels, rate_hz = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"the audio cannot be read: {error}", where=str(path)) from error
    audio = channels.mean(axis=1)
    if len(audio) == 0 or not np.isfinite(audio).all():
        raise DatasetError("the audio is empty or holds NaN", where=str(path))
    return resample(audio, int(rate_hz), sample_rate_hz)


def resample(audio: NDArray[np.float32], rate_hz: int, wanted_hz: int) -> NDArray[np.float32]:
    """(n,) at `rate_hz` to (n * wanted / rate,) at `wanted_hz`."""
    if rate_hz == wanted_hz:
        return audio
    from scipy.signal import resample_poly

    common = math.gcd(rate_hz, wanted_hz)
    resampled: NDArray[np.float32] = resample_poly(audio, wanted_hz // common, rate_hz // common).astype(np.float32)
    return resampled


def frame_count(length: int, steps: AudioPreprocessing) -> int:
    """The whole frames in `length` samples at the wanted rate, at least one."""
    return 1 + max(0, length - _samples(steps.window_s, steps)) // _samples(steps.hop_s, steps)


def audio_input(audio: NDArray[np.float32], steps: AudioPreprocessing) -> tuple[NDArray[np.float32], int]:
    """Samples at the wanted rate as (frames, (2 context + 1) * features), and how many frames are of the utterance."""
    values = features(audio, steps)
    if steps.normalise:
        values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), _SMALLEST_DEVIATION)
    used = min(len(values), steps.frames)
    padded = np.zeros((steps.frames + 2 * steps.context, steps.features), np.float32)
    padded[steps.context : steps.context + used] = values[:used]
    spans = [padded[start : start + steps.frames] for start in range(2 * steps.context + 1)]
    return np.concatenate(spans, axis=1), used


def features(audio: NDArray[np.float32], steps: AudioPreprocessing) -> NDArray[np.float64]:
    """(n,) samples to (whole frames, features): steps 1 to 5 of the definition."""
    window, hop = _samples(steps.window_s, steps), _samples(steps.hop_s, steps)
    audio = np.pad(audio.astype(np.float64), (0, max(0, window - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(audio, window)[::hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    fft_length = _fft_length(window)
    power = np.abs(np.fft.rfft(frames * hann, fft_length)) ** 2
    filters = mel_filters(_filter_count(steps), fft_length, steps.sample_rate_hz)
    log_mel: NDArray[np.float64] = np.log(np.maximum(power @ filters.T, FLOOR))
    return log_mel if steps.feature == "log_mel" else log_mel @ _dct(filters.shape[0])[: steps.features].T


def mel_filters(count: int, fft_length: int, sample_rate_hz: int) -> NDArray[np.float64]:
    """(count, fft_length / 2 + 1) weights of the bins of a power spectrum: step 3 of the definition.

    Raises:
        DatasetError: a filter is so narrow that it has no bin.
    """
    edges = np.linspace(_mel(LOWEST_HZ), _mel(sample_rate_hz / 2), count + 2)
    bins = _mel(np.arange(fft_length // 2 + 1) * sample_rate_hz / fft_length)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    empty = int((weights.sum(axis=1) == 0.0).sum())
    if empty:
        raise DatasetError(
            f"{empty} of {count} mel filters have no bin of an FFT of {fft_length} points at {sample_rate_hz} Hz",
            remedy="Use fewer features or a longer window.",
        )
    return weights


def _dct(size: int) -> NDArray[np.float64]:
    """(size, size) orthonormal DCT-II: coefficient k of x is ``sum x[n] cos(pi k (2n + 1) / (2 size))``, scaled."""
    k, n = np.arange(size)[:, None], np.arange(size)
    matrix: NDArray[np.float64] = np.sqrt(2.0 / size) * np.cos(np.pi * k * (2 * n + 1) / (2 * size))
    matrix[0] /= np.sqrt(2.0)
    return matrix


def _mel(frequency_hz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0)


def _samples(seconds: float, steps: AudioPreprocessing) -> int:
    return round(seconds * steps.sample_rate_hz)


def _fft_length(window: int) -> int:
    return 1 << max(1, window - 1).bit_length()


def _filter_count(steps: AudioPreprocessing) -> int:
    return steps.features if steps.feature == "log_mel" else max(MFCC_FILTERS, steps.features)


def _soundfile() -> Any:
    try:
        return import_module("soundfile")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "soundfile is not installed", remedy="pip install 'on-device-benchmark-harness[data]'"
        ) from error
