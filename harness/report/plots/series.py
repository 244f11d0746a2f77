"""Which marker and colour a backend has, the same in every chart of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.domain import ResultRow
from harness.report.plots.svg import canvas, element, join, marker
from harness.report.wording import Labels


@dataclass(frozen=True)
class Series:
    """Styles by setup label, in order of first appearance among the rows."""

    labels: Labels
    styles: dict[str, int]

    @classmethod
    def of(cls, rows: Sequence[ResultRow]) -> Series:
        """The series of a run's rows."""
        labels = Labels.of(rows)
        names = dict.fromkeys(labels.setup(row) for row in rows)
        return cls(labels, {name: index for index, name in enumerate(names)})

    def style(self, row: ResultRow) -> int:
        """Index for `marker`."""
        return self.styles[self.labels.setup(row)]

    def legend(self, rows: Sequence[ResultRow]) -> Markup:
        """A list of markers with names for the setups of `rows`."""
        names = dict.fromkeys(self.labels.setup(row) for row in rows)
        return element("ul", *(self._entry(name) for name in names), class_="legend")

    def _entry(self, name: str) -> Markup:
        return element("li", canvas(16, 16, marker(self.styles[name], 8, 8, "m"), label=""), name)


def by_model(rows: Sequence[ResultRow], labels: Labels) -> list[tuple[str, list[ResultRow]]]:
    """(title, rows) of each model on each device, in order of first appearance."""
    groups: dict[tuple[str, str], list[ResultRow]] = {}
    for row in rows:
        groups.setdefault((row.model, labels.place(row)), []).append(row)
    return [(f"{model} on {place}" if labels.places_vary else model, found) for (model, place), found in groups.items()]


def panel(title: str, note: str, *charts: Markup) -> Markup:
    """A figure: its title, one or more charts, and what to know when reading it."""
    caption = element("figcaption", element("b", title), *([" ", element("span", note)] if note else []))
    return element("figure", caption, join(charts))
