"""Which files Google publishes, and where: data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.errors import UsageError

LITERT_URL = "https://storage.googleapis.com/litert/binaries"
TFLITE_URL = "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly"
LITERT_VERSION = "2.2.0"
LITERT_RELEASE = f"litert-{LITERT_VERSION}"
TFLITE_RELEASE = "tflite-nightly"
TOOL = "benchmark_model"

_ANDROID = ("libLiteRt.so", "libLiteRtClGlAccelerator.so")
_QUALCOMM = ("libLiteRtDispatch_Qualcomm.so", "libLiteRtCompilerPlugin_Qualcomm.so")
_LITERT_FILES = {
    "android_arm64": (TOOL, *_ANDROID, *_QUALCOMM),
    "linux_x86_64": (TOOL, "libLiteRt.so"),
    "linux_arm64": (TOOL, "libLiteRt.so"),
}
# Google's name of a platform: its files. `latest` moves: what was fetched first is what counts.
_TFLITE_FILES = {
    "android_arm64": ("android_aarch64", (TOOL, "libhexagon_interface.so")),
    "android_arm": ("android_arm", (TOOL,)),
    "linux_x86_64": ("linux_x86-64", (TOOL,)),
    "linux_arm64": ("linux_aarch64", (TOOL,)),
}
PLATFORM_BY_ABI = {
    "arm64-v8a": "android_arm64",
    "armeabi-v7a": "android_arm",
    "armeabi": "android_arm",
}

# SHA-256 by key, of files that were downloaded and checked when this version was made.
CHECKED_SHA256: dict[str, str] = {}


@dataclass(frozen=True)
class Published:
    """A file that Google publishes. `path` is its place below the release's address."""

    release: str
    platform: str
    file: str
    base: str
    path: str

    @property
    def key(self) -> str:
        """``litert-2.2.0/android_arm64/benchmark_model``."""
        return f"{self.release}/{self.platform}/{self.file}"

    @property
    def url(self) -> str:
        """Where Google has it."""
        return f"{self.base}/{self.path}"

    @property
    def checked_sha256(self) -> str:
        """The digest that was checked for this version of the harness, or an empty text."""
        return CHECKED_SHA256.get(self.key, "")


PUBLISHED: tuple[Published, ...] = (
    *(
        Published(LITERT_RELEASE, platform, file, LITERT_URL, f"{LITERT_VERSION}/{platform}/{file}")
        for platform, files in _LITERT_FILES.items()
        for file in files
    ),
    *(
        Published(TFLITE_RELEASE, platform, file, TFLITE_URL, f"latest/{theirs}_{file}")
        for platform, (theirs, files) in _TFLITE_FILES.items()
        for file in files
    ),
)


def select(only: Sequence[str]) -> tuple[Published, ...]:
    """The published files that a pattern names: a release, a platform, a file, or parts of ``release/platform/file``.

    Raises:
        UsageError: a pattern names none.
    """
    chosen: dict[str, Published] = {}
    for pattern in only:
        found = [one for one in PUBLISHED if _matches(one, pattern)]
        if not found:
            names = ", ".join(dict.fromkeys(word for one in PUBLISHED for word in one.key.split("/")))
            raise UsageError(f"no published file is called {pattern!r}", remedy=f"Use names such as: {names}.")
        chosen.update((one.key, one) for one in found)
    return tuple(one for one in PUBLISHED if one.key in chosen)


def _matches(one: Published, pattern: str) -> bool:
    words = one.key.split("/")
    spans = {"/".join(words[start:end]) for start in range(3) for end in range(start + 1, 4)}
    return any(fnmatchcase(span, pattern) for span in spans)
