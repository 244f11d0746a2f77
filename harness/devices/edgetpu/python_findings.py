"""What the preflight says of Python interpreters: whether Coral's pycoral is there, and works. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from harness.devices.edgetpu.interpreters import Interpreter
from harness.devices.edgetpu.library import Library
from harness.devices.preflight import Finding

KnownCrash = Callable[[str, str, str], "str | None"]
"""Takes a library of TensorFlow Lite, its version and that of libedgetpu; a sentence when they are known to crash."""

CORAL_INDEX = "https://google-coral.github.io/py-repo/"
FORK = "https://github.com/feranick/pycoral/releases"
CORAL_PYTHON, FORK_PYTHON = ((3, 6), (3, 9)), ((3, 9), (3, 12))
SECOND_WAY = "`runtime: litert` needs no pycoral, only libedgetpu"
_SUBJECT = "pycoral"


def python_findings(
    interpreters: Sequence[Interpreter], library: Library, known_crash: KnownCrash
) -> tuple[Finding, ...]:
    """A finding for each interpreter that was named or has something of that name, and for the lack of any."""
    found = [finding for one in interpreters for finding in _of(one, library, known_crash)]
    if not any(one.kind != "none" or one.asked for one in interpreters):
        names = ", ".join(one.path for one in interpreters if one.python)
        text = f"none of these interpreters has it: {names}; name yours with --python; {SECOND_WAY}"
        found.insert(0, Finding("warning", _SUBJECT, text, how_to_get()))
    return tuple(found)


def how_to_get(interpreter: Interpreter | None = None) -> str:
    """The commands that install Coral's pycoral into `interpreter`, or into any when it is None."""
    python = interpreter.path if interpreter else "python3.9"
    version = _version(interpreter.python) if interpreter else ()
    ways = []
    if not version or CORAL_PYTHON[0] <= version <= CORAL_PYTHON[1]:
        ways.append(f'{python} -m pip install --extra-index-url {CORAL_INDEX} "pycoral~=2.0" (Python 3.6 to 3.9)')
    if not version or FORK_PYTHON[0] <= version <= FORK_PYTHON[1]:
        ways.append(f"the wheels of the maintained fork for Python 3.9 to 3.12: {FORK}")
    if not ways:
        install = f'pip install --extra-index-url {CORAL_INDEX} "pycoral~=2.0"'
        return (
            f"There is none for this Python: make an older one (uv venv --python 3.9 /opt/coral), and in it {install}"
        )
    return "; or ".join(ways)


def _of(one: Interpreter, library: Library, known_crash: KnownCrash) -> Iterator[Finding]:
    if not one.python:
        if one.asked:
            remedy = "Name a Python interpreter: --python /opt/coral/bin/python"
            yield Finding("problem", _SUBJECT, f"{one.path}: {one.problem}", remedy)
        return
    crash = _known(one, library, known_crash)
    if one.kind == "coral":
        yield _coral(one, crash)
    elif one.kind == "other":
        yield _other(one)
    elif one.asked:
        yield Finding("problem", _SUBJECT, f"{one.label} has none; {SECOND_WAY}", how_to_get(one))
    if crash is not None and (one.kind == "coral" or one.asked or one.own):
        what, remedy = crash
        yield Finding("problem" if one.kind == "coral" else "warning", "known crash", f"{one.path}: {what}", remedy)


def _coral(one: Interpreter, crash: tuple[str, str] | None) -> Finding:
    text = f"{one.label}: Coral's {one.pycoral}".rstrip()
    if one.crash:
        what = f"{text} crashes at its import ({one.crash})"
        remedy = (
            crash[1]
            if crash
            else (
                "Its tflite-runtime, numpy and libedgetpu do not fit each other: install them in one go, "
                f"{how_to_get(one)}"
            )
        )
        return Finding("problem", _SUBJECT, what, remedy)
    if one.problem:
        return Finding("problem", _SUBJECT, f"{text} cannot be imported: {one.problem}", _import_remedy(one))
    tflite = ", ".join(f"{name} {version}".strip() for name, version in one.tflite if name == "tflite_runtime")
    return Finding("ok", _SUBJECT, ", ".join(filter(None, (text, tflite, one.runtime))))


def _other(one: Interpreter) -> Finding:
    text = f"{one.label} has PyPI's {one.pycoral}, which is another project of that name: Allen Coral Atlas"
    remedy = f"{one.path} -m pip uninstall pycoral; then {how_to_get(one)}"
    return Finding("problem" if one.asked else "warning", _SUBJECT, text, remedy)


def _import_remedy(one: Interpreter) -> str:
    if "libedgetpu" in one.problem:
        return "Install libedgetpu.so.1 first; see the finding libedgetpu."
    if "libusb" in one.problem:
        return "sudo apt-get install libusb-1.0-0"
    if "numpy" in one.problem.lower() or "_ARRAY_API" in one.problem:
        return f'{one.path} -m pip install "numpy<2"'
    if "tflite_runtime" in one.problem:
        return f"{one.path} -m pip install --extra-index-url {CORAL_INDEX} tflite-runtime"
    return how_to_get(one)


def _known(one: Interpreter, library: Library, known_crash: KnownCrash) -> tuple[str, str] | None:
    """What is known against this interpreter's library with this libedgetpu, and the remedy."""
    libedgetpu = one.runtime or library.version
    wanted = "tflite_runtime" if one.kind == "coral" else "ai_edge_litert"
    for name, version in one.tflite:
        sentence = known_crash(name, version, libedgetpu) if libedgetpu and name == wanted else None
        if sentence is not None:
            what, _, remedy = sentence.partition(". ")
            return what, remedy or "Use a libedgetpu that was built for it."
    return None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,4}", text)[:2])
