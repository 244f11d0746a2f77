"""YAML text to plain values, each with its place in the file.

ruamel.yaml delivers the parse events; the tree is built here, without recursion, because the file is untrusted: depth
and size are bounded while reading, aliases and tags are refused, and every duplicate key is found, not only the first.
Scalars follow the core schema of YAML 1.2.2 (section 10.3.2): ``no`` and ``1:30`` are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.sweep.findings import Finding, KeyPath, Place, dotted, printable

MAX_DEPTH = 16
MAX_NODES = 20_000

_INT = re.compile(r"[-+]?[0-9]{1,40}")
_BASED_INT = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,4})?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}
_INDENT_TAB = re.compile(r"^ *\t", re.MULTILINE)


@dataclass
class Document:
    """A tree of dict, list and scalars, with the places of its keys and values and the plain scalars as written.

    `broken` holds paths whose value could not be read; a finding has been made for each.
    """

    value: Any = None
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    values: dict[KeyPath, Place] = field(default_factory=dict)
    raw: dict[KeyPath, str] = field(default_factory=dict)
    broken: list[KeyPath] = field(default_factory=list)

    def place(self, path: KeyPath, *, key: bool = False) -> Place:
        """Where `path` stands (its key, with `key`), or its nearest ancestor that stands anywhere."""
        if key and path in self.keys:
            return self.keys[path]
        while path not in self.values and path:
            path = path[:-1]
        return self.values[path]

    def has(self, path: KeyPath) -> bool:
        """Whether there is a value at `path`."""
        node = self.value
        for part in path:
            inside = range(len(node)) if isinstance(node, list) else node if isinstance(node, dict) else ()
            if part not in inside:
                return False
            node = node[part]
        return True

    def forget(self, path: KeyPath) -> None:
        """Drop the places of `path` and of everything below it."""
        for table in (self.keys, self.values, self.raw):
            for known in [known for known in table if known[: len(path)] == path]:
                table.pop(known)


@dataclass
class _Frame:
    """An open collection. `key` waits for its value; `keep` is False when that value is to be thrown away.

    `dropped` marks a collection that is itself thrown away: a key, or below a duplicate key.
    """

    container: dict[str, Any] | list[Any]
    path: KeyPath
    is_key: bool = False
    dropped: bool = False
    key: str | None = None
    keep: bool = True


class TooMuchError(Exception):
    """The text is deeper or larger than any sweep; carries the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class _Builder:
    """Takes parse events in order and grows a `Document` and its findings."""

    def __init__(self, place_of: Callable[[int, int], Place]) -> None:
        self.document = Document()
        self.findings: list[Finding] = []
        self.place_of = place_of
        self.place = place_of(0, 0)
        self._stack: list[_Frame] = []
        self._nodes = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Handle one event of ruamel.yaml's parser."""
        self.place = self.place_of(event.start_mark.line, event.start_mark.column)
        handler = self._HANDLERS.get(type(event).__name__)
        if handler is not None:
            handler(self, event)

    def _document(self, _event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise TooMuchError(Finding(self.place, "", "a second YAML document begins; a sweep file holds one"))

    def _open(self, event: Any) -> None:
        self._check_properties(event)
        container: dict[str, Any] | list[Any] = {} if type(event).__name__.startswith("Mapping") else []
        is_key = self._awaits_key()
        frame = _Frame(container, self._path(), is_key, dropped=is_key or not self._keeps())
        if is_key:
            self._find("a key must be plain text, not a list or mapping")
        else:
            self._put(container)
        self._stack.append(frame)
        self._count()

    def _close(self, _event: Any) -> None:
        if self._stack.pop().is_key:
            self._stack[-1].key, self._stack[-1].keep = "", False

    def _scalar(self, event: Any) -> None:
        self._check_properties(event)
        self._count()
        readable = str(event.value).isprintable()
        if not readable:
            self._find(f"control characters are not allowed: {printable(repr(event.value))}")
        if self._awaits_key():
            self._take_key(event.value)
            return
        path = self._path()
        plain = event.style is None
        if plain and not event.value:
            self.place = self.document.keys.get(path, self.place)  # nothing stands there: point at the key
        if plain and self._keeps():
            self.document.raw.setdefault(path, event.value)
        self._put(core_value(event.value) if plain else event.value, broken=not readable)

    def _alias(self, event: Any) -> None:
        self._count()
        self._find(f"the alias *{printable(event.anchor)} is not supported; write the value out")
        if self._awaits_key():
            self._stack[-1].key, self._stack[-1].keep = "", False
        else:
            self._put(None, broken=True)

    def _awaits_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].container, dict) and self._stack[-1].key is None

    def _keeps(self) -> bool:
        return not self._stack or (self._stack[-1].keep and not self._stack[-1].dropped)

    def _path(self) -> KeyPath:
        if not self._stack:
            return ()
        frame = self._stack[-1]
        if isinstance(frame.container, list):
            return (*frame.path, len(frame.container))
        return frame.path if frame.key is None else (*frame.path, frame.key)

    def _take_key(self, key: str) -> None:
        frame = self._stack[-1]
        path = (*frame.path, key)
        frame.key, frame.keep = key, key not in frame.container
        if not frame.keep and not frame.dropped:
            first = self.document.place(path, key=True)
            self._find(f"duplicate key; the first is at {first.line}:{first.column}", path)
        elif self._keeps():
            self.document.keys[path] = self.place

    def _put(self, value: Any, *, broken: bool = False) -> None:
        """Attach `value` where the next value belongs and remember its place."""
        path = self._path()
        if self._keeps():
            self.document.values.setdefault(path, self.place)
            if broken:
                self.document.broken.append(path)
        if not self._stack:
            self.document.value = value
            return
        frame = self._stack[-1]
        if isinstance(frame.container, list):
            frame.container.append(value)
            return
        if frame.keep:
            frame.container[frame.key or ""] = value
        frame.key = None

    def _check_properties(self, event: Any) -> None:
        tag = getattr(event, "ctag", None)
        if tag is not None and str(tag) != "!":
            self._find(f"the tag {printable(str(tag))} is not supported; write a plain value")

    def _count(self) -> None:
        self._nodes += 1
        if len(self._stack) > MAX_DEPTH:
            raise TooMuchError(Finding(self.place, "", f"nested deeper than {MAX_DEPTH} levels"))
        if self._nodes > MAX_NODES:
            raise TooMuchError(Finding(self.place, "", f"more than {MAX_NODES} values; a sweep file is smaller"))

    def _find(self, text: str, path: KeyPath | None = None) -> None:
        self.findings.append(Finding(self.place, dotted(self._path() if path is None else path), text))

    _HANDLERS: dict[str, Callable[[_Builder, Any], None]] = {  # noqa: RUF012
        "DocumentStartEvent": _document,
        "MappingStartEvent": _open,
        "SequenceStartEvent": _open,
        "MappingEndEvent": _close,
        "SequenceEndEvent": _close,
        "ScalarEvent": _scalar,
        "AliasEvent": _alias,
    }


