"""The table of prepared variants, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from harness.domain import Status, TensorInfo, VariantFile
from harness.units import bytes_to_mb


def prepared_table(files: Sequence[VariantFile]) -> Table:
    """One line per variant: size, gzip size, reduction, time, converter, input and output types, error, float operators."""
    table = Table(box=None, pad_edge=False, header_style="bold", row_styles=["", "dim"] if len(files) > 20 else None)
    for name, justify in _COLUMNS:
        table.add_column(name, justify="right" if justify else "left", no_wrap=True, overflow="ellipsis")
    for file in files:
        table.add_row(*_cells(file))
    return table


_COLUMNS = (
    ("model", False),
    ("variant", False),
    ("state", False),
    ("MB", True),
    ("gzip MB", True),
    ("smaller", True),
    ("time", True),
    ("input", False),
    ("output", False),
    ("cosine", True),
    ("float ops", True),
    ("weights", False),
    ("converter", False),
)


def _cells(file: VariantFile) -> tuple[Text, ...]:
    state = Text(str(file.status), style="green" if file.status is Status.DONE else "bold red")
    error = file.source_error
    done = file.path is not None
    plain = (
        f"{bytes_to_mb(file.size_bytes):.3f}" if done else "",
        f"{bytes_to_mb(file.gzip_bytes):.3f}" if done else "",
        f"{file.reduction_pct:.1f} %" if file.reduction_pct is not None else "",
        "cached" if file.cached else f"{file.conversion_s:.1f} s",
        " ".join(map(tensor_text, file.inputs)),
        " ".join(map(tensor_text, file.outputs)),
        f"{error.cosine:.5f}" if error is not None else "",
        str(len(file.float_operators)) if done else "",
        file.weights,
        file.converter,
    )
    return (Text(file.model), Text(file.variant), state, *map(Text, plain))


def tensor_text(tensor: TensorInfo) -> str:
    """``float32``, or ``int8 s=0.0078 z=-1`` with the scale and zero point."""
    if not tensor.scale:
        return tensor.dtype
    return f"{tensor.dtype} s={tensor.scale:.4g} z={tensor.zero_point}"
