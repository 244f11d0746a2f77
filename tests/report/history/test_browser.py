"""The pages of nights and histories in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.report.history.html import history_html
from harness.report.nightly.html import nightly_html
from harness.report.writer import write_atomically
from tests.report.browser import CHROMIUM, Page, chromium
from tests.report.history.factory import farm, hostile, large
from tests.report.nightly.factory import empty_night, hostile_night, large_night, night

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]

PAGES = {
    "history": lambda: history_html(farm()),
    "history of hostile names": lambda: history_html(hostile()),
    "one night": lambda: history_html(farm(1)),
    "no history": lambda: history_html(()),
    "night": lambda: nightly_html(night()),
    "night of hostile names": lambda: nightly_html(hostile_night()),
    "empty night": lambda: nightly_html(empty_night()),
    "large night": lambda: nightly_html(large_night(300)),
}
DRAWN = "document.querySelectorAll('.uplot').length"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("pages")
    for name, page in PAGES.items():
        write_atomically(directory / f"{name}.html", page())
    return {name: (directory / f"{name}.html").as_uri() for name in PAGES}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    browser.problems.clear()
    return browser


def wait(page: Page, expression: str) -> None:
    """Until `expression` is true, at most 5 s."""
    assert page.run(
        f"(async () => {{ for (let n = 0; n < 100; n++) {{ if ({expression}) return true;"
        "await new Promise((done) => setTimeout(done, 50)); } return false; })()"
    ), expression


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_no_problem_no_request_no_overflow(
    page: Page, files: dict[str, str], name: str, width: int, dark: bool
) -> None:
    page.open(files[name], width=width, dark=dark)
    page.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.problems == []
    assert page.requests == [files[name]]
    assert page.run("document.documentElement.scrollWidth") == width
    assert page.run("document.title") != "owned"


def test_charts_are_drawn_as_they_come_into_view(page: Page, files: dict[str, str]) -> None:
    page.open(files["history"])
    page.run("scrollTo(0, 0)")
    wait(page, f"{DRAWN} < 16")
    page.run("document.querySelector('figure:last-of-type').closest('.charts').scrollIntoView()")
    wait(page, f"{DRAWN} > 0")
    page.run("scrollTo(0, document.body.scrollHeight)")
    wait(page, "document.querySelector('#s15 .uplot') !== null")
    assert page.problems == []


def test_the_keyboard_walks_through_the_nights_and_says_what_is_known(page: Page, files: dict[str, str]) -> None:
    page.open(files["history"])
    page.run("document.querySelector('#s3').scrollIntoView()")
    wait(page, "document.querySelector('#s3 .uplot') !== null")
    press = (
        "((key) => document.querySelector('#s3 .chart').dispatchEvent("
        "new KeyboardEvent('keydown', {{key, bubbles: true}})))('{0}')"
    )
    value = "document.querySelector('#s3 .chart').getAttribute('aria-valuetext')"
    assert page.run(value).startswith("2026-06-29: +")
    page.run(press.format("ArrowLeft"))
    wait(page, f"{value}.startsWith('2026-06-28')")
    page.run(press.format("Home"))
    wait(page, f"{value}.startsWith('2026-01-01')")
    told = page.run("document.querySelector('#s3 .readout').textContent")
    for word in ("run run-0", "BP1A.250305", "runtime 2.20", "harness 0.1.0", "SAME"):
        assert word in told
    assert page.run("document.querySelector('#s3 .chart').getAttribute('role')") == "slider"
    assert page.run("document.querySelector('#s3 .chart').tabIndex") == 0
    page.run(press.format("End"))
    wait(page, f"{value}.startsWith('2026-06-29')")
    assert page.run("document.querySelector('#s3 .chart').getAttribute('aria-valuenow')") == "180"


def test_the_pointer_shows_the_night_below_it(page: Page, files: dict[str, str]) -> None:
    page.open(files["history"])
    page.run("document.querySelector('#s3').scrollIntoView({block: 'center', behavior: 'instant'})")
    wait(page, "document.querySelector('#s3 .uplot') !== null")
    box = page.run(
        "(() => { const at = document.querySelector('#s3 .u-over').getBoundingClientRect();"
        "return [at.left, at.top, at.width, at.height]; })()"
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + box[2] / 2, y=box[1] + box[3] / 2)
    wait(page, "document.querySelector('#s3 .readout').textContent.startsWith('2026-03-')")


def test_the_table_of_nights_is_complete_once_it_is_opened(page: Page, files: dict[str, str]) -> None:
    page.open(files["history"])
    rows = "document.querySelectorAll('#s0 tbody tr').length"
    assert page.run(rows) == 14
    page.run("document.querySelector('#s0 details').open = true")
    wait(page, f"{rows} === 180")
    assert page.run("document.querySelector('#s0 tbody td').textContent") == "2026-06-29"


def test_filters_leave_what_was_asked_for(page: Page, files: dict[str, str]) -> None:
    page.open(files["history"])
    page.run(
        "(() => { const box = document.getElementById('find'); box.value = 'mobilenet phone-b';"
        "box.dispatchEvent(new Event('input')); })()"
    )
    assert page.run("document.getElementById('shown').textContent") == "2 of 16 series"
    page.run(
        "(() => { const box = document.getElementById('state'); box.value = 'stepped';"
        "box.dispatchEvent(new Event('change')); })()"
    )
    assert page.run("document.querySelectorAll('figure:not([hidden])').length") == 1


def test_one_night_stands_amid_days_and_not_amid_years(page: Page, files: dict[str, str]) -> None:
    page.open(files["one night"])
    wait(page, f"{DRAWN} > 0")
    page.run(
        "(() => { window.written = []; const draw = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {"
        "window.written.push(text); draw.call(this, text, ...rest); }; dispatchEvent(new Event('beforeprint')); })()"
    )
    written = page.run("window.written")
    days = sorted({text for text in written if text.count("-") == 2})
    assert "2026-01-01" in days
    assert "2025-12-29" <= days[0] < days[-1] <= "2026-01-04"
    assert page.problems == []


def test_without_a_script_the_tables_stand_and_no_empty_charts(page: Page, files: dict[str, str]) -> None:
    page.open(files["history"], script=False)
    root = page.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
    for selector, count in (("figure .chart[hidden]", 16), ("figure tbody tr", 16 * 14), ("#static:not([hidden])", 1)):
        assert len(page.call("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"]) == count, selector


def test_print_draws_every_chart_in_light_colours(page: Page, files: dict[str, str]) -> None:
    page.open(files["history"], dark=True)
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run(DRAWN) == 16
    assert page.run("getComputedStyle(document.documentElement).getPropertyValue('--fg').trim()") == "#1c2024"
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("getComputedStyle(document.documentElement).getPropertyValue('--fg').trim()") != "#1c2024"
    assert page.problems == []


def test_a_year_of_a_large_farm_opens_and_draws_only_what_is_seen(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    write_atomically(path, history_html(large()))
    page.open(path.as_uri())
    assert page.problems == []
    wait(page, "document.querySelectorAll('figure').length === 100")
    page.run("document.getElementById('s40').scrollIntoView()")
    wait(page, "document.querySelector('#s40 .uplot') !== null")
    assert page.run(DRAWN) < 60
    assert page.run("document.documentElement.scrollWidth") == 1280
