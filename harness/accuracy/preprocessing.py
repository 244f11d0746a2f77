"""What a model wants its raw data turned into: values that recipes state, readers follow and apps can copy. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImagePreprocessing:
    """An image as (height, width, channels) float32, each channel ``(value - mean) / std`` of values in 0 to 255.

    `resize` is ``crop`` (scale the short side, cut the middle `crop_fraction`), ``stretch``, or ``letterbox`` (keep the
    aspect, pad with `pad_value`). Interpolation is bilinear with antialiasing. `order` is ``RGB``, ``BGR`` or ``L``.
    """

    height: int
    width: int
    channels: int = 3
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    resize: str = "stretch"
    crop_fraction: float = 0.875
    pad_value: float = 128.0
    order: str = "RGB"


@dataclass(frozen=True)
class AudioPreprocessing:
    """Mono audio as (frames, features) float32: windows of `window_s` every `hop_s`, cut or padded to `frames`.

    `feature` is ``mfcc`` or ``log_mel``; `normalise` makes each feature zero mean, unit variance over the utterance.
    """

    sample_rate_hz: int
    feature: str
    features: int
    frames: int
    window_s: float
    hop_s: float
    normalise: bool = True
    context: int = 0


@dataclass(frozen=True)
class TextPreprocessing:
    """Text as WordPiece tokens of a given vocabulary: ids, mask and segments, `tokens` long.

    A longer text becomes several windows, each `stride` tokens after the one before.
    """

    tokens: int
    max_query_tokens: int = 64
    stride: int = 128
    lower_case: bool = True


Preprocessing = ImagePreprocessing | AudioPreprocessing | TextPreprocessing
