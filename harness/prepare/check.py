"""In the worker: run a converted file against its source's outputs, and look into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ConversionError
from harness.prepare.faults import UnsupportedModelError
from harness.prepare.interface import Interface
from harness.prepare.judgement import agreement
from harness.prepare.litert_file import inspect
from harness.prepare.litert_run import Model
from harness.prepare.weights_facts import facts_of_file

OUTPUTS_FILE = "outputs.npy"


def check(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The inspection of ``arguments["model"]`` and its agreement with the source in ``arguments["source"]``.

    The file's own outputs on the check inputs, by LiteRT on the CPU, are kept beside it as ``outputs.npy``: a delegate
    that runs the same file is compared with them.
    """
    path, source = Path(arguments["model"]), Path(arguments["source"])
    info = inspect({"path": str(path)})
    if info["unsupported"]:
        raise UnsupportedModelError(info["unsupported"])
    model = Model(path)
    require_order(Interface.read(source), model.interface)
    with np.load(source / "check.npz", allow_pickle=False) as arrays:
        inputs, outputs = arrays["inputs"], arrays["outputs"]
    found = model.run(inputs)
    if found.size != outputs.size:
        raise ConversionError(f"the file's outputs are {found.shape}, its source's {outputs.shape}")
    found = found.reshape(outputs.shape)
    np.save(path.with_name(OUTPUTS_FILE), found)
    facts = facts_of_file(path)
    return {
        "info": info,
        "agreement": asdict(agreement(outputs, found)),
        "sparsity": facts.sparsity,
        "clusters": facts.clusters,
    }


def require_order(wanted: Interface, found: Interface) -> None:
    """Refuse a file whose tensors stand in another order than its source's: runners cut samples by position.

    Raises:
        ConversionError: says both orders.
    """
    if not (wanted.named and found.named):
        return
    for kind, want, have in (
        ("inputs", [spec.name for spec in wanted.inputs], [spec.name for spec in found.inputs]),
        ("outputs", list(wanted.outputs), list(found.outputs)),
    ):
        if len(want) != len(have) or (len(want) > 1 and want != have):
            raise ConversionError(
                f"the {kind} of the file are {', '.join(have)}; its source's are {', '.join(want)}, in this order"
            )
