"""Inputs and outputs of an interpreter."""

import numpy as np


def input_details(interpreter, key):
    return interpreter.get_input_details()[0][key]


def input_size(interpreter):
    _, height, width, _ = input_details(interpreter, "shape")
    return width, height


def input_tensor(interpreter):
    return interpreter.tensor(input_details(interpreter, "index"))()[0]


def set_input(interpreter, data):
    input_tensor(interpreter)[:, :] = data


def output_tensor(interpreter, i):
    return interpreter.tensor(interpreter.get_output_details()[i]["index"])()


def dequantized(interpreter, i):
    details = interpreter.get_output_details()[i]
    scale, zero_point = details["quantization"]
    return (output_tensor(interpreter, i).astype(np.int64) - zero_point) * scale
