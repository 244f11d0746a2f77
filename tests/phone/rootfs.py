"""The read-only files of a phone: Android's layout around Debian's adbd."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.phone.debian import UnavailableError, run
from tests.phone.toybox import APPLETS

HERE = Path(__file__).parent
SYSTEM_FOLDERS = ("bin", "etc", "lib64", "xbin", "app", "framework")
TOP_FOLDERS = ("apex/phone/lib", "rooted/xbin", "vendor/bin", "vendor/lib64")
_USERS = (
    ("root", 0),
    ("system", 1000),
    ("log", 1007),
    ("adb", 1011),
    ("shell", 2000),
    ("inet", 3003),
    ("nobody", 9999),
)


def lay_out(base: Path, toybox: Path, target: Path) -> None:
    """Make the phone's root at `target` from unpacked Debian packages and a static toybox.

    There is no C library in the phone's own folders: adbd and its libraries hide below /apex, so a glibc program that
    is pushed fails as it does on a phone.
    """
    for name in (*(f"system/{folder}" for folder in SYSTEM_FOLDERS), *TOP_FOLDERS):
        (target / name).mkdir(parents=True)
    _daemon(base, target / "apex" / "phone")
    _native(target)
    _commands(base, toybox, target / "system" / "bin")
    _accounts(target / "system" / "etc")


def _daemon(base: Path, folder: Path) -> None:
    adbd = folder / "adbd"
    shutil.copy2(base / "usr/lib/android-sdk/platform-tools/adbd", adbd)
    (folder / "adbd-auth").write_bytes(demand_authorization(adbd.read_bytes()))
    (folder / "adbd-auth").chmod(0o755)
    places = [*base.glob("usr/lib/*-linux-gnu/android"), *base.glob("usr/lib/*-linux-gnu")]
    places += [base / "usr/lib64", base / "usr/lib"]
    waiting = [adbd]
    seen: set[str] = set()
    while waiting:
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run(["readelf", "--dynamic", waiting.pop()]))
        for name in set(needed) - seen:
            seen.add(name)
            source = next(place / name for place in places if (place / name).exists())
            shutil.copy2(source.resolve(), folder / "lib" / name)
            waiting.append(folder / "lib" / name)


def demand_authorization(adbd: bytes) -> bytes:
    """adbd as phones have it, asking for the host's key; Debian's build sets `auth_required` to false at the start.

    That store is `lea auth_required(%rip),%rax; movb $0,(%rax)`: the one of its form whose variable is compared with
    zero elsewhere.

    Raises:
        UnavailableError: this adbd is not built that way.
    """

    def variable(match: re.Match[bytes]) -> int:
        return match.start() + 7 + int.from_bytes(match[0][3:7], "little", signed=True)

    stores = list(re.finditer(rb"\x48\x8d\x05.{4}\xc6\x00\x00", adbd, re.DOTALL))
    tested = {variable(match) for match in re.finditer(rb"\x48\x8d\x05.{4}\x80\x38\x00", adbd, re.DOTALL)}
    found = [match for match in stores if variable(match) in tested]
    if len(found) != 1:
        raise UnavailableError(f"adbd has {len(found)} places that look like `auth_required = false`, not one")
    patched = bytearray(adbd)
    patched[found[0].end() - 1] = 1
    return bytes(patched)


def _native(target: Path) -> None:
    source, phone = HERE / "native", target / "apex" / "phone"
    warnings = ["-O1", "-Wall", "-Wextra", "-Werror"]
    run(["gcc", *warnings, "-static", source / "init.c", "-o", phone / "init"])
    run(["gcc", *warnings, "-static", source / "su.c", "-o", target / "rooted" / "xbin" / "su"])
    shim = phone / "lib" / "properties.so"
    run(["g++", *warnings, "-std=c++17", "-shared", "-fPIC", source / "properties.cc", "-o", shim])


def _commands(base: Path, toybox: Path, folder: Path) -> None:
    shutil.copy2(toybox, folder / "toybox")
    shutil.copy2(next(base.glob("usr/lib/*-linux-musl/bin/mksh")), folder / "sh")
    own = sorted(path for path in (HERE / "commands").iterdir() if path.is_file())
    shutil.copyfile(
        HERE / "commands" / "lib" / "functions.sh", folder.parent.parent / "apex" / "phone" / "functions.sh"
    )
    for path in own:
        shutil.copyfile(path, folder / path.name)
    for path in folder.iterdir():
        path.chmod(0o755)
    for name in sorted(set(APPLETS) - {path.name for path in own}):
        (folder / name).symlink_to("toybox")


def _accounts(folder: Path) -> None:
    passwd = (f"{name}:x:{number}:{number}::/:/bin/sh\n" for name, number in _USERS)
    (folder / "passwd").write_text("".join(passwd))
    (folder / "group").write_text("".join(f"{name}:x:{number}:\n" for name, number in _USERS))
    (folder / "hosts").write_text("127.0.0.1 localhost\n::1 ip6-localhost\n")


def host_libraries() -> tuple[tuple[Path, Path], ...]:
    """(file on this machine, path on the phone) of the C and C++ libraries that a program built here needs.

    They stand in for a phone's bionic. Empty where the loader is not glibc's.
    """
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    if not loader.exists():
        return ()
    names = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libstdc++.so.6", "libgcc_s.so.1")
    pairs = [(loader.resolve(), loader)]
    for name in names:
        for folder in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64"):
            path = Path(folder) / name
            if path.exists():
                pairs.append((path.resolve(), path))
                break
    return tuple(pairs)
