"""The table of prepared variants, for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from harness.display.text import clean
from harness.domain import Status, TensorInfo, VariantFile
from harness.report.wording import plural
from harness.units import bytes_to_mb


@dataclass(frozen=True)
class _Column:
    """`rank` says which columns leave first when the terminal is narrow: the highest.

    A column with `telling` is there only when it is true for one of the files: sparsity says nothing of plain variants.
    """

    title: str
    rank: int
    cell: Callable[[VariantFile], str]
    right: bool = False
    telling: Callable[[VariantFile], bool] | None = None


def prepared_table(files: Sequence[VariantFile], width: int) -> Table:
    """One line per variant; columns that do not fit into `width` cells are left out, the least needed first."""
    texts = {column.title: [clean(column.cell(file)) for file in files] for column in _COLUMNS}
    telling = [column for column in _COLUMNS if column.telling is None or any(map(column.telling, files))]
    shown = _fitting(telling, texts, width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True)
    for index, file in enumerate(files):
        table.add_row(*(_styled(column, texts[column.title][index], file) for column in shown))
    return table


def _fitting(columns: Sequence[_Column], texts: dict[str, list[str]], width: int) -> list[_Column]:
    shown = list(columns)
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


def _sparsity(file: VariantFile) -> str:
    return f"{100 * file.sparsity:.0f} %" if file.sparsity is not None else ""


def _is_technique(file: VariantFile) -> bool:
    return bool(file.technique)


def _on_edge_tpu(file: VariantFile) -> str:
    """How much of it the Edge TPU computes: ``264/267``; ``2 parts`` of a file whose compilation nobody saw."""
    found = file.edgetpu
    if found is None:
        return ""
    if found.mapped is None:
        return plural(found.subgraphs, "part")
    return f"{found.mapped}/{found.mapped + (found.on_cpu or 0)}"


def _off_chip(file: VariantFile) -> str:
    found = file.edgetpu
    return _size(found.off_chip_bytes) or "0" if found is not None and found.off_chip_bytes is not None else ""


def _is_compiled(file: VariantFile) -> bool:
    return file.edgetpu is not None


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
    _Column("sparsity", 3, _sparsity, right=True, telling=lambda file: "pruned" in file.technique),
    _Column(
        "clusters",
        3,
        lambda file: str(file.clusters) if file.clusters is not None else "",
        right=True,
        telling=lambda file: "clustered" in file.technique,
    ),
    _Column("on TPU", 3, _on_edge_tpu, right=True, telling=_is_compiled),
    _Column("off-chip MB", 4, _off_chip, right=True, telling=_is_compiled),
    _Column("needs", 6, lambda file: file.data_needed, telling=lambda file: file.data_needed not in ("", "none")),
    _Column("time", 6, lambda file: "cached" if file.cached else f"{file.conversion_s:.1f} s", right=True),
    _Column("input", 7, lambda file: " ".join(map(tensor_text, file.inputs))),
    _Column("output", 8, lambda file: " ".join(map(tensor_text, file.outputs))),
    _Column("cosine", 5, lambda file: f"{file.source_error.cosine:.5f}" if file.source_error else "", right=True),
    _Column("float ops", 6, lambda file: str(len(file.float_operators)) if file.path else "", right=True),
    _Column("runs on", 8, lambda file: ", ".join(file.hardware), telling=lambda file: bool(file.hardware)),
    _Column("training", 9, lambda file: file.training, telling=_is_technique),
    _Column("weights", 9, lambda file: file.weights),
    _Column("converter", 7, lambda file: file.converter),
)
