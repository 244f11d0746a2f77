"""Known failures: which entry covers what, which has expired, which covers nothing any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase

from harness.domain import KnownFailure, PairOutcome

FAILURE = "failure"  # the metric of a row that does not run


class KnownFailures:
    """The list of a sweep, as it counts on the day `today`; remembers which entries were met."""

    def __init__(self, entries: Sequence[KnownFailure], today: date) -> None:
        self._entries, self._today = tuple(entries), today
        self._met: set[KnownFailure] = set()
        self._seen: set[KnownFailure] = set()

    def covering(self, outcome: PairOutcome, metric: str) -> KnownFailure | None:
        """The entry that covers a failure, one in force before an expired one; None when it is new."""
        found = [entry for entry in self._entries if covers(entry, outcome, metric)]
        self._met.update(found)
        return min(found, key=self.has_expired, default=None)

    def has_expired(self, entry: KnownFailure) -> bool:
        """Whether `today` is after its last day. A date that cannot be read has expired: nothing is hidden by it."""
        try:
            return self._today > date.fromisoformat(entry.expires)
        except ValueError:
            return True

    def saw(self, outcomes: Sequence[PairOutcome]) -> None:
        """Note the series of tonight, to tell entries that cover none of them."""
        for entry in self._entries:
            if any(covers(entry, outcome, entry.metric) for outcome in outcomes):
                self._seen.add(entry)

    def notes(self) -> tuple[str, ...]:
        """A sentence for each entry that covered nothing tonight."""
        return tuple(
            f"the known failure ({entry.text}: {entry.reason}) "
            + ("covers only what is in order tonight" if entry in self._seen else "covers no series of this sweep")
            + "; remove it from the sweep file if it is mended"
            for entry in self._entries
            if entry not in self._met
        )


def covers(entry: KnownFailure, outcome: PairOutcome, metric: str) -> bool:
    """Whether the globs of `entry` match a failure of `metric`."""
    return (
        fnmatchcase(outcome.model, entry.model)
        and fnmatchcase(outcome.variant, entry.variant)
        and fnmatchcase(outcome.backend, entry.backend)
        and (fnmatchcase(outcome.device_id, entry.device) or fnmatchcase(outcome.device_model, entry.device))
        and fnmatchcase(metric, entry.metric)
    )
