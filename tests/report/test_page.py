from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import jinja2
import pytest

import harness
from harness import assets
from harness.report.page import COMPRESSED_FROM, embedded_json, policy, render_page
from harness.report.tables.model import Cell, Table

GROUNDS = ("bg", "panel", "faint", "bar")
HOSTILE = "</style></script><img src=x onerror=alert(1)>{{ 7 * 7 }}\u202egnp"


def a_table(title: str = "A title", words: str = "words") -> Table:
    return Table("kind", title, ("Name", "Figure"), ((Cell(words), Cell("1.5")),), ("a note",), names=1)


def page_of(title: str = "A title", words: str = "words", data: object = None) -> str:
    return render_page("table.html", scripts=("tables.js",), data=data, table=a_table(title, words))


def test_a_page_is_complete_in_itself() -> None:
    page = page_of()
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<link|<img|@import|url\(|src=", page)
    assert re.findall(r'href="([^"]*)"', page) == ["#main"]
    assert f"harness {harness.__version__} " in page
    assert '<main id="main"' in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_policy_names_the_hash_of_each_script() -> None:
    page = render_page("table.html", scripts=("tables.js", "inspect.js"), table=a_table())
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy(scripts)
    assert policy(scripts).replace("'", "&#39;") in page
    assert "script-src" not in policy(())


def test_text_from_outside_is_only_ever_text() -> None:
    page = page_of(HOSTILE, HOSTILE, [HOSTILE])
    assert "<img" not in page
    assert page.count("</style>") == 1
    assert page.count("</script>") == 2
    assert "\u202e" not in page
    assert "{{ 7 * 7 }}" in page


def test_data_is_there_when_it_is_given_even_when_it_is_empty() -> None:
    assert 'id="data"' not in page_of()
    assert '<script type="application/json" id="data">[]</script>' in page_of(data=[])


def test_large_data_is_compressed_where_the_script_can_unpack_it() -> None:
    data = [HOSTILE, *("row" for _ in range(COMPRESSED_FROM // 4))]
    plain = render_page("table.html", data=data, table=a_table())
    packed = render_page("table.html", data=data, compress=True, table=a_table())
    assert len(packed) < 0.2 * len(plain)
    found = re.search(r'<script type="text/plain" id="data" data-packed="gzip">([A-Za-z0-9+/=]+)</script>', packed)
    assert found is not None
    assert json.loads(gzip.decompress(base64.b64decode(found[1]))) == data
    assert packed == render_page("table.html", data=data, compress=True, table=a_table())
    assert 'id="data">[1]</script>' in render_page("table.html", data=[1], compress=True, table=a_table())


def test_a_name_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render_page("table.html")


def test_json_cannot_end_its_script_element() -> None:
    text = embedded_json({"a": "</script><!--&", "b": "\u2028"})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"a": "</script><!--&", "b": "\u2028"}
    with pytest.raises(ValueError):
        embedded_json(float("nan"))


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,8})", block))


def _luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    digits = colour[1:] if len(colour) > 4 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_every_ground(dark: bool) -> None:
    style = (assets.folder("reports") / "templates" / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = _colours(blocks[0]) | (_colours(blocks[1]) if dark else {})
    for ground in GROUNDS:
        for ink in ("fg", "soft", "link", "ok", "unsure", "amber", "orange", "red"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for mark in ("edge", *(f"c{index}" for index in range(8))):
            assert _contrast(colours[mark], colours[ground]) >= 3.0, (mark, ground)


def test_the_shared_style_stands_in_every_page() -> None:
    templates = assets.folder("reports") / "templates"
    for path in sorted(Path(templates).glob("*.html")):
        text = path.read_text(encoding="utf-8")
        if path.name != "page.html":
            assert "<html" not in text
            assert text.startswith('{% extends "page.html" %}') or "{% extends" not in text
