"""Many small commands on a phone in one round trip, each with its own output and exit code.

The answers lie between lines that begin with a random word, so nothing that a command prints can pass for another's.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.devices.android.shell import Shell

TIMEOUT_S = 30.0
Root = tuple[str, ...]
# How a command is run as root: () where the shell itself is root, else one of the dialects of su.
ROOT_WAYS: tuple[Root, ...] = ((), ("su", "-c"), ("su", "0"), ("su", "root"))


def root_way(name: str | None) -> Root | None:
    """From the word of the phone's facts: ``adb`` (the shell is root), ``su -c``, ``su 0``, ``su root``, or None.

    Raises:
        ValueError: it is none of these.
    """
    if name is None:
        return None
    way = () if name == "adb" else tuple(name.split())
    if way not in ROOT_WAYS:
        raise ValueError(f"{name!r} is no way to become root")
    return way


@dataclass(frozen=True)
class Command:
    """`text` is POSIX sh that may not exit; `key` names its answer and holds no spaces. After a failure of a `needed`
    command nothing more is run."""

    key: str
    text: str
    root: bool = False
    needed: bool = False


@dataclass(frozen=True)
class Answer:
    """The exit code and what was printed on both streams, without trailing space; carriage returns are dropped."""

    code: int
    text: str

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.code == 0

    @property
    def first_line(self) -> str:
        """The first line that says anything, shortened: a reason for a person."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[0][:160] if lines else f"exit code {self.code}"


def run_batch(
    shell: Shell,
    commands: Iterable[Command],
    *,
    root: Root | None = None,
    timeout_s: float = TIMEOUT_S,
    word: Callable[[], str] = lambda: secrets.token_hex(8),
) -> dict[str, Answer]:
    """Run `commands` in order, in one round trip; answers by key.

    A command that was not reached (an earlier needed one failed, or root was refused) has no answer.

    Args:
        root: how to become root; root commands are left out when it is None.

    Raises:
        DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `Shell.shell`.
    """
    wanted = [command for command in commands if root is not None or not command.root]
    if not wanted:
        return {}
    mark = f"@{word()}"
    result = shell.shell(_script(wanted, root, mark), timeout_s=timeout_s)
    return _answers(result.stdout.decode("utf-8", "replace"), mark)


def as_root(root: Root, script: str) -> str:
    """`script`, sh text, wrapped to run as root."""
    if not root:
        return script
    way = root if root[-1] == "-c" else (*root, "sh", "-c")
    return f"{shlex.join(way)} {shlex.quote(script)}"


def _script(commands: Sequence[Command], root: Root | None, mark: str) -> str:
    begin = f"b() {{ printf '%s\\n' \"{mark} $1\"; }}"
    parts = [begin]
    for needs_root, group in groupby(commands, key=lambda command: command.root):
        body = "\n".join(_one(command, mark) for command in group)
        parts.append(as_root(root, f"{begin}\n{body}") if needs_root and root else body)
        # A needed command that failed ends its own shell with 99, be it that of su or this one.
        parts.append("[ $? -ne 99 ] || exit 99")
    return "\n".join(parts)


def _one(command: Command, mark: str) -> str:
    """A subshell, so that `exit` and variables of one command leave the next alone."""
    after = f"c=$?; printf '\\n%s\\n' \"{mark} = $c\""
    stop = "\n[ $c -eq 0 ] || exit 99" if command.needed else ""
    return f"b {shlex.quote(command.key)}\n(\n{command.text}\n) </dev/null 2>&1\n{after}{stop}"


def _answers(output: str, mark: str) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    key, lines = "", list[str]()
    for line in output.replace("\r", "").split("\n"):
        word, _, rest = line.partition(" ")
        if word != mark:
            lines.append(line)
        elif rest.startswith("= ") and key:
            code = rest[2:]
            answers[key] = Answer(int(code) if re.fullmatch(r"[0-9]{1,3}", code) else 255, "\n".join(lines).strip())
            key = ""
        else:
            key, lines = rest, []
    return answers
