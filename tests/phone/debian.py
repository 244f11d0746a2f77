"""Debian packages without root: an apt state of our own, with the mirror and the transport settings of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SUITE = "trixie"
MIRROR_VARIABLE = "VIRTUAL_PHONE_MIRROR"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TIMEOUT_S = 300.0
UPDATE_TIMEOUT_S = 60.0


class UnavailableError(Exception):
    """This machine cannot have a virtual phone; the message says why, tests skip with it."""


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> str:
    """Standard output of a command.

    Raises:
        UnavailableError: it is missing, failed or took longer than `timeout_s`.
    """
    command = [str(part) for part in argv]
    environment = {**os.environ, **(env or {}), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise UnavailableError(f"{' '.join(command)[:200]}: {done.stderr.decode(errors='replace')[-600:]}")
    return done.stdout.decode(errors="replace")


def mirror() -> str:
    """The Debian archive that apt on this machine uses, or the one named in VIRTUAL_PHONE_MIRROR.

    Raises:
        UnavailableError: apt is missing or has no Debian archive.
    """
    named = os.environ.get(MIRROR_VARIABLE)
    if named:
        return named
    fields = "$(REPO_URI)|$(LABEL)"
    lines = {line.partition("|")[::2] for line in run(["apt-get", "indextargets", "--format", fields]).splitlines()}
    archives = sorted(uri for uri, label in lines if label == "Debian" or re.search(r"/debian/?$", uri))
    if not archives:
        raise UnavailableError(f"apt on this machine has no Debian archive: name one in {MIRROR_VARIABLE}")
    return archives[0]


class Archive:
    """One architecture of a suite. Everything apt writes is below `folder`."""

    def __init__(self, folder: Path, architecture: str, suite: str = SUITE) -> None:
        self._folder = folder
        self._debs = folder / "cache" / "archives"
        for path in (folder / "lists" / "partial", self._debs / "partial"):
            path.mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        lines = (f"{kind} {signed}{mirror()} {suite} main\n" for kind in ("deb", "deb-src"))
        (folder / "sources.list").write_text("".join(lines))
        config = folder / "apt.conf"
        config.touch(mode=0o600)  # a proxy's address may hold a password
        config.write_text(_settings(folder, architecture) + _transport())
        self._env = {"APT_CONFIG": str(config)}
        run(["apt-get", "-qq", "update"], env=self._env, timeout_s=UPDATE_TIMEOUT_S)

    def unpack(self, packages: Sequence[str], target: Path) -> None:
        """The files of the packages and of all they depend on, without running anything of theirs."""
        run(["apt-get", "-qq", "-y", "--download-only", "install", *packages], env=self._env)
        target.mkdir(parents=True)
        for deb in sorted(self._debs.glob("*.deb")):
            run(["dpkg-deb", "--extract", deb, target])

    def extract(self, package: str, member: str, target: Path) -> None:
        """One file of a package, without what the package depends on."""
        folder = self._folder / f"package-{package}"
        folder.mkdir()
        run(["apt-get", "-qq", "download", package], cwd=folder, env=self._env)
        tarball = folder / "files.tar"
        with tarball.open("wb") as output:
            subprocess.run(
                ["dpkg-deb", "--fsys-tarfile", next(folder.glob("*.deb"))],
                stdout=output,
                timeout=TIMEOUT_S,
                check=True,
            )
        target.mkdir(parents=True)
        run(["tar", "-xf", tarball, "-C", target, "--no-same-owner", member])
        shutil.rmtree(folder)

    def source(self, package: str, target: Path) -> None:
        """The upstream sources of a package."""
        folder = self._folder / f"source-{package}"
        folder.mkdir()
        run(["apt-get", "-qq", "source", "--tar-only", package], cwd=folder, env=self._env)
        tarball = next(folder.glob("*.orig.tar.*"))
        target.mkdir(parents=True)
        run(["tar", "-xf", tarball, "-C", target, "--strip-components=1", "--no-same-owner"])
        shutil.rmtree(folder)


def _settings(folder: Path, architecture: str) -> str:
    return (
        f'APT::Architecture "{architecture}"; APT::Architectures "{architecture}";\n'
        f'APT::Install-Recommends "false"; APT::Sandbox::User "root"; Acquire::Languages "none";\n'
        'APT::Update::Error-Mode "any";\n'
        f'Dir::State "{folder}"; Dir::State::status "{folder}/status"; Dir::Cache "{folder}/cache";\n'
        f'Dir::Etc::sourcelist "{folder}/sources.list"; Dir::Etc::sourceparts "/dev/null";\n'
        'Dir::Etc::main "/dev/null"; Dir::Etc::parts "/dev/null";\n'
        'Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "/dev/null";\n'
    )


def _transport() -> str:
    """How this machine reaches its mirror (proxies, retries, checks), without the hooks that its apt runs."""
    lines = run(["apt-config", "dump"]).splitlines()
    wanted = (line for line in lines if line.startswith("Acquire::") and not line.startswith("Acquire::Languages"))
    patience = 'Acquire::Retries "1"; Acquire::http::Timeout "15"; Acquire::https::Timeout "15";'
    return "\n".join([*wanted, patience]) + "\n"