def core_value(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema: None, bool, int, float, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED_INT.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def read_document(text: str, place_of: Callable[[int, int], Place]) -> tuple[Document | None, list[Finding]]:
    """Read YAML `text`. `place_of` makes a `Place` of a line and column that count from 0.

    Returns:
        The document, None when the text is not YAML at all, and the findings so far.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    builder = _Builder(place_of)
    try:
        # The pure parser: the C one follows YAML 1.1.
        for event in YAML(typ="safe", pure=True).parse(text.removeprefix("\ufeff")):
            builder.take(event)
    except TooMuchError as error:
        return None, [*builder.findings, error.finding]
    except (
        YAMLError,
        ValueError,
        OverflowError,
    ) as error:  # ValueError: chr() inside ruamel.yaml refuses "\\U00110000"
        return None, [*builder.findings, *_syntax_findings(error, text, builder, place_of)]
    builder.document.values.setdefault((), place_of(0, 0))
    return builder.document, builder.findings


def _syntax_findings(
    error: Exception, text: str, builder: _Builder, place_of: Callable[[int, int], Place]
) -> list[Finding]:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "an escape that names no character"
    if "\\t" in problem and (tabs := list(_INDENT_TAB.finditer(text))):
        hint = "a tab in the indentation; YAML is indented with spaces only"
        return [Finding(place_of(text.count("\n", 0, tab.start()), len(tab[0]) - 1), "", hint) for tab in tabs[:100]]
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = getattr(error, "position", None)
    place = builder.place
    if mark is not None:
        place = place_of(mark.line, mark.column)
    elif isinstance(position, int):
        line_start = text.rfind("\n", 0, position) + 1
        place = place_of(text.count("\n", 0, position), position - line_start)
    context = getattr(error, "context", None)
    return [Finding(place, "", printable(f"not valid YAML: {problem}" + (f" ({context})" if context else "")))]
