"""`harness completion`: the script that a shell loads."""

from __future__ import annotations

import rich_click as click

from harness.errors import StableError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL, for example: `eval "$(harness completion bash)"`."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise StableError(f"this version of click has no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "harness", "_HARNESS_COMPLETE").source())
