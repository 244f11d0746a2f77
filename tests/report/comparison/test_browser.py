"""The pages of comparisons in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.domain import Backend
from harness.measure.matrix import compare_inside
from harness.report.comparison.inside import render_matrix
from harness.report.comparison.stored import render_stored
from harness.report.writer import write_atomically
from tests.report.browser import CHROMIUM, Page, chromium
from tests.report.comparison.test_stored import stored
from tests.report.factory import BUILTIN, XNNPACK, empty_view, run_view
from tests.report.hostile import NAMES, hostile_view

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]
AXES = ("backend", "variant", "device")
NAMES_OF_PAGES = [*(f"{name} {by}" for name in ("run", "hostile", "empty") for by in AXES), "stored"]


def _pages() -> dict[str, str]:
    views = {
        "run": run_view(backends=(XNNPACK, BUILTIN, Backend("gpu"), Backend(threads=4))),
        "hostile": hostile_view(),
        "empty": empty_view(),
    }
    pages = {
        f"{name} {by}": render_matrix(view, compare_inside(view, by), "html")
        for name, view in views.items()
        for by in AXES
    }
    pages["stored"] = render_stored(stored(200, 60, models=NAMES), "html")
    return pages


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory: Path = tmp_path_factory.mktemp("pages")
    found = {}
    for name, text in _pages().items():
        path = directory / f"{name.replace(' ', '-')}.html"
        write_atomically(path, text)
        found[name] = path.as_uri()
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


@pytest.mark.parametrize("name", NAMES_OF_PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (900, False)])
def test_no_problem_no_request_no_overflow(
    browser: Page, addresses: dict[str, str], name: str, width: int, dark: bool
) -> None:
    browser.problems.clear()
    browser.open(addresses[name], width=width, dark=dark)
    assert browser.problems == []
    assert browser.requests == [addresses[name]]
    assert browser.run("document.documentElement.scrollWidth") == width
    assert browser.run("document.title") != "owned"


def test_every_square_can_be_reached_and_leads_to_its_figures(browser: Page, addresses: dict[str, str]) -> None:
    browser.open(addresses["run backend"])
    squares = "[...document.querySelectorAll('.heat td a')]"
    assert browser.run(f"{squares}.length") == 60
    assert browser.run(f"{squares}.every((one) => document.querySelector(one.getAttribute('href')))")
    browser.run(f"{squares}[3].focus()")
    assert browser.run("document.activeElement.matches('.heat a')")


def test_colours_have_a_number_beside_them_and_contrast(browser: Page, addresses: dict[str, str]) -> None:
    for dark in (False, True):
        browser.open(addresses["run variant"], dark=dark)
        squares = "[...document.querySelectorAll('.heat td[class]:not(.none) b')]"
        assert browser.run(f"{squares}.every((one) => /[0-9]/.test(one.textContent))")
        deepest = "const one = document.querySelector('.heat td.w4'); const seen = getComputedStyle(one);"
        deep = browser.run(f"(() => {{ {deepest} return [seen.color, seen.backgroundColor]; }})()")
        assert _contrast(*deep) >= 4.5


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours (WCAG 2.2)."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    numbers = [float(part) for part in colour.replace("color(srgb ", "").strip("rgba()").replace(",", " ").split()[:3]]
    shares = numbers if colour.startswith("color(") else [number / 255 for number in numbers]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
