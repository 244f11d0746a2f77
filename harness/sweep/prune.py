"""A document without its faulty parts, so that one fault does not hide the next one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.sweep.document import Document
from harness.sweep.findings import KeyPath


class PrunedView:
    """`value` is the tree of `document` without `pruned`; `original` leads paths of it back to the document."""

    def __init__(self, document: Document, pruned: Iterable[KeyPath]) -> None:
        self.document = document
        self._pruned = frozenset(pruned)
        self._touched = frozenset(path[:length] for path in self._pruned for length in range(len(path) + 1))
        self._kept: dict[KeyPath, list[int]] = {}
        self.value = self._copy(document.value, ())

    def touches(self, path: KeyPath) -> bool:
        """Whether `path` was pruned, or something below it: what is wrong with it now may come of that."""
        return path in self._touched

    def holds(self, path: KeyPath) -> bool:
        """Whether there is something at `path` of the document that was not pruned."""
        pruned = any(path[:length] in self._pruned for length in range(len(path) + 1))
        return not pruned and self.document.has(path)

    def original(self, path: KeyPath) -> KeyPath:
        """A path of `value` as a path of the document: list indices count what was pruned."""
        real: KeyPath = ()
        for part in path:
            kept = self._kept.get(real)
            real = (*real, kept[part] if kept is not None and isinstance(part, int) else part)
        return real

    def _copy(self, node: Any, path: KeyPath) -> Any:
        if path not in self._touched:
            return node
        if isinstance(node, dict):
            return {
                key: self._copy(item, (*path, key)) for key, item in node.items() if (*path, key) not in self._pruned
            }
        if isinstance(node, list):
            self._kept[path] = [index for index in range(len(node)) if (*path, index) not in self._pruned]
            return [self._copy(node[index], (*path, index)) for index in self._kept[path]]
        return node
