"""Qualcomm's QNN: which files a SoC needs, whether they are of one release, and what its errors mean. Pure but for
reading library files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from harness.devices.android.soc import FIRST_HTP, hexagon_architecture
from harness.domain import DeviceFacts

# A release is three numbers and the date and time of its build: 2.44.0.260225…
_RELEASE = re.compile(rb"(?<![\d.])v?(2\.\d{1,2}\.\d{1,2}\.\d{6})\d{0,6}(?!\d)")
_CHUNK = 1 << 20
_OVERLAP = 64

# What the log says, and what to do about it.
_CODE = r"(?i:error|code|fail\w*|status|returned|result)[^\d\n]{0,24}"  # a bare number may be a time
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"0x80000406|Unable to load Skel Library|" + _CODE + r"\b1008\b",
        "the DSP did not find the skel library: put libQnnHtpV{arch}Skel.so of the same QAIRT release into the folder "
        "of `libraries`",
    ),
    (
        r"0x80000416|Unknown rpc status 0x0*16|" + _CODE + r"\b1003\b",
        "the DSP refused the session: this firmware does not allow it from a shell; try `session: unsigned`, or "
        "another phone",
    ),
    (
        _CODE + r"\b14001\b|device create.*\b(?:4000|14001)\b",
        "the device could not be created: the skel is not on ADSP_LIBRARY_PATH, or the libraries are of several QAIRT "
        "releases; take all from one",
    ),
    (r"PrepareLib isn't loaded", "libQnnHtpPrepare.so is missing in the folder of `libraries`"),
    (
        r"(?i)build.?id mismatch|context binary.*(version|mismatch)",
        "the model was compiled for another QAIRT release: compile it again, or use the libraries of that release",
    ),
    (
        r"(?i)version mismatch|below the minimum",
        "the delegate and the QNN libraries are of different releases: take all from one QAIRT release",
    ),
)


def htp_arch(facts: DeviceFacts) -> int | None:
    """The Hexagon architecture (75 for v75) of a phone's chip; None when not known."""
    return next((arch for word in facts.soc.split() if (arch := hexagon_architecture(word)) is not None), None)


def soc_files(kind: str, arch: int) -> tuple[str, ...]:
    """The names of the files that depend on the SoC: ``qnn htp`` needs a stub and a skel of its architecture."""
    if kind == "qnn htp":
        return ("libQnnHtpPrepare.so", f"libQnnHtpV{arch}Stub.so", f"libQnnHtpV{arch}Skel.so")
    if kind == "qnn dsp":
        return (f"libQnnDspV{arch}Stub.so", f"libQnnDspV{arch}Skel.so")
    return ()


def arch_problem(kind: str, facts: DeviceFacts) -> str | None:
    """Why the QNN backend `kind` does not fit the SoC, or None."""
    arch = htp_arch(facts)
    if kind == "qnn gpu":
        return None
    if arch is None:
        return f"the Hexagon architecture of the SoC {facts.soc or 'unknown'} is not known, so its files cannot be told"
    if kind == "qnn htp" and arch < FIRST_HTP:
        return f"{facts.soc} has a Hexagon v{arch} without HTP; use `backend: dsp`"
    if kind == "qnn dsp" and arch >= FIRST_HTP:
        return f"{facts.soc} has an HTP (v{arch}); use `backend: htp`"
    return None


def releases(path: Path) -> frozenset[str]:
    """The QAIRT releases that a library's bytes name, such as ``2.44.0.260225``.

    Raises:
        OSError: it cannot be read.
    """
    found: set[str] = set()
    with path.open("rb") as stream:
        kept = b""
        while block := stream.read(_CHUNK):
            window = kept + block
            found.update(match[1].decode() for match in _RELEASE.finditer(window))
            kept = window[-_OVERLAP:]
    return frozenset(found)


def release_problem(paths: Iterable[Path]) -> str | None:
    """Why libraries cannot be of one QAIRT release, or None. A library that names no release is taken as it is."""
    named = [(path, found) for path in paths if path.name.startswith("libQnn") and (found := releases(path))]
    if not named or frozenset.intersection(*(found for _, found in named)):
        return None
    listed = ", ".join(f"{path.name} {'/'.join(sorted(found))}" for path, found in named)
    return f"the QNN libraries are of different QAIRT releases ({listed}); take all of them from one"


def advice(log: str, facts: DeviceFacts) -> str:
    """What to do about the first QNN error in `log`, or an empty text."""
    arch = htp_arch(facts)
    for pattern, text in _ADVICE:
        if re.search(pattern, log):
            return text.replace("{arch}", str(arch) if arch is not None else "NN")
    return ""
