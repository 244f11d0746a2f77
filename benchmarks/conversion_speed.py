"""Six variants of MobileNetV2 against the six bare calls of TensorFlow's converter, one after another, in one run.

Ours is `prepare` with an empty cache: starting workers, importing TensorFlow, building the model, exporting it,
converting, and checking every file against the source; and again with the source there but no variant, which is the
conversion alone. Bare is the time within the converter's calls, in one process that has TensorFlow imported and the
model built already: ``from_keras_model(...).convert()`` of the Keras model, as one converts a Keras model, and for
comparison ``from_saved_model(...).convert()`` of what `prepare` exported. Targets, on two cores, against the first: at
most 0.65 with TensorFlow's converter for everything, at most 0.3 by the default way; the second time under a second.

`python -m benchmarks.conversion_speed [MODEL]`
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from harness.domain import VARIANTS, ModelRef, Status
from harness.prepare import prepare
from harness.prepare.children import worker_environment

WAYS: Mapping[str, tuple[tuple[tuple[str, str], ...], float]] = {
    "default": ((), 0.3),
    "tensorflow": ((("converter", "tensorflow"),), 0.65),
}
SECOND_TIME_S = 1.0
BARE = """
import json, sys, time
from pathlib import Path
import numpy as np
import tensorflow as tf
from tensorflow import lite
from harness.prepare.recipe import load_recipe, recipe_path
model = load_recipe(recipe_path(sys.argv[1])).build({"weights": "random"}).model
source = Path(sys.argv[2])
samples = np.load(source / "calibration.npy")
def representative():
    for sample in samples:
        yield [sample[None]]
def seconds_of(variant, make):
    begin = time.monotonic()
    converter = make()
    if variant != "float32":
        converter.optimizations = [lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant in ("full_integer", "int8", "int16x8"):
        converter.representative_dataset = representative
    if variant == "int16x8":
        converter.target_spec.supported_ops = [
            lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, lite.OpsSet.TFLITE_BUILTINS]
    if variant == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    converter.convert()
    return time.monotonic() - begin
ways = {"from_keras_model": lambda: lite.TFLiteConverter.from_keras_model(model),
        "from_saved_model": lambda: lite.TFLiteConverter.from_saved_model(str(source / "saved_model"))}
found = {way: 0.0 for way in ways}
for variant in sys.argv[3].split(","):
    for way, make in ways.items():
        found[way] += seconds_of(variant, make)
print(json.dumps(found))
"""


def bare_s(model: str, source: Path) -> dict[str, float]:
    """Seconds of all bare calls, of the Keras model and of the SavedModel in the folder `source`."""
    done = subprocess.run(
        [sys.executable, "-c", BARE, model, str(source), ",".join(VARIANTS)],
        check=True,
        env=worker_environment(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours_s(model: str, cache: Path, options: tuple[tuple[str, str], ...]) -> tuple[float, Path]:
    """Wall time of all variants, and the folder of their source."""
    begin = time.monotonic()
    rows = prepare([ModelRef(model, options=(("weights", "random"), *options))], cache_dir=cache)
    seconds = time.monotonic() - begin
    bad = [f"{row.variant}: {row.reason}" for row in rows if row.status is not Status.DONE]
    if bad:
        raise SystemExit("; ".join(bad))
    return seconds, Path(rows[0].check_path or "").parent


def main() -> None:
    """All ways once, and their ratios."""
    model = sys.argv[1] if len(sys.argv) > 1 else "mobilenet_v2"
    with tempfile.TemporaryDirectory(prefix="conversion-speed-") as scratch:
        whole, alone, second = {}, {}, 0.0
        for way, (options, _) in WAYS.items():
            cache = Path(scratch) / way
            whole[way], source = ours_s(model, cache, options)
            second = max(second, ours_s(model, cache, options)[0])
            shutil.rmtree(cache / "variants")
            alone[way] = ours_s(model, cache, options)[0]
        bare = bare_s(model, source)
    print("bare calls: " + ", ".join(f"{way} {seconds:.1f} s" for way, seconds in bare.items()))
    for way, (_, target) in WAYS.items():
        for what, seconds in (("all of it", whole[way]), ("source in the cache", alone[way])):
            ratios = ", ".join(f"{seconds / total:.2f} of {name}" for name, total in bare.items())
            print(f"{way}, {what}: {seconds:.1f} s: {ratios}")
        ratio = whole[way] / bare["from_keras_model"]
        print(f"{way}: ratio {ratio:.2f}; target {target}: {'met' if ratio <= target else 'MISSED'}")
    verdict = "met" if second < SECOND_TIME_S else "MISSED"
    print(f"second time: {second:.2f} s; target {SECOND_TIME_S:.0f} s: {verdict}")


if __name__ == "__main__":
    main()
