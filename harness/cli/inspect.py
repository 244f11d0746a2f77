"""`harness inspect`: what is inside a model file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import json_option

if TYPE_CHECKING:
    from harness.prepare import ModelInfo


@click.command("inspect")
@click.argument("path", metavar="MODEL.tflite", type=click.Path(path_type=Path))
@json_option
def inspect_command(path: Path, as_json: bool) -> None:
    """Print the inputs, outputs, operators and quantization of MODEL.tflite, read in a process of its own."""
    from harness.prepare import inspect_model

    info = inspect_model(path)
    if as_json:
        click.echo(json.dumps(asdict(info), indent=2))
        return
    click.echo("\n".join(_lines(info)))


def _lines(info: ModelInfo) -> list[str]:
    from harness.display.prepared import tensor_text
    from harness.display.text import clean
    from harness.units import bytes_to_mb

    def tensors(title: str) -> list[str]:
        return [
            f"{title:<12}{clean(tensor.name)}  {list(tensor.shape)}  {tensor_text(tensor)}"
            for tensor in (info.inputs if title == "input" else info.outputs)
        ]

    operators = [f"{'operators':<12}{sum(count for _, count in info.operators)}"]
    operators += [f"{'':<12}{count:>4} {clean(name)}" for name, count in info.operators]
    lines = [
        f"{'file':<12}{info.path}",
        f"{'size':<12}{bytes_to_mb(info.size_bytes):.3f} MB, gzip {bytes_to_mb(info.gzip_bytes):.3f} MB",
        f"{'sha256':<12}{info.sha256}",
        f"{'variant':<12}{info.variant}",
        *tensors("input"),
        *tensors("output"),
        *operators,
    ]
    if info.float_operators:
        lines.append(f"{'float':<12}{', '.join(map(clean, info.float_operators))}")
    if info.custom_operators:
        lines.append(f"{'custom':<12}{', '.join(map(clean, info.custom_operators))}")
    if info.unsupported:
        lines.append(f"{'cannot run':<12}{clean(info.unsupported)}")
    return lines
