"""What a table is: texts for people, values for programs, and what cannot be quoted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell. `value` is what CSV holds; `doubt` is the verdict of its row where that is not trusted."""

    text: str
    value: str | float | None = None
    doubt: str = ""

    @property
    def shown(self) -> str:
        """The text, with the doubt behind it."""
        return f"{self.text} ({self.doubt})" if self.doubt and self.text != "—" else self.text


EMPTY = Cell("—")
DOUBTS = "Doubts"


def words(text: str) -> Cell:
    """A cell of text."""
    return Cell(text, text)


@dataclass(frozen=True)
class Table:
    """`heads` name the columns, each row has a cell for each; the first `names` are text, the others figures."""

    name: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    names: int = 1

    def for_programs(self) -> tuple[tuple[str, ...], list[list[str | float | None]]]:
        """Heads and values, with a last column that names the figures that cannot be quoted: ``PTQ: wrong output``."""
        rows = [[*(cell.value for cell in row), self._doubts(row)] for row in self.rows]
        return (*self.heads, DOUBTS), rows

    def _doubts(self, row: tuple[Cell, ...]) -> str:
        return "; ".join(f"{head}: {cell.doubt}" for head, cell in zip(self.heads, row, strict=True) if cell.doubt)
