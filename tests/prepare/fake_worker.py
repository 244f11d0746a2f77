"""A worker at the wire: speaks the worker's protocol without TensorFlow, and misbehaves where a plan says so.

Called as ``python fake_worker.py PLAN REQUEST EVENTS PARENT``. The plan is a JSON object from step name to what
happens: ``crash``, ``crash_if_not_first``, ``hang``, ``garbage``, ``fail``, ``unsupported``, ``exit``, ``wrong``,
``anew``, ``slow`` (reports progress), ``int8`` (the source is an int8 file), ``model`` (a conversion that writes a real
int8 model: the given file, or one of the tests).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

INT8_MODEL = Path(__file__).parent.parent / "data" / "models" / "int8.tflite"
INFO = {
    "size_bytes": 10,
    "gzip_bytes": 5,
    "sha256": "0" * 64,
    "variant": "float32",
    "inputs": [{"name": "image", "dtype": "float32", "shape": [1, 4], "scale": 0.0, "zero_point": 0}],
    "outputs": [{"name": "output", "dtype": "float32", "shape": [1, 4], "scale": 0.0, "zero_point": 0}],
    "operators": [["ADD", 1]],
    "float_operators": [],
    "custom_operators": [],
    "unsupported": "",
}
DATA = {
    "task": "classification",
    "task_options": [["classes", "4"]],
    "preprocessing": [["kind", "image"], ["height", "8"]],
    "shapes": [[4]],
}
RIGHT = {"sqnr_db": 100.0, "max_abs": 0.1, "rmse": 0.1, "cosine": 1.0, "following": 1.0, "samples": 2, "finite": True}


def main() -> None:
    plan_path, request, events_path, _parent = sys.argv[1:5]
    plan = json.loads(Path(plan_path).read_text(encoding="utf-8"))
    steps = json.loads(Path(request).read_text(encoding="utf-8"))["steps"]
    with Path(plan_path).with_suffix(".calls").open("a") as calls:
        calls.write(json.dumps([step["name"] for step in steps]) + "\n")
    with Path(events_path).open("a", encoding="utf-8") as events:

        def emit(**fields: Any) -> None:
            events.write(json.dumps(fields) + "\n")
            events.flush()

        for position, step in enumerate(steps):
            emit(step=step["name"], state="started")
            technique = step["arguments"].get("technique", "")
            what = plan.get(f"{step['name']} {technique}".strip(), "")
            misbehave(what, position, Path(plan_path), events)
            if what in ("fail", "unsupported"):
                status = "FAILED" if what == "fail" else "UNSUPPORTED"
                emit(step=step["name"], state="finished", status=status, reason=f"planned {what}", seconds=0.1)
                if any(step["name"] in other["needs"] for other in steps):
                    return
                continue
            for count in range(4 if what == "slow" else 0):
                emit(step=step["name"], state="progress", text=f"{count + 1} of 4")
            emit(step=step["name"], state="finished", status="DONE", value=value(step, what), seconds=0.1)


def misbehave(what: str, position: int, plan: Path, events: Any) -> None:
    if what == "crash" or (what == "crash_if_not_first" and position > 0):
        print("I0000 00:00 chatter of a library", file=sys.stderr)
        print("tensor.cc:42 Check failed: scale > 0", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "hang":
        child = os.fork()
        if child:
            plan.with_suffix(".pid").write_text(f"{os.getpid()} {child}")
        time.sleep(600)
    if what == "garbage":
        events.write("\x00\xff not json\n")
        events.flush()
        time.sleep(600)
    if what in ("exit", "full"):
        sys.exit(3 if what == "exit" else 74)


def value(step: dict[str, Any], what: str) -> dict[str, Any]:
    arguments = step["arguments"]
    if step["action"] == "describe":
        return {"depends_on": []}
    if step["action"] in ("source", "technique"):
        return source(arguments, step["action"] == "technique", what)
    if step["action"] == "data_facts":
        return DATA | {"fingerprint": Path(arguments["data"]["data.path"]).read_text(), "samples": None}
    if step["action"] == "dataset":
        (Path(arguments["folder"]) / "dataset").mkdir()
        (Path(arguments["folder"]) / "dataset" / "manifest.json").write_text(json.dumps(arguments["data"]))
        return {"samples": 3, "notes": ["4 were left out"]}
    if step["action"] == "convert":
        if what == "model":
            given = arguments["converter"] == "given file"
            shutil.copyfile(arguments["base"] if given else INT8_MODEL, arguments["output"])
            return {"conversion_s": 0.5, "converter": arguments["converter"]}
        base = " from a float file" if Path(arguments["base"]).is_file() else ""
        Path(arguments["output"]).write_bytes(f"{arguments['variant']} by {arguments['converter']}{base}".encode())
        return {"conversion_s": 0.5, "converter": arguments["converter"]}
    size = {"float32": 400, "pruned": 420}.get(arguments["variant"], 100)
    agreement = RIGHT | ({"sqnr_db": -0.2, "cosine": 0.1} if what == "wrong" else {})
    Path(arguments["model"]).with_name("outputs.npy").write_bytes(b"outputs")
    sha256 = hashlib.sha256(Path(arguments["model"]).read_bytes()).hexdigest()
    return {
        "info": INFO | {"size_bytes": size, "sha256": sha256},
        "agreement": agreement,
        "sparsity": 0.5,
        "clusters": None,
    }


def source(arguments: dict[str, Any], trained: bool, what: str) -> dict[str, Any]:
    folder = Path(arguments["folder"])
    (folder / "calibration.npy").write_bytes(b"calibration")
    (folder / "check.npz").write_bytes(os.urandom(8) if what == "anew" else b"check")
    (folder / "saved_model").mkdir(exist_ok=True)
    (folder / "saved_model" / "saved_model.pb").write_bytes(b"graph")
    if trained:
        if os.environ.get("TF_USE_LEGACY_KERAS") != "1" or not (Path(arguments["source"]) / "weights.npz").is_file():
            raise RuntimeError("not as a technique needs it")
        settings = ",".join(f"{key}={text}" for key, text in arguments["settings"].items())
        training = f"fine-tuned ({settings})" if settings else "fine-tuned"
        return {
            "technique": arguments["technique"],
            "training": training,
            "data": "labelled",
            "notes": ["it went well"],
        }
    (folder / "interface.json").write_bytes(b"{}")
    (folder / "weights.npz").write_bytes(b"weights")
    return {
        "weights": "random" if what == "random" else "trained",
        "task": None,
        "task_options": [],
        "preprocessing": [],
        "parameters": 4,
        "notes": [],
        "variant": "int8" if what == "int8" else "float32",
    }


if __name__ == "__main__":
    main()
