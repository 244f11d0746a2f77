"""The look that all pages share: one file that opens offline, asks for nothing, and runs no script but its own.

A page is a Jinja2 template that extends ``page.html``. Everything that comes from a sweep, a device or a model file is
text to the autoescape; the data for a script is JSON in which ``<``, ``>`` and ``&`` are written as escapes; the policy
in the head names each script by its hash.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import harness
from harness import assets
from harness.report.wording import plural, visible

COMPRESSED_FROM = 200_000  # letters
_POLICY = ("default-src 'none'", "style-src 'unsafe-inline'", "base-uri 'none'", "form-action 'none'")


def render_page(
    template: str,
    *,
    scripts: Sequence[str] = (),
    data: object = None,
    styles: Sequence[str] = (),
    compress: bool = False,
    **context: Any,
) -> str:
    """The whole page of `template`, complete in itself.

    Args:
        template: a file of ``reports/templates`` that extends ``page.html`` and fills its blocks ``title`` and ``main``
            (``over``, ``header``, ``intro``, ``head`` and ``top`` are there for more).
        scripts: files of that folder to run, in this order; ``tables.js`` sorts and filters each ``table.sortable``.
        data: what the scripts read, as JSON in the element with the id ``data``; None for nothing.
        styles: files of that folder that follow the shared ``page.css``.
        compress: large `data` is gzip in base64 then (``data-packed``); the script unpacks it as ``report.js`` does.
        context: the names that the template uses; a name it uses and does not get is an error.

    Raises:
        jinja2.UndefinedError: the template uses a name that is not in `context`.
        ValueError: `data` holds a NaN or an infinity, which JSON has no words for.
    """
    texts = [_asset(name) for name in scripts]
    return (
        _environment()
        .get_template(template)
        .render(
            policy=policy(texts),
            style=Markup("".join(map(_asset, ("page.css", *styles)))),
            scripts=[Markup(text) for text in texts],
            data=None if data is None else _data_element(data, compress),
            version=harness.__version__,
            **context,
        )
    )


def policy(scripts: Sequence[str]) -> str:
    """The content security policy of a page that loads nothing and runs just these scripts."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return "; ".join((*_POLICY, *((f"script-src {hashes}",) if hashes else ())))


def embedded_json(value: object) -> Markup:
    """`value` as JSON that can stand inside a ``<script>`` element whatever its strings hold.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON has no words for.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _data_element(data: object, compress: bool) -> Markup:
    text = embedded_json(data)
    if not compress or len(text) < COMPRESSED_FROM:
        return Markup('<script type="application/json" id="data">{}</script>').format(text)
    packed = base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
    return Markup('<script type="text/plain" id="data" data-packed="gzip">{}</script>').format(packed)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(assets.folder("reports") / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    found.filters["plural"] = plural
    return found


def _shown(value: object) -> object:
    return visible(value) if type(value) is str else value  # Markup is a str of its own type


@cache
def _asset(name: str) -> str:
    return (assets.folder("reports") / "templates" / name).read_text(encoding="utf-8")
