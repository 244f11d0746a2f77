"""A small convolutional recogniser of words spelled in tones, trained by connectionist temporal classification.

Log mel frames go in, logits of ten letters, the space and the blank come out, one set for two frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import TaskSpec
from harness.prepare.generated import tones, training
from harness.prepare.recipe import BuiltModel, InputSpec, Recipe, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAINING_SAMPLES = 1500
TEST_SAMPLES = 500
CALIBRATION_SAMPLES = 150
LAYERS = ((48, 2), (64, 1), (64, 1), (64, 1))  # filters and stride of each
REACH = 5
BLANK = len(tones.ALPHABET)
NO_LETTER = -1
MOMENTUM = 0.9  # of the moving averages: training has few steps


@lru_cache(maxsize=1)
def _training() -> tones.Utterances:
    return tones.utterances(TRAINING_SAMPLES, seed=1)


@lru_cache(maxsize=1)
def _test() -> tones.Utterances:
    return tones.utterances(TEST_SAMPLES, seed=2)


def letters(texts: tuple[str, ...]) -> NDArray[np.int32]:
    """(n, longest): indices of the alphabet, the shorter ones filled up with -1."""
    found = np.full((len(texts), max(map(len, texts))), NO_LETTER, np.int32)
    for row, text in zip(found, texts, strict=True):
        row[: len(text)] = [tones.ALPHABET.index(letter) for letter in text]
    return found


def _network(_: Mapping[str, str]) -> Any:
    keras = training.seeded()
    layers = keras.layers
    features = keras.Input((tones.FRAMES, tones.BANDS), name="features")
    tensor = layers.Reshape((1, tones.FRAMES, tones.BANDS))(features)
    for filters, stride in LAYERS:
        tensor = layers.Conv2D(filters, (1, REACH), strides=(1, stride), padding="same", use_bias=False)(tensor)
        tensor = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(tensor))
    logits = layers.Conv2D(BLANK + 1, 1)(tensor)
    return keras.Model(features, layers.Reshape((tones.FRAMES // 2, BLANK + 1), name="output")(logits))


def _ctc(targets: Any, logits: Any) -> Any:
    """The negative logarithm of the probability of each text, (n,)."""
    import tensorflow as tf

    labels = tf.cast(targets, tf.int32)
    present = tf.where(labels != NO_LETTER)
    sparse = tf.SparseTensor(present, tf.gather_nd(labels, present), tf.shape(labels, tf.int64))
    frames = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    return tf.nn.ctc_loss(sparse, logits, None, frames, logits_time_major=False, blank_index=BLANK)


TRAINING = Training(
    data=lambda: (_training().features, letters(_training().texts)),
    loss=lambda _: _ctc,
    epochs=3,
    batch=32,
    learning_rate=2e-4,
)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return training.trained(_network(options), TRAINING, epochs=12, batch=32, learning_rate=4e-3)


RECIPE = Recipe(
    description="two words spelled in tones, a small convolutional network with CTC, trained when it is prepared",
    input_shape=(),
    inputs=(InputSpec("features", (tones.FRAMES, tones.BANDS)),),
    build=_build,
    representative=lambda: _training().features[:CALIBRATION_SAMPLES],
    test_data=lambda: (_test().features, [{"text": text} for text in _test().texts]),
    task=TaskSpec("speech", (("alphabet", tones.ALPHABET), ("blank", str(BLANK)), ("decoder", "greedy"))),
    network=_network,
    training=TRAINING,
    parameters=65_740,
)
