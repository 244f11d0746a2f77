"""Options that several commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

Command = TypeVar("Command", bound=Callable[..., Any])


DEFAULT_REPORTS_DIR = Path("reports")


def reports_option(command: Command) -> Command:
    """`--reports DIR`."""
    return click.option(
        "--reports",
        "reports_dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEFAULT_REPORTS_DIR,
        show_default=True,
        help="Folder of the reports and, unless --store says otherwise, of the results store.",
    )(command)


def store_option(command: Command) -> Command:
    """`--store URL`."""
    return click.option(
        "--store",
        "store_url",
        metavar="PATH|URL",
        default=None,
        help="Results store: a SQLite file or a database URL. [default: harness.sqlite in --reports]",
    )(command)


def cache_option(command: Command) -> Command:
    """`--cache DIR`."""
    return click.option(
        "--cache",
        "cache_dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="Folder of prepared models. [default: $XDG_CACHE_HOME/harness or ~/.cache/harness]",
    )(command)


def jobs_option(command: Command) -> Command:
    """`--jobs N`."""
    return click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        default=os.cpu_count() or 1,
        show_default="the number of cores",
        help="Conversions at the same time.",
    )(command)


def set_option(command: Command) -> Command:
    """`--set a.b=c`."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="PATH=VALUE",
        help="Override a value of the sweep file, such as measure.blocks=4. Repeatable.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def adb_server_option(command: Command) -> Command:
    """`--adb-server HOST:PORT`."""
    return click.option(
        "--adb-server",
        "adb_server",
        metavar="HOST:PORT",
        default="",
        help="The adb server that the phones are attached to. [default: this host's]",
    )(command)


def sweep_argument(command: Command) -> Command:
    """`SWEEP`."""
    return click.argument("sweep_path", metavar="SWEEP", type=click.Path(path_type=Path))(command)


def typed_command(words: Sequence[str], options: Mapping[str, object], *last: str) -> str:
    """What a person types, quoted for a shell: `words`, the `options` that are not the usual ones, then `last`.

    An option whose value is a tuple is repeated; None and the usual reports folder are left out.
    """
    told: list[str] = []
    for option, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        told += [word for one in values if one not in (None, DEFAULT_REPORTS_DIR) for word in (option, str(one))]
    return shlex.join(["harness", *words, *told, *last])


def store_location(store_url: str | None, reports_dir: Path) -> str:
    """The store to open for these options."""
    return store_url or str(reports_dir / "harness.sqlite")
