"""Which pairs of libedgetpu and TensorFlow Lite are known to crash. Pure.

libedgetpu is compiled against the C structures of one TensorFlow Lite and hands them over by value, so it works with
those versions only that lay them out alike. It is loaded without a check, and what does not fit ends in SIGSEGV.

Sources:

- https://github.com/google-coral/edgetpu/issues/812: Coral's own libedgetpu, made for TensorFlow 2.5, works with
  TensorFlow Lite up to 2.11.1 and crashes with 2.12 to 2.15; one that was built against 2.13.1 works with 2.13 to 2.15.
- https://github.com/tensorflow/tensorflow/issues/62371: the same crash in TensorFlow 2.14.
- https://github.com/blakeblackshear/frigate/pull/290: tflite-runtime 2.5 and Coral's 15.0 belong together.
- https://github.com/feranick/libedgetpu: builds for newer versions, named after them (``16.0TF2.19.1-1``).
- What ``edgetpu_version()`` of Coral's own build says, in several reports: ``BuildLabel(COMPILER=6.3.0 20170516,
  DATE=redacted,TIME=redacted), RuntimeVersion(14)``; for Windows its compiler is ``MSVC 192528612``.

ai-edge-litert begins with the code of TensorFlow 2.18, so to libedgetpu it is newer than 2.12.
"""

from __future__ import annotations

import re

FIRST_CRASHING = (2, 12)
REBUILT = "https://github.com/feranick/libedgetpu"
_TENSORFLOW = ("tflite_runtime", "tensorflow.lite", "tensorflow")
_LITERT = ("ai_edge_litert", "litert")
_STOCK_COMPILER = re.compile(r"COMPILER=(?:6\.3\.0 20170516|MSVC 192528612)\b")
_STOCK_PACKAGE = re.compile(r"1[0-6](?:\.\d+)*(?:-\d+)?")
_BUILT_FOR = re.compile(r"TF\s*(\d+)\.(\d+)", re.I)


def known_crash(tflite_library: str, version: str, libedgetpu: str) -> str | None:
    """The sentence that names a pair known to crash, with the remedy; None where nothing is known against it.

    Args:
        tflite_library: ``tflite_runtime``, ``tensorflow.lite`` or ``ai_edge_litert``, as the runner calls itself.
        version: its version, ``2.14.0``.
        libedgetpu: the version of its package (``16.0``, ``16.0TF2.19.1-1``), or the text of ``edgetpu_version()``.
    """
    if not is_stock(libedgetpu) or not _too_new(tflite_library, version):
        return None
    return (
        f"{tflite_library} {version} with Coral's own libedgetpu ({libedgetpu.strip()}) is known to crash (SIGSEGV): "
        "that library fits TensorFlow Lite up to 2.11.1. Install a libedgetpu that was built for a newer one "
        f"({REBUILT}), or run with an interpreter that has tflite-runtime 2.5 to 2.11"
    )


def is_stock(libedgetpu: str) -> bool:
    """Whether a version of libedgetpu, in either form, is that of a build by Coral."""
    text = libedgetpu.strip()
    if _BUILT_FOR.search(text):
        return False
    return bool(_STOCK_COMPILER.search(text) or _STOCK_PACKAGE.fullmatch(text))


def _too_new(library: str, version: str) -> bool:
    name = library.replace("-", "_").lower()
    if name in _LITERT:
        return True
    found = re.match(r"(\d+)\.(\d+)", version)
    return name in _TENSORFLOW and found is not None and (int(found[1]), int(found[2])) >= FIRST_CRASHING
