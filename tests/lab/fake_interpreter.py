"""An executable that stands where a Python interpreter with LiteRT stands: it speaks the runner's protocol, and behaves
as a test asks. Every call is logged, so that a test can count what really ran."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """#!{python} -IS
import base64, json, os, random, signal, struct, sys, time

BEHAVIOUR = {behaviour!r}
LOG = {log!r}

request = json.loads(sys.stdin.read())
hello = {{"type": "hello", "protocol": 1, "python": "3.11.7", "library": "fake", "version": "1"}}
hello["features"] = ["resolver"]
print(json.dumps(hello), flush=True)
if request["purpose"] == "hello":
    sys.exit(0)
with open(LOG, "a") as log:
    log.write(json.dumps([request["delegate"], request["threads"], request["purpose"]]) + "\\n")
key = request["delegate"] + ":" + request["purpose"]
action = BEHAVIOUR.get(key) or BEHAVIOUR.get(request["delegate"]) or "ok"
if action == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
if action == "hang":
    time.sleep(600)
if action == "garbage":
    print("not json")
    sys.exit(0)
if action.startswith("sleep "):
    time.sleep(float(action.split()[1]))
rng = random.Random(request["seed"])
factor = float(action.split()[1]) if action.startswith("slower ") else 1.0
samples = [int(1e6 * factor * rng.uniform(0.99, 1.01)) for _ in range(200)]
result = {{
    "type": "result", "init_ns": 5000000, "first_inference_ns": 2000000,
    "evidence": {{
        "cpus": request["cpus"], "cpus_verified": True, "clock_source": "add_chain", "clock_start_ghz": 3.0,
        "clock_end_ghz": 3.0, "clock_share": None, "foreign_load": 0.0, "wait_share": 0.0, "notes": [],
    }},
    "coverage": {{"delegated_nodes": 4, "total_nodes": 4, "partitions": 1, "operators": []}},
}}
if request["purpose"] == "timing":
    packed = base64.b64encode(struct.pack("<200q", *samples)).decode()
    result.update(samples=packed, warmup=packed, warmup_capped=False, timed="call+read")
if request["purpose"] == "memory":
    result.update(peak_rss_kib=20480, pss_kib=10240)
if request["purpose"] == "outputs":
    import shutil
    shutil.copy({outputs!r}, request["outputs"])
print(json.dumps(result), flush=True)
"""


@dataclass(frozen=True)
class FakeInterpreter:
    """`path` is the executable; `log` grows by one line an invocation."""

    path: Path
    log: Path

    def calls(self) -> list[tuple[str, int, str]]:
        """(delegate, threads, purpose) of every invocation that began, in order."""
        if not self.log.exists():
            return []
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]


def make_interpreter(folder: Path, outputs: Path, **behaviour: str) -> FakeInterpreter:
    """Write the executable. Behaviour by delegate, or by delegate and purpose with ``__`` between: ``builtin="crash"``,
    ``xnnpack__timing="sleep 0.3"``; everything else works. `outputs` is the .npy that an outputs pass gives."""
    actions = {name.replace("__", ":"): action for name, action in behaviour.items()}
    path, log = folder / "python-fake", folder / "calls.jsonl"
    text = _SCRIPT.format(python=sys.executable, behaviour=actions, log=str(log), outputs=str(outputs))
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return FakeInterpreter(path, log)
