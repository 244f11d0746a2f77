from __future__ import annotations

import pytest

from harness.runtimes.edgetpu_pairs import is_stock, known_crash

STOCK = "BuildLabel(COMPILER=6.3.0 20170516,DATE=redacted,TIME=redacted), RuntimeVersion(14)"
REBUILT = "BuildLabel(COMPILER=14.2.0,DATE=Feb 22 2026,TIME=09:51:57), RuntimeVersion(14)"


@pytest.mark.parametrize(
    ("library", "version", "libedgetpu", "crashes"),
    [
        ("tflite_runtime", "2.5.0.post1", "16.0", False),
        ("tflite_runtime", "2.11.1", STOCK, False),
        ("tflite_runtime", "2.12.0", "16.0", True),
        ("tflite_runtime", "2.14.0", STOCK, True),
        ("tflite-runtime", "2.14.0", "15.0", True),
        ("tensorflow.lite", "2.14.0", "16.0", True),
        ("tensorflow.lite", "2.9.3", "16.0", False),
        ("ai_edge_litert", "1.0.1", "16.0", True),
        ("ai_edge_litert", "2.3.0", STOCK, True),
        ("ai_edge_litert", "2.3.0", "16.0TF2.19.1-1", False),
        ("tflite_runtime", "2.17.1", "16.0tf2.17.1-1.bookworm", False),
        ("ai_edge_litert", "2.3.0", REBUILT, False),
        ("tflite_runtime", "unknown", "16.0", False),
        ("tflite_runtime", "2.14.0", "", False),
        ("another", "3.0", "16.0", False),
    ],
)
def test_pairs_from_reports(library: str, version: str, libedgetpu: str, crashes: bool) -> None:
    found = known_crash(library, version, libedgetpu)
    assert (found is not None) is crashes
    if found is not None:
        for word in (library, version, libedgetpu, "SIGSEGV", "https://github.com/feranick/libedgetpu"):
            assert word in found


def test_a_debian_revision_is_still_corals() -> None:
    assert is_stock("16.0-1")
    assert is_stock(" 14.1\n")
    assert not is_stock("160")
    assert not is_stock("16.0TF2.13.1-1")
