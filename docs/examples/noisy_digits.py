"""A data set of one's own, and a measure of one's own, for `noisy_digits.yaml`."""

import numpy as np


def samples(count="300", noise="4.0"):
    """Handwritten digits with noise on them, as (id, inputs, truth).

    The inputs are what the model takes, without the batch: float32 (8, 8, 1) in 0 to 1. The truth is a label.
    Options come from the sweep as text.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    generator = np.random.default_rng(1)
    for index in range(len(digits.images) - int(count), len(digits.images)):
        image = digits.images[index] + generator.normal(0.0, float(noise), (8, 8))
        inputs = np.clip(image / 16.0, 0.0, 1.0).astype(np.float32)[..., None]
        yield f"digit-{index}", inputs, int(digits.target[index])


def probability(outputs, truth):
    """The probability that the model gives to the right digit.

    `outputs` has one float32 array an output of the model, without the batch: here the logits, (10,).
    """
    scores = np.exp(outputs[0] - outputs[0].max())
    return float(scores[truth["label"]] / scores.sum())
