"""A real benchmark_model 2.14.1 for the virtual phone, from Debian's source package of TensorFlow.

Only Debian's unstable suite has the library that it links, built for a newer C library than this machine's. So it is
compiled among the files of that suite, and its loader and libraries go with it, to a fixed place on the phone. It has
XNNPACK and no GPU, NNAPI or Hexagon delegate; its assertions are off.

155 MB of packages and 56 MB of sources are fetched once; `build_seconds` in the cached folder has the time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.phone.build import kept
from tests.phone.debian import Archive, UnavailableError, run
from tests.phone.phone import VirtualPhone

SUITE = "sid"
LIBRARIES = "data/local/tmp/debian-libraries"  # where loader and libraries lie on the phone
LOADER = "ld-linux-x86-64.so.2"
PACKAGES = (
    *("g++", "libc6-dev", "libtensorflow-lite-dev", "libxnnpack-dev", "libabsl-dev", "libflatbuffers-dev"),
    *("libruy-dev", "libgemmlowp-dev", "libfarmhash-dev", "libcpuinfo-dev", "libpthreadpool-dev", "libfft2d-dev"),
    *("libeigen3-dev", "libneon-2-sse-dev", "libfp16-dev", "libegl-dev", "libgles-dev", "opencl-c-headers"),
)
_SOURCES = {
    "tensorflow/lite/tools/benchmark": "benchmark_main benchmark_model benchmark_tflite_model benchmark_utils "
    "profiling_listener register_custom_op",
    "tensorflow/lite/tools": "command_line_flags model_loader tool_params utils",
    "tensorflow/lite/tools/delegates": "delegate_provider default_execution_provider external_delegate_provider "
    "xnnpack_delegate_provider",
    "tensorflow/lite/tools/evaluation": "utils",
    "tensorflow/lite/delegates/external": "external_delegate",
    "tensorflow/lite/delegates/xnnpack": "xnnpack_delegate quantization_util",
    "tensorflow/lite/core/acceleration/configuration/c": "xnnpack_plugin",
    "tensorflow/lite/profiling": "memory_info memory_usage_monitor platform_profiler profile_buffer "
    "profile_summarizer profile_summary_formatter root_profiler time",
    "tensorflow/tsl/util": "stats_calculator",
}
_FLAGS = (
    *("-c", "-O1", "-w", "-std=c++17", "-DNDEBUG", "-include", "cstdint"),
    *("-DXNNPACK_DELEGATE_ENABLE_QS8", "-DXNNPACK_DELEGATE_ENABLE_QU8"),
    *("-I/src", "-I/src/third_party", "-I/usr/include/eigen3", "-I/usr/include/gemmlowp"),
)


def benchmark_model() -> Path:
    """A folder with ``benchmark_model`` and ``libraries/``, built when it is not there yet.

    Raises:
        UnavailableError: no network, no bubblewrap, or it does not build here.
    """
    if shutil.which("bwrap") is None:
        raise UnavailableError("no bwrap: benchmark_model cannot be built (apt-get install bubblewrap)")
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    return kept(f"benchmark_model-{SUITE}-{key}", _build)


def install_libraries(folder: Path, phone: VirtualPhone) -> None:
    """Lay the libraries of a built `folder` where the program looks for them on `phone`."""
    target = phone.state_dir / LIBRARIES
    shutil.copytree(folder / "libraries", target)
    for path in (target, *target.iterdir()):
        path.chmod(0o755)


def _build(target: Path) -> None:
    begin = time.monotonic()
    work = target.parent
    root, sources, objects = work / "root", work / "sources", work / "objects"
    archive = Archive(work / "apt", "amd64", SUITE)
    archive.unpack(PACKAGES, root)
    archive.source("tensorflow", sources)
    objects.mkdir()
    for name in ("bin", "lib", "lib64"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("tmp", "proc", "dev", "src", "out"):
        (root / name).mkdir(exist_ok=True)
    box = _box(root, sources, objects)
    _compile(box)
    target.mkdir()
    _link(box, root)
    shutil.copy2(objects / "benchmark_model", target)
    _copy_libraries(box, root, target / "libraries")
    (target / "build_seconds").write_text(f"{time.monotonic() - begin:.0f}\n")


def _box(root: Path, sources: Path, objects: Path) -> tuple[str, ...]:
    """The start of a command that runs among the files of the suite, without a network."""
    return (
        *("bwrap", "--bind", str(root), "/", "--ro-bind", str(sources), "/src", "--bind", str(objects), "/out"),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--unshare-net", "--die-with-parent"),
        *("--setenv", "PATH", "/usr/bin"),
    )


def _units() -> list[tuple[str, str]]:
    """Each source below /src and its object below /out."""
    paths = [f"{folder}/{name}" for folder, names in _SOURCES.items() for name in names.split()]
    return [(f"/src/{path}.cc", f"/out/{path.replace('/', '_')}.o") for path in paths]


def _compile(box: tuple[str, ...]) -> None:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(lambda unit: run([*box, "g++", *_FLAGS, "-o", unit[1], unit[0]]), _units()))


def _link(box: tuple[str, ...], root: Path) -> None:
    abseil = sorted(path.name for path in (root / "usr/lib/x86_64-linux-gnu").glob("libabsl_*.so"))
    named = ("tensorflow-lite", "XNNPACK", "pthreadpool", "cpuinfo", "flatbuffers")
    run(
        [
            *(*box, "g++", "-o", "/out/benchmark_model", *(target for _, target in _units()), "-Wl,--as-needed"),
            *(*(f"-l{name}" for name in named), *(f"-l:{name}" for name in abseil)),
            # The old kind of run path is also searched for what the libraries themselves need.
            *(f"-Wl,--dynamic-linker=/{LIBRARIES}/{LOADER}", f"-Wl,-rpath,/{LIBRARIES}", "-Wl,--disable-new-dtags"),
        ]
    )


def _copy_libraries(box: tuple[str, ...], root: Path, target: Path) -> None:
    """All libraries that the program loads, by what the suite's own loader says."""
    target.mkdir()
    listed = run([*box, f"/lib64/{LOADER}", "--list", "/out/benchmark_model"])
    names = [line.split()[0] for line in listed.splitlines() if "=> /" in line]
    for name in (*(name for name in names if "/" not in name), LOADER):
        shutil.copy2((root / "usr/lib/x86_64-linux-gnu" / name).resolve(), target / name)
