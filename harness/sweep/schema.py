"""The JSON Schema of a sweep file, for editors, and what it allows at a path, for error messages.

``python -m harness.sweep.schema docs/sweep.schema.json`` writes it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.sweep.findings import KeyPath

Node = dict[str, Any]


def json_schema() -> Node:
    """JSON Schema (draft 2020-12) of the sweep file, with a description on every key."""
    from harness.sweep.fields import SweepFile

    schema: Node = _tidy(SweepFile.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Sweep file", **schema}


def _tidy(node: Any, *, names: bool = False) -> Any:
    """Without generated titles, and without defaults that only mean "absent". `names`: the keys are names of fields."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    drop = set() if names else {"title"} | ({"default"} if node.get("default") in ("", None, []) else set())
    inner = {"properties", "$defs"}
    return {key: _tidy(value, names=not names and key in inner) for key, value in node.items() if key not in drop}


@lru_cache(maxsize=1)
def _cached() -> Node:
    return json_schema()


def alternatives(path: KeyPath) -> list[Node]:
    """The schemas that may describe the value at `path`; empty when there is none."""
    nodes = list(_flat(_cached()))
    for part in path:
        steps = (node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part) for node in nodes)
        nodes = [flat for step in steps if step for flat in _flat(step)]
    return nodes


def _flat(node: Node) -> Iterator[Node]:
    """`node` with its references followed and its unions taken apart."""
    if "$ref" in node:
        yield from _flat(_cached()["$defs"][node["$ref"].rsplit("/", 1)[1]])
        return
    unions = [branch for kind in ("anyOf", "allOf", "oneOf") for branch in node.get(kind, ()) if _is_schema(branch)]
    if not unions:
        yield node
    for branch in unions:
        yield from _flat(branch)


def _is_schema(branch: Node) -> bool:
    return bool({"type", "$ref", "enum", "const", "anyOf", "oneOf", "allOf"} & set(branch))


def keys_at(path: KeyPath) -> list[str]:
    """The keys of the mapping at `path`."""
    return list(dict.fromkeys(key for node in alternatives(path) for key in node.get("properties", ())))


def choices_at(path: KeyPath) -> list[str]:
    """The words allowed as a plain value at `path`."""
    return [word for node in alternatives(path) for word in _words(node)]


def homes_of(key: str) -> list[str]:
    """Dotted paths of the mappings that have `key`, for a key that was written in the wrong place."""
    return list(_homes().get(key, ()))


@lru_cache(maxsize=1)
def _homes() -> dict[str, dict[str, None]]:
    homes: dict[str, dict[str, None]] = {}
    for top in keys_at(()):
        for path in ((top,), (top, 0)):
            for inner in keys_at(path):
                homes.setdefault(inner, {})[top] = None
                for key in keys_at((*path, inner)):
                    homes.setdefault(key, {})[f"{top}.{inner}"] = None
    return homes


def takes_text(path: KeyPath) -> bool:
    """Whether any text is allowed at `path`."""
    return any(node.get("type") == "string" and not _words(node) for node in alternatives(path))


def allowed_at(path: KeyPath) -> str:
    """What the value at `path` may be, in words."""
    described: list[str] = []
    for node in alternatives(path):
        item = allowed_at((*path, 0)) if node.get("type") == "array" else ""
        words = f"a list, each {item if item not in described else 'one of these'}" if item else _describe(node)
        described += [words] if words and words not in described else []
    return " or ".join(described)


def _describe(node: Node) -> str:
    if words := _words(node):
        return f"one of {', '.join(words)}" if len(words) > 1 else words[0]
    kind = node.get("type")
    if kind == "object":
        keys = ", ".join(node.get("properties", ()))
        which = "one of the keys" if node.get("maxProperties") == 1 else "the keys"
        return f"a mapping with {which} {keys}" if keys else "a mapping without keys"
    if kind == "null":
        return ""
    return _describe_scalar(node)


def _describe_scalar(node: Node) -> str:
    kind = node.get("type")
    if kind == "boolean":
        return "true or false"
    if kind == "string":
        from harness.sweep.field_types import PATTERN_WORDS

        return PATTERN_WORDS.get(node.get("pattern", ""), "text")
    what = "a whole number" if kind == "integer" else "seconds, or text such as 2s, 500ms, 1min,"
    return f"{what} from {node['minimum']} to {node['maximum']}" if "minimum" in node else what


def _words(node: Node) -> list[str]:
    return [str(word) for word in node.get("enum", [node["const"]] if "const" in node else [])]


def main(arguments: list[str]) -> int:
    """Write the schema to the path in `arguments`, or to standard output."""
    text = json.dumps(json_schema(), indent=2) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
