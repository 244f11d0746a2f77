"""`harness schema`: the sweep file's JSON Schema."""

from __future__ import annotations

import json

import rich_click as click


@click.command()
def schema() -> None:
    """Print the JSON Schema of the sweep file, for completion and checks in an editor."""
    from harness.sweep import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
