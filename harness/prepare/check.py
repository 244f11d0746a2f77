"""In the worker: run a converted file against its source's outputs, and look into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from harness.prepare.faults import UnsupportedModelError
from harness.prepare.judgement import agreement
from harness.prepare.litert_file import inspect
from harness.prepare.litert_run import Model


def check(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The inspection of ``arguments["model"]`` and its agreement with the outputs in ``arguments["check"]``."""
    info = inspect({"path": arguments["model"]})
    if info["unsupported"]:
        raise UnsupportedModelError(info["unsupported"])
    with np.load(arguments["check"], allow_pickle=False) as arrays:
        inputs, outputs = arrays["inputs"], arrays["outputs"]
    found = Model(Path(arguments["model"])).run(inputs)
    return {"info": info, "agreement": asdict(agreement(outputs, found.reshape(outputs.shape)))}
