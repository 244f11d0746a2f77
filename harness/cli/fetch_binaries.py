"""`harness fetch-binaries`: Google's published benchmark tools."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import cache_option, json_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.errors import HarnessError, UsageError
from harness.units import bytes_to_mb

if TYPE_CHECKING:
    from harness.runtimes.binaries import Fetched
    from harness.runtimes.published import Published

DEFAULT_ONLY = ("android_arm64",)
_TRUST = {
    "checked": "matches the digest that this version was checked with",
    "given": "matches the digest you gave",
    "recorded": "the same bytes as at its first fetch",
    "new": "first fetch: its digest was recorded, nobody has checked it",
}


@click.command("fetch-binaries")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="A release, a platform, a file, or release/platform/file, with * and ?. Repeatable. [default: android_arm64]",
)
@click.option("--from", "source", metavar="DIR|URL", default=None, help="A folder or a mirror to take them from.")
@click.option("--sha256", metavar="HEX", default="", help="The digest that the one file of --only must have.")
@click.option("--update", is_flag=True, help="Accept other bytes than those of the first fetch, and record them.")
@click.option("--list", "listing", is_flag=True, help="Only print what there is, with address and digest.")
@cache_option
@json_option
def fetch_binaries(
    only: tuple[str, ...],
    source: str | None,
    sha256: str,
    update: bool,
    listing: bool,
    cache_dir: Path | None,
    as_json: bool,
) -> int:
    """Fetch the benchmark tools and libraries that Google publishes for phones and Linux.

    A file whose digest was not checked for this version is recorded at its first fetch, and every later fetch must give
    the same bytes. Proxies are taken from https_proxy and no_proxy. Exit code 1 when a file could not be fetched.
    """
    from harness.prepare import default_cache_dir
    from harness.runtimes.binaries import binaries_folder
    from harness.runtimes.published import select

    chosen = select(only or DEFAULT_ONLY)
    if sha256 and len(chosen) != 1:
        raise UsageError(f"--sha256 is for one file, --only names {len(chosen)}", remedy="Name one file with --only.")
    if sha256 and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
        raise UsageError(f"{sha256!r} is no SHA-256: 64 hexadecimal digits are needed")
    folder = binaries_folder(cache_dir or default_cache_dir())
    if listing:
        return _list(chosen, folder, as_json)
    return _fetch(chosen, folder, source, sha256, update, as_json)


def _fetch(
    chosen: tuple[Published, ...], folder: Path, source: str | None, sha256: str, update: bool, as_json: bool
) -> int:
    from harness.runtimes.binaries import fetch

    show = _Progress(quiet=as_json or not sys.stderr.isatty())
    done: list[Fetched] = []
    failed: list[dict[str, str]] = []
    for one in chosen:
        try:
            done.append(fetch(one, folder, source=source, sha256=sha256, update=update, on_progress=show))
        except HarnessError as error:
            failed.append({"key": one.key, "error": error.what, "remedy": error.remedy})
        finally:
            show.clear()
        if not as_json:
            _print(done[-1] if not failed or failed[-1]["key"] != one.key else failed[-1])
    if as_json:
        click.echo(json.dumps({"fetched": [asdict(one) for one in done], "failed": failed}, indent=2))
    else:
        _print_end(done, failed)
    return EXIT_FAILED_ROW if failed else EXIT_OK


def _print(one: Fetched | dict[str, str]) -> None:
    if isinstance(one, dict):
        click.echo(f"{one['key']}\n  {click.style('failed', fg='red')}  {one['error']}")
        return
    state = "kept" if one.cached else "fetched"
    click.echo(f"{one.key}\n  {state}  {one.size_bytes} bytes, sha256 {one.sha256}\n  {_TRUST[one.trust]}")


def _print_end(done: list[Fetched], failed: list[dict[str, str]]) -> None:
    for remedy in dict.fromkeys(one["remedy"] for one in failed if one["remedy"]):
        click.echo(f"→ {remedy}")
    new = [one for one in done if one.trust == "new"]
    if new:
        click.echo(
            f"→ The digests of {len(new)} file{'s' if len(new) > 1 else ''} rest on this first fetch alone. Compare "
            "them with another source, and state them with --sha256 where it matters."
        )


def _list(chosen: tuple[Published, ...], folder: Path, as_json: bool) -> int:
    from harness.runtimes.binaries import recorded_sha256

    rows = [
        {
            "key": one.key,
            "url": one.url,
            "checked_sha256": one.checked_sha256,
            "recorded_sha256": recorded_sha256(one, folder),
            "here": (folder / one.release / one.platform / one.file).is_file(),
        }
        for one in chosen
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return EXIT_OK
    for row in rows:
        digest = row["checked_sha256"] or row["recorded_sha256"]
        trust = "checked" if row["checked_sha256"] else "recorded at its first fetch"
        click.echo(f"{row['key']}{'  (here)' if row['here'] else ''}\n  {row['url']}")
        click.echo(f"  sha256 {digest} ({trust})" if digest else "  no digest is known yet")
    return EXIT_OK


class _Progress:
    """One line on standard error while a file arrives."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._width = quiet, 0

    def __call__(self, key: str, done: int, total: int | None) -> None:
        if self._quiet:
            return
        share = f" {done / total:.0%}" if total else ""
        line = f"{key}: {bytes_to_mb(done):.1f} MB{share}"
        click.echo("\r" + line.ljust(self._width), nl=False, err=True)
        self._width = len(line)

    def clear(self) -> None:
        if self._width:
            click.echo("\r" + " " * self._width + "\r", nl=False, err=True)
            self._width = 0
