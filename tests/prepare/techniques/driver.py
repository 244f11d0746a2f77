"""Run in a process of its own: builds a source with Keras 3, or applies techniques with tf-keras; prints JSON lines.

Called as ``python driver.py JOBS``: a JSON list of jobs, each with ``name``, ``do`` (``source``, ``technique``,
``convert``) and the arguments of what is done.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from harness.prepare.faults import fault_of


def source(job: dict[str, Any]) -> dict[str, Any]:
    from harness.prepare.build import build_source

    Path(job["folder"]).mkdir()
    return build_source({"kind": "recipe", **job})


def technique(job: dict[str, Any]) -> dict[str, Any]:
    from harness.prepare.techniques.apply import apply_technique

    Path(job["folder"]).mkdir()
    return apply_technique(job)


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """The facts of a converted file, its outputs' nearness to the source's, and the share of right answers."""
    from tensorflow import int8, lite

    from harness.prepare.judgement import agreement
    from harness.prepare.litert_run import Model
    from harness.prepare.recipe import load_recipe
    from harness.prepare.weights_facts import facts_of_file

    folder = Path(job["folder"])
    converter = lite.TFLiteConverter.from_saved_model(str(folder / "saved_model"))
    if job["mode"] == "int8":
        converter.optimizations = [lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = int8
    if job["mode"] == "int8" and not job["trained"]:
        samples = np.load(folder / "calibration.npy")
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    path = folder / f"{job['mode']}.tflite"
    path.write_bytes(converter.convert())
    model, facts = Model(path), facts_of_file(path)
    with np.load(folder / "check.npz") as arrays:
        near = agreement(arrays["outputs"], model.run(arrays["inputs"]).reshape(arrays["outputs"].shape))
    found = {"sparsity": facts.sparsity, "clusters": facts.clusters, "sqnr_db": near.sqnr_db}
    interface = {"inputs": [spec.name for spec in model.interface.inputs], "outputs": list(model.interface.outputs)}
    if "test" not in job:
        return found | interface
    inputs, labels = load_recipe(Path(job["test"])).test_data()
    right = model.run(inputs).argmax(axis=1) == labels
    return found | interface | {"accuracy": float(right.mean())}


def main() -> None:
    for job in json.loads(sys.argv[1]):
        name, do = job.pop("name"), job.pop("do")
        try:
            value: dict[str, Any] = {"source": source, "technique": technique, "convert": convert}[do](job)
        except Exception as error:
            status, reason = fault_of(error)
            value = {"error": type(error).__name__, "status": status.value, "reason": reason}
        print(json.dumps({"name": name, "value": value}), flush=True)


if __name__ == "__main__":
    main()
