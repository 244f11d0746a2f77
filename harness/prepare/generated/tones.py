"""Words spelled in tones, for speech recognition: each letter is a chord of two tones that glides into the next one.

Every speaker has a pitch and a speed of its own, and there is noise, so that letters are mistaken for their neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.prepare.generated.drawing import Floats

    Signal = NDArray[np.float64]

ALPHABET = " abdeinorst"
_WORDS = """
    and are bad bat bed bin bird boat bone bread dense dine door east enter idea inside iron near nest noise note oats
    order otter radio rain red rest road rose sand seat send side store stone tea tins toad toe train tree trios
"""
WORDS = tuple(_WORDS.split())
FRAMES = 96
BANDS = 32
SAMPLE_RATE_HZ = 8000
WINDOW_S, HOP_S = 0.032, 0.016
_LETTER_S, _PAUSE_S = 0.075, 0.10
_GLIDE_S = 0.025
_LOW_HZ = (420.0, 560.0, 740.0)
_HIGH_HZ = (1150.0, 1450.0, 1800.0, 2250.0)
_LOWEST_HZ, _HIGHEST_HZ = 200.0, 3600.0


@dataclass(frozen=True)
class Utterances:
    """`features` (n, 96, 32) float32, each band of zero mean and unit variance in an utterance; n `texts`."""

    features: Floats
    texts: tuple[str, ...]


def utterances(count: int, seed: int) -> Utterances:
    """`count` utterances of two words each, the same ones for the same `seed`."""
    rng = np.random.default_rng(seed)
    texts = tuple(" ".join(WORDS[index] for index in rng.integers(0, len(WORDS), 2)) for _ in range(count))
    filters = _mel_filters()
    return Utterances(np.stack([log_mel(_spoken(rng, text), filters) for text in texts]), texts)


def log_mel(signal: Signal, filters: Signal) -> Floats:
    """(96, 32): the logarithm of the energy in each band, normalised over the utterance."""
    window, hop = round(WINDOW_S * SAMPLE_RATE_HZ), round(HOP_S * SAMPLE_RATE_HZ)
    frames = np.lib.stride_tricks.sliding_window_view(signal, window)[::hop][:FRAMES]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    bands = np.log(power @ filters + 1e-6)
    normalised: Floats = ((bands - bands.mean(axis=0)) / (bands.std(axis=0) + 1e-6)).astype(np.float32)
    return normalised


def _spoken(rng: np.random.Generator, text: str) -> Signal:
    """The waveform of `text` with silence before and after it, and noise; as long as 96 frames need."""
    speed, pitch = rng.uniform(0.8, 1.3), rng.uniform(0.93, 1.07)
    lengths_s = [(_PAUSE_S if letter == " " else _LETTER_S) * rng.uniform(0.75, 1.25) / speed for letter in text]
    lengths = (np.array(lengths_s) * SAMPLE_RATE_HZ).astype(int)
    total = round((FRAMES * HOP_S + WINDOW_S) * SAMPLE_RATE_HZ)
    begin = int(rng.integers(0, max(1, total - lengths.sum())))
    letters = np.repeat([ALPHABET.index(letter) for letter in text], lengths)[: total - begin]
    places = np.pad(letters, (begin, total - begin - len(letters)))
    place = np.maximum(places - 1, 0)
    low, high = np.array(_LOW_HZ)[place % 3], np.array(_HIGH_HZ)[place // 3]
    edges = np.concatenate([np.zeros(begin), *(_swell(length) for length in lengths), np.zeros(total)])[:total]
    loudness = edges * (places > 0)
    signal = loudness * (_tone(low * pitch) + rng.uniform(0.4, 1.0) * _tone(high * pitch))
    noise = rng.standard_normal(total) * 10 ** rng.uniform(-1.0, 0.35)
    return np.asarray(signal + noise, np.float64)


def _swell(samples: int) -> Signal:
    """The loudness of one letter: it falls to a third at both ends, so that a doubled letter is heard twice."""
    return np.asarray(1 - 0.67 * np.abs(np.linspace(-1, 1, samples)) ** 4, np.float64)


def _tone(frequency_hz: Signal) -> Signal:
    samples = round(_GLIDE_S * SAMPLE_RATE_HZ)
    sums = np.cumsum(np.pad(frequency_hz, (samples // 2 + 1, samples - 1 - samples // 2), mode="edge"))
    gliding = (sums[samples:] - sums[:-samples]) / samples
    return np.asarray(np.sin(2 * np.pi * np.cumsum(gliding) / SAMPLE_RATE_HZ), np.float64)


def _mel_filters() -> Signal:
    """(frequencies, 32): triangles that are equally wide on the mel scale, 2595 log10(1 + f / 700)."""
    low, high = (2595 * math.log10(1 + frequency_hz / 700) for frequency_hz in (_LOWEST_HZ, _HIGHEST_HZ))
    corners = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(round(WINDOW_S * SAMPLE_RATE_HZ), 1 / SAMPLE_RATE_HZ)[:, None]
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), np.float64)
