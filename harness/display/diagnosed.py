"""What a diagnosis found, for the terminal: the layers that cost the accuracy, and what to keep in float."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from harness.display.text import clean, fit, width_of
from harness.units import bytes_to_mb, format_duration

if TYPE_CHECKING:
    from harness.domain.diagnosis import Diagnosis, LayerError, MeasuredFile

_NARROWEST = 20
_GAP = 2


def layers_table(layers: Sequence[LayerError], width: int) -> Table:
    """One line a layer, within `width` cells: names are shortened, then the columns on the right leave."""
    columns = _columns(layers)
    while columns and _room(columns, width) < _NARROWEST:
        columns.popitem()
    room = max(1, _room(columns, width))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", no_wrap=True)
    for title in columns:
        table.add_column(title, justify="left" if title == "operator" else "right", no_wrap=True)
    for at, layer in enumerate(layers):
        name = clean(layer.name)
        table.add_row(*map(Text, [fit(name, min(room, width_of(name))), *(cells[at] for cells in columns.values())]))
    return table


def _columns(layers: Sequence[LayerError]) -> dict[str, list[str]]:
    """The cells under each title, the least needed column last."""
    return {
        "cost": ["" if layer.cost_pct is None else f"{layer.cost_pct:.1f} %" for layer in layers],
        "operator": [clean(layer.kind) for layer in layers],
        "in float dB": [_figure(layer.kept_db) for layer in layers],
        "gain dB": [_figure(layer.gain_db) for layer in layers],
        "alone dB": [_figure(layer.alone_db) for layer in layers],
        "here dB": [_figure(layer.here_db) for layer in layers],
    }


def _room(columns: Mapping[str, Sequence[str]], width: int) -> int:
    """Cells that are left for the names."""
    return width - sum(max(map(width_of, (title, *cells))) + _GAP for title, cells in columns.items())


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    if math.isinf(value):
        return "exact" if value > 0 else "lost"
    return f"{value:.2f}"


def _db(value: float) -> str:
    text = _figure(value)
    return text if math.isinf(value) else f"{text} dB"


def diagnosis_lines(found: Diagnosis) -> Iterator[str]:
    """What stands below the table, a sentence a line."""
    measured = sum(layer.cost_pct is not None for layer in found.layers)
    yield (
        f"{clean(found.model)} {found.variant}: {_file(found.everything)} with all quantized, "
        f"{_db(found.boundaries_db)} with every layer in float; "
        f"float32 {bytes_to_mb(found.float_size_bytes):.3f} MB."
    )
    if not found.complete:
        yield (
            f"In {format_duration(found.seconds)}, {measured} of {len(found.layers)} layers were measured, the most "
            "suspected first; --budget gives more time."
        )
    for group in sorted(found.groups, key=lambda group: -group.gain_db):
        span = f"{clean(group.first)} to {clean(group.last)}"
        yield f"{group.count} layers from {span} in float: {_db(group.kept_db)}, {group.gain_db:+.2f} dB."
    yield from _choice(found)
    if found.metric is not None:
        yield f"{found.metric.name} on {found.metric.samples} samples:"
        yield from (f"  {figure:.4f}  {clean(label)}" for label, figure in found.metric.figures)


def _choice(found: Diagnosis) -> Iterator[str]:
    wanted = _db(found.wanted_db)
    if not found.keep_float:
        yield f"No layer has to stay in float for {wanted}." if found.reached else f"{wanted} was not reached."
        return
    count, layers = len(found.keep_float), "layer" if len(found.keep_float) == 1 else "layers"
    reached = f"enough for {wanted}" if found.reached else f"the best found; {wanted} was not reached"
    yield f"With {count} {layers} in float: {_file(found.chosen)}, {reached}. In a sweep file, or --keep-float:"
    yield f"  keep_float: [{', '.join(map(_quoted, found.keep_float))}]"


def _quoted(name: str) -> str:
    """As an entry of a YAML list on one line."""
    plain = name.replace("_", "").replace("/", "").replace(".", "").isalnum() and not name[0].isdigit()
    escaped = clean(name).replace("\\", "\\\\").replace('"', '\\"')
    return name if plain else f'"{escaped}"'


def _file(file: MeasuredFile) -> str:
    return f"{_db(file.sqnr_db)}, {bytes_to_mb(file.size_bytes):.3f} MB"
