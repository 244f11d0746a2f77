"""Seeded synthetic images with statistics near those of photographs, for calibration without data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def natural_images(
    count: int, height: int, width: int, channels: int = 3, *, seed: int, value_range: tuple[float, float] = (0.0, 1.0)
) -> NDArray[np.float32]:
    """Images (count, height, width, channels) float32 in `value_range`.

    The amplitude spectrum falls as 1/f, as that of natural images does (Field, J. Opt. Soc. Am. A 4(12), 1987), the
    channels are strongly correlated, and brightness and contrast vary from image to image, so that activations spread
    as they do on photographs, which white noise does not give.
    """
    rng = np.random.default_rng(seed)
    images = np.stack([_image(rng, height, width, channels) for _ in range(count)])
    low, high = value_range
    return (low + images * (high - low)).astype(np.float32)


def _image(rng: np.random.Generator, height: int, width: int, channels: int) -> NDArray[np.float64]:
    luminance = _field(rng, height, width, slope=1.0)
    image = np.stack([luminance + 0.35 * _field(rng, height, width, slope=1.2) for _ in range(channels)], axis=-1)
    contrast, brightness = rng.uniform(0.15, 0.30), rng.uniform(0.35, 0.60)
    tint = rng.uniform(-0.05, 0.05, channels)
    spread = image.std() or 1.0
    return np.clip(image / spread * contrast + brightness + tint, 0.0, 1.0)


def _field(rng: np.random.Generator, height: int, width: int, slope: float) -> NDArray[np.float64]:
    """A random field with amplitude spectrum 1/f**slope, zero mean, unit variance."""
    vertical, horizontal = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(vertical, horizontal)
    frequency[0, 0] = 1.0 / max(height, width)
    shape = frequency.shape
    spectrum = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / frequency**slope
    field: NDArray[np.float64] = np.fft.irfft2(spectrum, s=(height, width))
    spread = field.std()
    normalised: NDArray[np.float64] = (field - field.mean()) / (spread if spread > 0 else 1.0)
    return normalised
