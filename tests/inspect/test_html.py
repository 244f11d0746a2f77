from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from harness.domain import OperatorTime
from harness.inspect import page
from harness.inspect.analysis import Report, report_on
from harness.inspect.comparison import compare
from harness.inspect.drawing import MAX_DRAWN, drawn_blocks, histogram_svg
from harness.inspect.html_comparison import MAX_ROWS
from harness.inspect.measured import Measured, Stored
from harness.inspect.model import Histogram
from tests.inspect.factory import Drawn, chain

HOSTILE = "</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(2)>{{7*7}}\u202e\x1b[31m&lt;"
MEASURED = Measured("run-7", "Pixel", "gpu", 1, "tool", "TRUSTED", operators=(OperatorTime("RELU", 40.0, 1.0, 2),))


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


def hostile_report() -> Report:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor(HOSTILE, (1, 4, 4, 3), "int8")]
    figures = {"minimum": -1.0, "maximum": 1.0, "histogram": Histogram(-1, 1, (1, 2, 3))}
    weights = drawn.tensor(HOSTILE, (4, 3), "int8", constant=True, figures=figures)
    out = drawn.tensor(HOSTILE, (1, 4), "int8")
    drawn.operator("FULLY_CONNECTED", [drawn.inputs[0], weights], [out])
    drawn.outputs = [drawn.unary(f"Op{HOSTILE}", out, HOSTILE, custom=True)]
    file = drawn.file(path=f"/tmp/{HOSTILE}", description=HOSTILE, cannot_run=HOSTILE, metadata=((HOSTILE, 3),))
    return report_on(file, Stored((MEASURED,)), store_problem="")


def data_of(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.DOTALL)
    assert found is not None
    value = json.loads(found[1])
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("twice", [False, True])
def test_names_that_carry_markup_are_text(twice: bool) -> None:
    report = hostile_report()
    text = page(report, compare(report, report_on(chain(["a"]).file())) if twice else None)
    found = Page(text)
    assert {tag for tag, _ in found.tags}.isdisjoint({"img", "iframe", "object", "link", "base", "form"})
    assert [attributes for tag, attributes in found.tags if any(name.startswith("on") for name in attributes)] == []
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "49" not in "".join(word for word in found.words if "7*7" in word or "49" in word).replace("{{7*7}}", "")


def test_the_policy_allows_its_own_script_and_nothing_else() -> None:
    text = page(report_on(chain(["a"]).file()))
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attributes["content"] for tag, attributes in Page(text).tags if "http-equiv" in attributes)
    assert policy is not None
    assert policy.endswith(f" 'sha256-{digest}'")
    assert "default-src 'none'" in policy
    assert not re.search(r'(?:src|href)="(?!#)', text)
    assert "url(" not in text


def test_every_operator_is_drawn_once_and_ids_are_unique() -> None:
    report = report_on(chain([f"net/block_{n // 4}/{n % 4}" for n in range(200)]).file())
    found = Page(page(report, compare(report, report)))
    assert len(found.ids()) == len(set(found.ids()))
    for prefix in "ab":
        assert {f"{prefix}n{index}" for index in range(200)} <= set(found.ids())


def test_the_tables_stand_without_a_script() -> None:
    text = page(report_on(chain(["layer_one", "layer_two"]).file()))
    words = Page(text.split('<script type="application/json"')[0]).words
    assert {"layer_one", "layer_two"} <= set(words)


def test_a_small_graph_stands_open_and_a_large_one_closed() -> None:
    small = page(report_on(chain(["a", "b"]).file()))
    large = page(report_on(chain([f"n/b_{n // 5}/x" for n in range(300)]).file()))
    assert re.search(r'<details class="block[^>]* open>', small)
    assert not re.search(r'<details class="block[^>]* open>', large)


def test_what_is_measured_is_laid_over_and_named() -> None:
    text = page(report_on(chain(["a", "b"]).file(), Stored((MEASURED,))))
    (file,) = data_of(text)["files"]  # type: ignore[misc]
    assert [one["t"] for one in file["operators"]] == [20.0, 20.0]
    assert file["profile"] == "gpu, 1 thread, tool on Pixel, run run-7"
    assert "Time, ms" in text
    assert "Time, ms" not in page(report_on(chain(["a", "b"]).file()))


def test_rules_are_marked_as_rules_with_their_source() -> None:
    text = page(report_on(chain(["a"]).file()))
    assert "Rules, no measurement" in text
    assert "coral.ai/docs/edgetpu" in text


def test_huge_graphs_are_cut_and_it_is_said() -> None:
    report = report_on(chain([f"n/b_{n // 10}/x" for n in range(MAX_ROWS + 50)]).file())
    text = page(report)
    assert len(text) < 6_000_000
    assert f"{MAX_ROWS + 50 - MAX_DRAWN:,} more operators are in the table only" in text
    assert "50 more: harness inspect --json has them all" in text
    assert drawn_blocks(report, "a")[-1].last < MAX_DRAWN


def test_an_empty_graph_has_a_page() -> None:
    assert "The file has no operators." in page(report_on(Drawn().file()))


def test_figures_that_are_not_finite_do_not_break_the_page() -> None:
    drawn = chain(["a"])
    drawn.tensor("w", (40,), constant=True, scales=(float("nan"), float("inf")), zero_points=(0, 0))
    assert data_of(page(report_on(drawn.file())))


def test_a_histogram_has_a_bar_for_each_bin_that_is_not_empty() -> None:
    svg = histogram_svg(Histogram(-2, 2, (0, 4, 1, 0)), "w")
    assert svg.count("v-") == 2
    assert 'class="zero"' in svg
    assert 'class="zero"' not in histogram_svg(Histogram(1, 2, (0, 4, 1, 0)), "w")
