"""A static toybox with the commands that Android ships, from Debian's source package.

Debian's own build lacks dd, tr, expr, diff and others that every phone has, and it needs the C library.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from tests.phone.debian import Archive, UnavailableError, run

APPLETS = tuple((Path(__file__).parent / "applets.txt").read_text().split())
_GENERAL = ("TOYBOX_FLOAT", "TOYBOX_HELP", "TOYBOX_I18N", "TOYBOX_FORK", "SORT_FLOAT")


def build(archive: Archive, work: Path, target: Path) -> None:
    """Compile toybox and copy the program to `target`.

    Raises:
        UnavailableError: no compiler, no make, or the sources do not build here.
    """
    for tool in ("gcc", "make"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"no {tool}: the phone's toybox cannot be built (apt-get install gcc make)")
    archive.source("toybox", work)
    run(["make", "allnoconfig"], cwd=work)
    config = work / ".config"
    config.write_text(configured(config.read_text()))
    run(["make", "silentoldconfig"], cwd=work)
    flags = {"CFLAGS": "-O1 -w -std=gnu11", "LDFLAGS": "--static", "CC": "gcc", "HOSTCC": "gcc", "CROSS_COMPILE": ""}
    run(["make", "toybox"], cwd=work, env={**flags, "CPUS": str(os.cpu_count() or 1)})
    shutil.copy2(work / "toybox", target)


def configured(config: str) -> str:
    """The text of a .config with Android's commands switched on."""
    wanted = {_option(name) for name in APPLETS} | set(_GENERAL)
    lines = []
    for line in config.splitlines():
        unset = re.fullmatch(r"# CONFIG_(\w+) is not set", line)
        lines.append(f"CONFIG_{unset[1]}=y" if unset and unset[1] in wanted else line)
    return "\n".join(lines) + "\n"


def _option(applet: str) -> str:
    return "TEST" if applet == "[" else applet.upper()
