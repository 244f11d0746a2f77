"""Says on standard output what an interpreter has for the Edge TPU: one JSON line of what is there, one of what works.

``python -E -B _probe.py``, Python 3.6 and later, standard library only. What the second line is about may crash the
process: the native part of pycoral is loaded, which loads libedgetpu. No Edge TPU is opened.
"""

import json
import sys
from pathlib import Path

CORAL = "pycoral.utils.edgetpu"
TFLITE = (("tflite_runtime", "tflite-runtime"), ("ai_edge_litert", "ai-edge-litert"), ("tensorflow", "tensorflow"))


def find(name: str) -> object:
    """The spec of a module, None when there is none."""
    import importlib.util

    try:
        return importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None


def metadata_of(distribution: str) -> dict:  # type: ignore[type-arg]
    """Version and summary as the installer noted them, read from sys.path: Python 3.6 has no importlib.metadata."""
    wanted = distribution.replace("-", "_").lower()
    for folder in sys.path:
        try:
            paths = sorted(Path(folder or ".").iterdir())
        except OSError:
            continue
        for path in paths:
            base, _, kind = path.name.rpartition(".")
            if kind in ("dist-info", "egg-info") and base.split("-")[0].replace(".", "_").lower() == wanted:
                return read_metadata(path)
    return {}


def read_metadata(path: Path) -> dict:  # type: ignore[type-arg]
    """The head of METADATA or PKG-INFO."""
    found = {}
    for name in ("METADATA", "PKG-INFO", ""):
        try:
            with (path / name).open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    key, colon, value = line.partition(":")
                    if not line.strip():
                        break
                    if colon and key in ("Version", "Summary"):
                        found[key] = value.strip()
            break
        except OSError:
            continue
    return found


def here() -> dict:  # type: ignore[type-arg]
    """What is installed."""
    kind = "coral" if find(CORAL) else "other" if find("pycoral") else "none"
    about = metadata_of("pycoral") if kind != "none" else {}
    tflite = [[name, metadata_of(package).get("Version", "")] for name, package in TFLITE if find(name)]
    return {
        "python": ".".join(str(number) for number in sys.version_info[:3]),
        "kind": kind,
        "pycoral": about.get("Version", ""),
        "summary": about.get("Summary", ""),
        "tflite": tflite,
    }


def works() -> dict:  # type: ignore[type-arg]
    """Whether Coral's pycoral can be imported, and what libedgetpu it brings with it."""
    import importlib

    try:
        edgetpu = importlib.import_module(CORAL)
        return {"imported": True, "runtime": str(edgetpu.get_runtime_version())}
    except BaseException as error:  # a module may raise anything, and exit, too
        return {"imported": False, "error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Print both lines."""
    sys.path.pop(0)  # the folder of this file
    first = here()
    print(json.dumps(first), flush=True)
    if first["kind"] == "coral":
        print(json.dumps(works()), flush=True)


if __name__ == "__main__":
    main()
