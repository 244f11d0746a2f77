"""Which files of this host a case needs on the device: the tool, its libraries, the delegate's. Reads files only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from harness.content import file_digest
from harness.domain import Backend, DeviceFacts, RuntimeRef
from harness.runtimes.binaries import fetched_tool
from harness.runtimes.delegates import Delegate
from harness.runtimes.elf import machine_of, runs_on
from harness.runtimes.published import PLATFORM_BY_ABI, TOOL
from harness.runtimes.qnn import arch_problem, htp_arch, release_problem, soc_files

Files = Mapping[str, Path]


@lru_cache(maxsize=512)
def _digest(path: str, size_bytes: int, changed_ns: int, inode: int) -> str:
    return file_digest(Path(path))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read again only when the file has changed.

    Raises:
        OSError: it cannot be read.
    """
    status = path.stat()
    return _digest(str(path), status.st_size, status.st_mtime_ns, status.st_ino)


def tool_file(runtime: RuntimeRef, facts: DeviceFacts, binaries: Path) -> Path | str:
    """The tool's program for a device, or the sentence that says what to do to have one.

    Args:
        binaries: where `harness fetch-binaries` keeps what it fetched.
    """
    options = dict(runtime.options)
    if named := options.get("binary"):
        path = Path(named).expanduser()
        if not path.is_file():
            return f"the benchmark_model {named!r} is not a file; correct `runtime.benchmark_model.binary`"
    else:
        found = _fetched(options.get("release", ""), facts, binaries)
        if isinstance(found, str):
            return found
        path = found
    if not runs_on(path, facts.abis):
        return f"{path} is a program for {machine_of(path)}; this device runs {', '.join(facts.abis)}"
    return path


def _fetched(release: str, facts: DeviceFacts, binaries: Path) -> Path | str:
    platforms = _platforms(facts)
    for platform in platforms:
        path = fetched_tool(binaries, platform, release)
        if path is not None:
            return path
    remedy = f" or run `harness fetch-binaries --only '*/{platforms[0]}/*'`" if platforms else ""
    return f"there is no benchmark_model for this device; name one with `runtime.benchmark_model.binary`{remedy}"


def _platforms(facts: DeviceFacts) -> list[str]:
    if facts.kind == "host":
        import platform

        return [f"linux_{'arm64' if platform.machine() in ('aarch64', 'arm64') else platform.machine()}"]
    return list(dict.fromkeys(PLATFORM_BY_ABI[abi] for abi in facts.abis if abi in PLATFORM_BY_ABI))


def tool_libraries(runtime: RuntimeRef, tool: Path) -> Files | str:
    """Libraries that go with the tool: those of the folder `libraries`, or those fetched together with it."""
    named = dict(runtime.options).get("libraries")
    if named:
        folder = Path(named).expanduser()
        files = _libraries(folder)
        return files or f"there is no library (*.so) in {named!r}; correct `runtime.benchmark_model.libraries`"
    # Next to a tool of another name may lie anything.
    return _libraries(tool.parent) if tool.name == TOOL and (tool.parent / "libLiteRt.so").is_file() else {}


def _libraries(folder: Path) -> Files:
    return {path.name: path for path in sorted(folder.glob("*.so")) if path.is_file()}


def delegate_files(row: Delegate, backend: Backend, facts: DeviceFacts) -> Files | str:
    """The delegate's files by name, or the sentence that says which is missing or does not fit."""
    if not row.folder_option:
        return {}
    named = dict(backend.options)[row.folder_option]
    root = Path(named).expanduser()
    if row.own_options:
        found = _external(root, dict(backend.options).get("libraries", ""))
    else:
        problem = arch_problem(row.kind, facts) if row.soc_libraries else None
        found = problem or _from_folder(row, root, facts)
    return found if isinstance(found, str) else _fitting(row, found, facts)


def _external(library: Path, libraries: str) -> Files | str:
    if not library.is_file():
        return f"the delegate's library {str(library)!r} is not a file; correct `path`"
    folder = Path(libraries).expanduser() if libraries else None
    if folder is not None and not folder.is_dir():
        return f"{libraries!r} is not a folder; correct `libraries`"
    return {**(_libraries(folder) if folder else {}), library.name: library}


def _from_folder(row: Delegate, root: Path, facts: DeviceFacts) -> Files | str:
    if not root.is_dir():
        return f"{str(root)!r} is not a folder; correct `{row.folder_option}`"
    arch = htp_arch(facts)
    wanted = [*row.files, *(soc_files(row.kind, arch) if row.soc_libraries and arch is not None else ())]
    found: dict[str, Path] = {}
    missing: list[str] = []
    for pattern in wanted:
        matches = _find(root, pattern, arch)
        found.update((path.name, path) for path in matches)
        if not matches:
            missing.append(pattern)
    if missing:
        return f"{root} lacks {', '.join(missing)}, which the {row.kind} backend needs on this phone"
    return found


def _find(root: Path, pattern: str, arch: int | None) -> list[Path]:
    """Files in the folder itself, or where the QAIRT SDK has them below its ``lib``."""
    inside = ["", "aarch64-android", f"hexagon-v{arch}/unsigned"]
    for folder in [root / name for name in inside] + [root / "lib" / name for name in inside]:
        matches = sorted(path for path in folder.glob(pattern) if path.is_file())
        if matches:
            return matches
    return []


def _fitting(row: Delegate, files: Files, facts: DeviceFacts) -> Files | str:
    for path in files.values():
        if machine_of(path) != "Hexagon" and not runs_on(path, facts.abis):
            return f"{path} is for {machine_of(path)}; this device runs {', '.join(facts.abis)}"
    problem = release_problem(files.values()) if row.soc_libraries else None
    return problem or files


def digest_of(files: Iterable[Path]) -> str:
    """One digest of several files, to tell sets of libraries apart."""
    return hashlib.sha256("".join(sorted(file_sha256(path) for path in files)).encode()).hexdigest()
