"""The parameter counts of the large recipes against published figures, with Keras 3 and with tf-keras."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.prepare import load_recipe
from harness.prepare.recipe import recipe_path
from tests.models import child

CODE = """
import json, sys
import numpy as np
from harness.prepare.recipe import load_recipe, recipe_path
options = dict(pair.split("=") for pair in sys.argv[2:])
recipe = load_recipe(recipe_path(sys.argv[1]))
model = recipe.network(options) if recipe.network else recipe.build(options).model
outputs = model.output if isinstance(model.output, dict) else {recipe.outputs[0]: model.output}
print(json.dumps({
    "keras": type(model).__module__.split(".")[0],
    "all": model.count_params(),
    "trainable": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
    "inputs": [list(tensor.shape[1:]) for tensor in model.inputs],
    "outputs": {name: list(tensor.shape[1:]) for name, tensor in outputs.items()},
}))
"""


@dataclass(frozen=True)
class Size:
    """`published` is compared with the parameters that its source counts, within `tolerance`.

    `ours` is the exact count of all, with the moving statistics of batch normalisation.
    """

    recipe: str
    ours: int
    published: float
    outputs: dict[str, list[int]]
    counts: str = "trainable"
    tolerance: float = 0.0
    options: tuple[str, ...] = ()


SIZES = (
    # The reconstruction whose float32 file has the published size; the source names no layers. Exact, all parameters.
    Size("hrnet_landmarks", 3_199_742, 3_199_742, {"output": [64, 64, 98]}, counts="all"),
    # Open Model Zoo, facial-landmarks-98-detection-0001: 9.66 million.
    Size("hrnet_landmarks", 9_696_734, 9.66e6, {"output": [64, 64, 98]}, tolerance=5e-4, options=("width=w18_full",)),
    # HRNet-W18 with 68 marks in "Heatmap Regression via Randomized Rounding" (code of the authors): 9.67 million.
    Size(
        "hrnet_landmarks",
        9_688_604,
        9.67e6,
        {"output": [64, 64, 68]},
        tolerance=2e-3,
        options=("width=w18_full", "points=68"),
    ),
    # Arm ML-zoo, wav2letter.py; the sum over its layers, of int8 weights in a file of 23,815,520 bytes.
    Size("wav2letter", 23_594_529, 23_815_520, {"logits": [148, 29]}, tolerance=0.01),
    # Open Model Zoo, mozilla-deepspeech-0.6.1: 47.2 million.
    Size(
        "deepspeech",
        47_224_861,
        47.2e6,
        {"logits": [16, 29], "new_state_c": [2048], "new_state_h": [2048]},
        tolerance=1e-3,
    ),
    # yolov3.weights has 248,007,048 bytes: five words of header and one float for each parameter.
    Size(
        "yolo_v3",
        62_001_757,
        (248_007_048 - 20) / 4,
        {"grid_13": [13, 13, 255], "grid_26": [26, 26, 255], "grid_52": [52, 52, 255]},
        counts="all",
    ),
    # arXiv:2004.02984, table 1: 25.3 million; what it counts beside these layers is not said.
    Size("mobilebert", 24_582_914, 25.3e6, {"end_logits": [384], "start_logits": [384]}, tolerance=0.03),
    # The ported checkpoint without pre-training heads: 24,581,888; the head for spans adds 2 x (512 + 1).
    Size("mobilebert", 24_582_914, 24_581_888 + 1_026, {"end_logits": [384], "start_logits": [384]}),
    # arXiv:1801.04381, table 7, without ASPP: 2.11 million.
    Size("deeplab_v3", 2_146_645, 2.11e6, {"output": [512, 512, 21]}, tolerance=2.5e-3),
    # The tables of keras.applications.
    Size("mobilenet_v1", 4_253_864, 4_253_864, {"output": [1000]}, counts="all"),
    Size("mobilenet_v2", 3_538_984, 3_538_984, {"output": [1000]}, counts="all"),
    Size("inception_v3", 23_851_784, 23_851_784, {"output": [1000]}, counts="all"),
    Size("resnet_v2_101", 44_675_560, 44_675_560, {"output": [1000]}, counts="all"),
)


@pytest.mark.prepare
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("legacy_keras", [False, True], ids=["keras", "tf-keras"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: " ".join((size.recipe, *size.options)))
def test_the_network_has_the_published_size(size: Size, legacy_keras: bool) -> None:
    found = child.run(CODE, size.recipe, *size.options, legacy_keras=legacy_keras)
    recipe = load_recipe(recipe_path(size.recipe))
    assert found["keras"] == ("tf_keras" if legacy_keras else "keras")
    assert found["all"] == size.ours
    assert found[size.counts] == pytest.approx(size.published, rel=size.tolerance, abs=0)
    assert found["inputs"] == [list(spec.shape) for spec in recipe.input_specs]
    assert found["outputs"] == size.outputs
    assert sorted(found["outputs"]) == list(recipe.outputs)


@pytest.mark.parametrize("size", [size for size in SIZES if not size.options], ids=lambda size: size.recipe)
def test_the_recipe_states_its_size(size: Size) -> None:
    assert load_recipe(recipe_path(size.recipe)).parameters == size.ours
