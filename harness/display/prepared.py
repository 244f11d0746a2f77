"""The table of prepared variants, for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from harness.display.text import clean
from harness.domain import Status, TensorInfo, VariantFile
from harness.units import bytes_to_mb


@dataclass(frozen=True)
class _Column:
    """`rank` says which columns leave first when the terminal is narrow: the highest."""

    title: str
    rank: int
    cell: Callable[[VariantFile], str]
    right: bool = False


def prepared_table(files: Sequence[VariantFile], width: int) -> Table:
    """One line per variant; columns that do not fit into `width` cells are left out, the least needed first."""
    texts = {column.title: [clean(column.cell(file)) for file in files] for column in _COLUMNS}
    shown = _fitting(texts, width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True)
    for index, file in enumerate(files):
        table.add_row(*(_styled(column, texts[column.title][index], file) for column in shown))
    return table


def _fitting(texts: dict[str, list[str]], width: int) -> list[_Column]:
    shown = list(_COLUMNS)
    while len(shown) > 2 and sum(_width(column, texts) + 2 for column in shown) - 2 > width:
        shown.remove(max(shown, key=lambda column: column.rank))
    return shown


def _width(column: _Column, texts: dict[str, list[str]]) -> int:
    return max(map(cell_len, [column.title, *texts[column.title]]))


def _styled(column: _Column, text: str, file: VariantFile) -> Text:
    if column.title != "state":
        return Text(text)
    return Text(text, style="green" if file.status is Status.DONE else "bold red")


def tensor_text(tensor: TensorInfo) -> str:
    """``float32``, or ``int8 s=0.0078 z=-1`` with the scale and zero point."""
    if not tensor.scale:
        return tensor.dtype
    return f"{tensor.dtype} s={tensor.scale:.4g} z={tensor.zero_point}"


def _size(size_bytes: int) -> str:
    return f"{bytes_to_mb(size_bytes):.3f}" if size_bytes else ""


_COLUMNS = (
    _Column("model", 0, lambda file: file.model),
    _Column("variant", 0, lambda file: file.variant),
    _Column("state", 1, lambda file: str(file.status)),
    _Column("MB", 2, lambda file: _size(file.size_bytes), right=True),
    _Column("gzip MB", 4, lambda file: _size(file.gzip_bytes), right=True),
    _Column(
        "smaller",
        3,
        lambda file: f"{file.reduction_pct:.1f} %" if file.reduction_pct is not None else "",
        right=True,
    ),
    _Column("time", 6, lambda file: "cached" if file.cached else f"{file.conversion_s:.1f} s", right=True),
    _Column("input", 7, lambda file: " ".join(map(tensor_text, file.inputs))),
    _Column("output", 8, lambda file: " ".join(map(tensor_text, file.outputs))),
    _Column("cosine", 5, lambda file: f"{file.source_error.cosine:.5f}" if file.source_error else "", right=True),
    _Column("float ops", 6, lambda file: str(len(file.float_operators)) if file.path else "", right=True),
    _Column("weights", 9, lambda file: file.weights),
    _Column("converter", 7, lambda file: file.converter),
)
