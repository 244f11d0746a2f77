from __future__ import annotations

import numpy as np

from harness.prepare.given_data import synthetic
from harness.prepare.recipe import InputSpec
from harness.prepare.synthetic import natural_images


def test_range_shape_and_seed() -> None:
    images = natural_images(4, 32, 48, seed=3, value_range=(-1.0, 1.0))
    assert images.shape == (4, 32, 48, 3)
    assert images.dtype == np.float32
    assert images.min() >= -1.0
    assert images.max() <= 1.0
    assert np.array_equal(images, natural_images(4, 32, 48, seed=3, value_range=(-1.0, 1.0)))
    assert not np.array_equal(images, natural_images(4, 32, 48, seed=4, value_range=(-1.0, 1.0)))


def test_neighbours_and_channels_are_correlated_unlike_noise() -> None:
    images = natural_images(8, 64, 64, seed=1)
    across = [np.corrcoef(image[:, :-1, 0].ravel(), image[:, 1:, 0].ravel())[0, 1] for image in images]
    channels = [np.corrcoef(image[..., 0].ravel(), image[..., 1].ravel())[0, 1] for image in images]
    assert min(across) > 0.6
    assert min(channels) > 0.6


def test_amplitude_falls_with_frequency() -> None:
    images = natural_images(8, 64, 64, seed=1).mean(axis=-1)
    spectrum = np.abs(np.fft.fft2(images - images.mean(axis=(1, 2), keepdims=True))).mean(axis=0)
    low, high = spectrum[0, 2:4].mean(), spectrum[0, 16:24].mean()
    assert 3 < low / high < 20


def test_other_shapes_are_uniform_in_the_range() -> None:
    vectors = synthetic(InputSpec("x", (300,)), (2.0, 3.0))
    assert vectors.shape == (10, 300)
    assert vectors.min() >= 2.0
    assert vectors.max() <= 3.0
    assert synthetic(InputSpec("x", (16, 16, 1)), (0.0, 1.0)).shape == (10, 16, 16, 1)
