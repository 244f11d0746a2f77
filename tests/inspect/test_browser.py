"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.inspect import compare, page
from harness.inspect.analysis import report_on
from harness.inspect.measured import Stored
from harness.report.writer import write_atomically
from tests.inspect.factory import Drawn, chain
from tests.inspect.test_html import MEASURED, hostile_report
from tests.report.browser import CHROMIUM, Page, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]


def _branches(blocks: int) -> Drawn:
    """Ten operators a block: five branches of one, two of them longer, and a sum."""
    drawn = Drawn()
    data = drawn.tensor("image", (1, 8, 8, 16))
    drawn.inputs = [data]
    for number in range(blocks):
        name = f"net/mixed_{number}"
        ends = [drawn.unary("RELU", data, f"{name}/branch{at}") for at in range(5)]
        ends[0] = drawn.unary("TANH", drawn.unary("ABS", ends[0], f"{name}/deep"), f"{name}/deeper")
        ends[1] = drawn.unary("NEG", ends[1], f"{name}/second")
        joined = drawn.tensor(f"{name}/concat", (1, 8, 8, 80))
        drawn.operator("CONCATENATION", ends, [joined], axis=3)
        data = drawn.tensor(f"{name}/add", (1, 8, 8, 16))
        drawn.operator("ADD", [joined, data - 1], [data])
    drawn.outputs = [data]
    return drawn


NAMES = ("small", "thousand", "two", "hostile", "hostile two", "empty")


def pages() -> dict[str, str]:
    small = report_on(chain(["net/a_1", "net/b_2"]).file(), Stored((MEASURED,)))
    thousand = report_on(_branches(100).file())
    other = report_on(chain(["net/a_1", "net/x_9", "net/b_2"], dtype="int8").file(sha256="cd" * 32))
    made = (
        page(small),
        page(thousand),
        page(small, compare(small, other)),
        page(hostile_report()),
        page(hostile_report(), compare(hostile_report(), thousand)),
        page(report_on(Drawn().file())),
    )
    return dict(zip(NAMES, made, strict=True))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("pages")
    for name, text in pages().items():
        write_atomically(directory / f"{name}.html", text)
    return {name: (directory / f"{name}.html").as_uri() for name in NAMES}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


@pytest.fixture
def tab(browser: Page) -> Page:
    browser.problems.clear()
    return browser


def _click(file: int, operator: int) -> str:
    node = f"document.querySelectorAll('.drawing')[{file}].querySelector('[data-op=\"{operator}\"]')"
    return f"{node}.dispatchEvent(new MouseEvent('click', {{bubbles: true}}))"


def _press(key: str) -> str:
    event = f"new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}})"
    return f"document.activeElement.dispatchEvent({event})"


SHOWN = "document.querySelector('.chosen:not([hidden]) h3')?.firstChild.textContent"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (900, False), (390, False), (390, True)])
def test_no_problem_no_request_no_overflow(tab: Page, files: dict[str, str], name: str, width: int, dark: bool) -> None:
    tab.open(files[name], width=width, dark=dark)
    assert tab.problems == []
    assert tab.requests == [files[name]]
    tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    if name != "empty":
        tab.run(_click(0, 0))
    assert tab.run("document.documentElement.scrollWidth") == width
    assert "owned" not in tab.run("document.title")
    assert tab.problems == []


def test_colours_follow_the_scheme(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["small"])
    light = tab.run("getComputedStyle(document.querySelector('.node .box')).fill")
    tab.open(files["small"], dark=True)
    assert tab.run("getComputedStyle(document.querySelector('.node .box')).fill") != light


def test_a_thousand_operators_can_be_found_and_chosen(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["thousand"])
    assert tab.run("document.querySelectorAll('.node').length") == 1000
    assert tab.run("document.querySelectorAll('.block[open]').length") == 0
    tab.run("document.getElementById('search').value = 'mixed_40/deeper'")
    tab.run("document.getElementById('search').focus()")
    tab.run(_press("Enter"))
    assert tab.run("document.getElementById('found').textContent") == "1 found"
    assert tab.run("document.querySelectorAll('.block[open]').length") == 1
    assert tab.run("document.querySelectorAll('.node:not(.dim)').length") == 1
    assert tab.run(SHOWN) == "#406 TANH"
    drawing, node = "document.querySelector('.drawing')", "document.querySelector('.node.here')"
    top, bottom = (
        tab.run(f"{node}.getBoundingClientRect().{side} - {drawing}.getBoundingClientRect().{side}")
        for side in ("top", "bottom")
    )
    assert top >= 0
    assert bottom <= 0


