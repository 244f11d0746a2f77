"""When a busy phone throttles: the decision alone, without clock or files."""

from __future__ import annotations


class Throttling:
    """When a phone gets hot and when it is cool again."""

    def __init__(self, after_s: float, cools_in_s: float, program: str) -> None:
        self.after_s, self.cools_in_s, self.program = after_s, cools_in_s, program
        self.hot = False
        self._since: float | None = None

    def step(self, busy: bool, now_s: float) -> str:
        """What changes now: ``hot``, ``cool`` or nothing."""
        if busy != (self._since is not None) and not self.hot:
            self._since = now_s if busy else None
        if not self.hot and self._since is not None and now_s - self._since >= self.after_s:
            self.hot, self._since = True, None
            return "hot"
        if self.hot:
            self._since = None if busy else self._since or now_s
            if self._since is not None and now_s - self._since >= self.cools_in_s:
                self.hot, self._since = False, None
                return "cool"
        return ""
