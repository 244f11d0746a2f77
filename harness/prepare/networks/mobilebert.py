"""MobileBERT (Sun et al., arXiv:2004.02984) with a head for spans: uncased English, 24 layers.

The sizes are those of the authors' ``uncased_L-24_H-128_B-512_A-4_F-4_OPT``; "OPT" means NoNorm in the place of layer
normalisation, and ReLU.
"""

from __future__ import annotations

from typing import Any

from harness.prepare.keras_api import keras_api

VOCABULARY = 30_522
POSITIONS = 512
SEGMENTS = 2
EMBEDDING = 128
HIDDEN = 512
BOTTLENECK = 128
FEED_FORWARD = 512
FEED_FORWARDS_A_LAYER = 4
HEADS = 4
LAYERS = 24
MASKED = -10_000.0
EMBEDDING_SPREAD = 1.0  # of untrained ones: with the 0.02 of training all activations would lie near zero


def mobilebert(tokens: int) -> Any:
    """A Keras model of ``ids``, ``mask`` and ``segments``, int32 (n, tokens): ``end_logits`` and ``start_logits``."""
    keras = keras_api()
    ids, mask, segments = (keras.Input((tokens,), dtype="int32", name=name) for name in ("ids", "mask", "segments"))
    network = _Network(keras)
    x = network.embedded(ids, segments)
    for _ in range(LAYERS):
        x = network.layer(x, mask)
    flat = keras.layers.Reshape((tokens,))
    outputs = {f"{side}_logits": flat(network.dense(x, 1)) for side in ("end", "start")}
    return keras.Model([ids, mask, segments], outputs, name="mobilebert")


class _Network:
    def __init__(self, keras: Any) -> None:
        self.layers = keras.layers
        self.no_norm, self.lookup, self.positions, self.attention = _layer_types(keras)
        self.initializers = keras.initializers
        self.add = keras.layers.Add

    def dense(self, x: Any, units: int, activation: str | None = None) -> Any:
        spread = self.initializers.TruncatedNormal(stddev=0.02)  # one each: a shared one gives equal values
        return self.layers.Dense(units, activation=activation, kernel_initializer=spread)(x)

    def embedded(self, ids: Any, segments: Any) -> Any:
        """Words with their neighbours (three embeddings of 128 to 512), plus place and segment."""
        layers = self.layers
        word = self.lookup(VOCABULARY, EMBEDDING)(ids)
        following = layers.ZeroPadding1D((0, 1))(layers.Cropping1D((1, 0))(word))
        previous = layers.ZeroPadding1D((1, 0))(layers.Cropping1D((0, 1))(word))
        x = self.dense(layers.Concatenate()([following, word, previous]), HIDDEN)
        x = self.add()([self.positions()(x), self.lookup(SEGMENTS, HIDDEN)(segments)])
        return self.no_norm()(x)

    def layer(self, x: Any, mask: Any) -> Any:
        """Narrow to 128, attend, four feed-forward networks, widen to 512."""
        narrow = self.no_norm()(self.dense(x, BOTTLENECK))
        shared = self.no_norm()(self.dense(x, BOTTLENECK))
        query, key, value = self.dense(shared, BOTTLENECK), self.dense(shared, BOTTLENECK), self.dense(x, BOTTLENECK)
        attended = self.dense(self.attention()([query, key, value, mask]), BOTTLENECK)
        y = self.no_norm()(self.add()([attended, narrow]))
        for _ in range(FEED_FORWARDS_A_LAYER):
            inner = self.dense(self.dense(y, FEED_FORWARD, "relu"), BOTTLENECK)
            y = self.no_norm()(self.add()([inner, y]))
        return self.no_norm()(self.add()([self.dense(y, HIDDEN), x]))


def _layer_types(keras: Any) -> tuple[Any, Any, Any, Any]:
    """The layers that Keras does not have in this form, made from the Keras in use."""
    import tensorflow as tf

    base: Any = keras.layers.Layer

    class NoNorm(base):  # type: ignore[misc]
        """A scale and a shift a channel."""

        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")
            self.shift = self.add_weight(name="shift", shape=(shape[-1],), initializer="zeros")

        def call(self, x: Any) -> Any:
            return x * self.scale + self.shift

    class Lookup(base):  # type: ignore[misc]
        """Embeddings by a bare gather: that of Keras 3 also serves negative indices, which 16 x 8 bits cannot."""

        def __init__(self, entries: int, width: int) -> None:
            super().__init__()
            self.table_shape = (entries, width)

        def build(self, _: Any) -> None:
            spread = keras.initializers.RandomNormal(stddev=EMBEDDING_SPREAD)
            self.table = self.add_weight(name="table", shape=self.table_shape, initializer=spread)

        def call(self, indices: Any) -> Any:
            return tf.gather(self.table, indices)

    class Positions(base):  # type: ignore[misc]
        """Adds the embedding of each place."""

        def build(self, shape: Any) -> None:
            spread = keras.initializers.RandomNormal(stddev=EMBEDDING_SPREAD)
            self.table = self.add_weight(name="table", shape=(POSITIONS, shape[-1]), initializer=spread)

        def call(self, x: Any) -> Any:
            return x + self.table[: x.shape[1]]

    class Attention(base):  # type: ignore[misc]
        """Scaled dot products over all tokens but the masked ones: query, key, value (n, tokens, 128), mask."""

        def call(self, inputs: Any) -> Any:
            *projected, mask = inputs
            query, key, value = (self.heads(x) for x in projected)
            scores = tf.matmul(query, key, transpose_b=True) * (HEADS / BOTTLENECK) ** 0.5
            hidden = tf.gather((MASKED, 0.0), mask)[:, None, None, :]  # no cast: 16 x 8 bits has none
            context = tf.transpose(tf.matmul(tf.nn.softmax(scores + hidden), value), (0, 2, 1, 3))
            return tf.reshape(context, (-1, mask.shape[1], BOTTLENECK))

        def heads(self, x: Any) -> Any:
            split = tf.reshape(x, (-1, x.shape[1], HEADS, BOTTLENECK // HEADS))
            return tf.transpose(split, (0, 2, 1, 3))

    return NoNorm, Lookup, Positions, Attention
