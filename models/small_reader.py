"""A small reader that finds the answer to a question in a text: convolutions and attention over word embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from harness.accuracy import TaskSpec
from harness.prepare.generated import spans, training
from harness.prepare.recipe import BuiltModel, InputSpec, Recipe, Training

TRAINING_SAMPLES = 5000
TEST_SAMPLES = 1000
CALIBRATION_SAMPLES = 200
WIDTH = 48
HEADS = 2
LAYERS = 2
REACH = 5
INPUTS = ("ids", "mask", "segments")


@lru_cache(maxsize=1)
def _training() -> spans.Questions:
    return spans.questions(TRAINING_SAMPLES, seed=1)


@lru_cache(maxsize=1)
def _test() -> spans.Questions:
    return spans.questions(TEST_SAMPLES, seed=2)


def _arrays(made: spans.Questions, count: int | None = None) -> tuple[Any, ...]:
    return tuple(getattr(made, name)[:count] for name in INPUTS)


def _network(_: Mapping[str, str]) -> Any:
    keras = training.seeded()
    layers = keras.layers
    ids, mask, segments = (keras.Input((spans.TOKENS,), dtype="int32", name=name) for name in INPUTS)
    words = layers.Embedding(len(spans.VOCABULARY), WIDTH)(ids)
    # The mask is one more feature: as huge negative scores of attention it would take the whole range of an int8 scale.
    features = [layers.Embedding(2, WIDTH)(flags) for flags in (mask, segments)]
    tensor = layers.Add()([words, *features])
    for _layer in range(LAYERS):
        near = layers.Conv1D(WIDTH, REACH, padding="same", activation="relu")(tensor)
        tensor = layers.LayerNormalization()(layers.Add()([tensor, near]))
        far = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(tensor, tensor)
        tensor = layers.LayerNormalization()(layers.Add()([tensor, far]))
    tensor = layers.Conv1D(WIDTH, REACH, padding="same", activation="relu")(tensor)
    flat = (spans.TOKENS,)
    outputs = {
        name: layers.Reshape(flat, name=name)(layers.Dense(1)(tensor)) for name in ("end_logits", "start_logits")
    }
    return keras.Model([ids, mask, segments], outputs)


def _data() -> tuple[Any, Any]:
    made = _training()
    return _arrays(made), {"end_logits": made.ends, "start_logits": made.starts}


def _losses(keras: Any) -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return {"end_logits": loss, "start_logits": loss}


TRAINING = Training(data=_data, loss=_losses, epochs=2, batch=64, learning_rate=2e-4)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return training.trained(_network(options), TRAINING, epochs=5, batch=64, learning_rate=3e-3)


RECIPE = Recipe(
    description="answers in made-up texts of 64 words, convolutions and attention, trained when it is prepared",
    input_shape=(),
    inputs=tuple(InputSpec(name, (spans.TOKENS,), "int32") for name in INPUTS),
    outputs=("end_logits", "start_logits"),
    build=_build,
    representative=lambda: _arrays(_training(), CALIBRATION_SAMPLES),
    test_data=lambda: (_arrays(_test()), list(_test().truths)),
    task=TaskSpec("question_answering", (("max_answer_tokens", "8"),)),
    network=_network,
    training=TRAINING,
    parameters=58_658,
)