def test_a_word_after_a_hash_is_a_number(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["thousand"])
    tab.run("document.getElementById('search').value = '#12'")
    tab.run("document.getElementById('search').focus()")
    tab.run(_press("Enter"))
    assert tab.run("document.getElementById('found').textContent") == "1 found"


def test_arrows_go_through_the_graph_and_enter_chooses(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["thousand"])
    tab.run("document.querySelector('.block').open = true")
    tab.run("document.querySelector('.node[tabindex=\"0\"]').focus()")
    for _ in range(11):  # into the next block, which opens
        tab.run(_press("ArrowDown"))
    tab.run(_press("Enter"))
    assert tab.run("document.activeElement.dataset.op") == "11"
    assert tab.run(SHOWN) == "#11 RELU"
    assert tab.run("document.querySelectorAll('.node[tabindex=\"0\"]').length") == 1
    tab.run(_press("Escape"))
    assert tab.run(SHOWN) is None


def test_a_reference_leads_to_the_other_block(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["thousand"])
    tab.run("document.querySelectorAll('.block').forEach((one) => { one.open = true; })")
    target = tab.run("document.querySelector('.ref').dataset.to")
    tab.run("document.querySelector('.ref').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert tab.run(SHOWN).startswith(f"#{target} ")


def test_colour_by_measured_time(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["small"])
    fill = "getComputedStyle(document.querySelector('.node .box')).fill"
    before = tab.run(fill)
    select = "document.getElementById('overlay')"
    tab.run(f"{select}.value = 't'; {select}.dispatchEvent(new Event('change'))")
    assert tab.run(fill) != before
    assert "run run-7" in tab.run("document.getElementById('overlay-note').textContent")
    tab.open(files["thousand"])
    assert tab.run("document.querySelector('#overlay [value=t]')") is None


def test_a_namesake_comes_into_view_in_the_other_file(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["two"])
    tab.run(_click(0, 1))
    heads = "[...document.querySelectorAll('.chosen:not([hidden]) h3')].map((one) => one.firstChild.textContent)"
    assert tab.run(heads) == ["#1 RELU", "#2 RELU"]


def test_tables_sort_by_number_and_filter(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["thousand"])
    tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    table = "[...document.querySelectorAll('.sortable')].find((one) => one.textContent.includes('net/mixed_7/deep'))"
    first = f"Number({table}.tBodies[0].rows[0].cells[0].textContent)"
    button = f"{table}.tHead.rows[0].cells[0].querySelector('button')"
    tab.run(f"{button}.click()")
    assert tab.run(first) == 0
    tab.run(f"{button}.click()")
    assert tab.run(first) == 999
    tab.run(f"{button}.click()")
    assert tab.run(first) == 0
    filter_ = f"{table}.closest('details').querySelector('.filters input')"
    tab.run(f"{filter_}.value = 'mixed_41/deeper'; {filter_}.dispatchEvent(new Event('input'))")
    assert tab.run(f"[...{table}.tBodies[0].rows].filter((row) => !row.hidden).length") == 1


def test_the_block_for_an_app_is_copied_or_selected(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["small"])
    tab.run("document.querySelector('.copy').click()")
    tab.run("new Promise((done) => setTimeout(done, 200))")
    assert tab.run("document.querySelector('.copy').textContent") in ("Copied", "Selected")
    assert tab.problems == []


def test_it_stands_without_a_script(tab: Page, files: dict[str, str]) -> None:
    tab.open(files["small"], script=False)
    root = tab.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
    nodes = tab.call("DOM.querySelectorAll", nodeId=root, selector=".block[open] .node")["nodeIds"]
    assert len(nodes) == 2
    assert tab.call("DOM.querySelector", nodeId=root, selector="#controls[hidden]")["nodeId"] != 0
    assert tab.problems == []
