"""Acoustic models over cepstral coefficients that give CTC logits: Wav2letter and DeepSpeech."""

from __future__ import annotations

from typing import Any

from harness.prepare.keras_api import keras_api

LEAK = 0.2
RELU_CLIP = 20.0


def wav2letter(frames: int, features: int, symbols: int) -> Any:
    """Collobert et al., arXiv:1609.03193, with the layers of Arm's published variant.

    A Keras model: features (n, frames, features) to CTC logits (n, frames / 2, symbols). All convolutions run over
    time, as 1 x k over a picture of height 1: one of 48 with stride 2 and seven of 7 (250 channels), one of 32 and one
    of 1 (2000 channels), one of 1 to the symbols; leaky ReLU between.
    """
    keras = keras_api()
    layers = keras.layers
    entry = keras.Input((frames, features), name="features")
    x = layers.Reshape((1, frames, features))(entry)
    plan = [(250, 48, 2), *[(250, 7, 1)] * 7, (2000, 32, 1), (2000, 1, 1)]
    for channels, kernel, stride in plan:
        x = layers.Conv2D(channels, (1, kernel), (1, stride), padding="same", kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(LEAK)(x)
    x = layers.Conv2D(symbols, 1, padding="same")(x)
    return keras.Model(entry, layers.Reshape((-(-frames // 2), symbols))(x), name="wav2letter")


def deepspeech(steps: int, features: int, hidden: int, symbols: int) -> Any:
    """Mozilla's DeepSpeech 0.5.1, unrolled over `steps` time steps, with the state of its LSTM as inputs and outputs.

    A Keras model of the inputs ``features`` (n, steps, features), ``previous_state_c`` and ``previous_state_h`` (n,
    hidden); and the outputs ``logits`` (n, steps, symbols), ``new_state_c``, ``new_state_h``.
    Three dense layers a frame, one LSTM, one dense layer (each ReLU, clipped at 20), and one to the symbols.
    """
    keras = keras_api()
    layers = keras.layers
    window = keras.Input((steps, features), name="features")
    state_c = keras.Input((hidden,), name="previous_state_c")
    state_h = keras.Input((hidden,), name="previous_state_h")

    def dense(x: Any) -> Any:
        return layers.ReLU(RELU_CLIP)(layers.Dense(hidden, kernel_initializer="he_normal")(x))

    x = window
    for _ in range(3):
        x = dense(x)
    recurrent = layers.LSTM(hidden, return_sequences=True, return_state=True, unroll=True)
    x, new_h, new_c = recurrent(x, initial_state=[state_h, state_c])
    logits = layers.Dense(symbols)(dense(x))
    outputs = {"logits": logits, "new_state_c": new_c, "new_state_h": new_h}
    return keras.Model([window, state_c, state_h], outputs, name="deepspeech")
