"""Classes out of an interpreter's first output."""

from collections import namedtuple

import numpy as np

from pycoral.adapters import common

Class = namedtuple("Class", ("id", "score"))


def num_classes(interpreter):
    return int(np.prod(interpreter.get_output_details()[0]["shape"]))


def get_scores(interpreter):
    return common.dequantized(interpreter, 0).flatten()


def get_classes(interpreter, top_k=float("inf"), score_threshold=-float("inf")):
    scores = get_scores(interpreter)
    order = np.argsort(-scores)[: int(min(top_k, len(scores)))]
    return [Class(int(number), float(scores[number])) for number in order if scores[number] >= score_threshold]
