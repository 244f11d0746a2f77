"""What any page must pass in a real browser; each function returns what is wrong, so empty is good."""

from __future__ import annotations

import base64
from typing import Any

from tests.report.browser import Page

_CONTROLS = (
    "button",
    "link",
    "textbox",
    "searchbox",
    "combobox",
    "checkbox",
    "radio",
    "slider",
    "tab",
    "region",
    "table",
)

# Every element with text of its own, against the nearest ground that is not transparent. Colours are read back from a
# canvas, whatever form they are written in. Text that is not seen does not count.
_CONTRASTS = """(() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  function parts(color) {
    if (!known.has(color)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      known.set(color, [...context.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(color);
  }
  function luminance(rgb) {
    const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function ground(element) {
    for (let at = element; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255, 255];
  }
  const bad = new Set();
  for (const element of document.body.querySelectorAll("*:not(script):not(style)")) {
    if (element.closest("svg") || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const ink = luminance(parts(getComputedStyle(element).color).slice(0, 3));
    const paper = luminance(ground(element).slice(0, 3));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    const told = `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 30)}`;
    if (ratio < 4.5) bad.add(`${ratio.toFixed(2)} ${told}`);
  }
  return [...bad];
})()"""


def open_everything(page: Page) -> None:
    """Unfold all that is folded, and wait until the page has seen it."""
    page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 20))))")


def faint_texts(page: Page) -> list[str]:
    """Texts with a contrast below 4.5 to 1."""
    found = page.run(_CONTRASTS)
    assert isinstance(found, list)
    return found


def nameless_controls(page: Page) -> list[str]:
    """Controls, regions and tables that a screen reader has no name for."""
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    page.call("Accessibility.disable")
    return [_role(node) for node in nodes if not node["ignored"] and _role(node) in _CONTROLS and not _name(node)]


def _role(node: dict[str, Any]) -> str:
    return str(node.get("role", {}).get("value", ""))


def _name(node: dict[str, Any]) -> str:
    return str(node.get("name", {}).get("value", "")).strip()


def unreachable_scrollers(page: Page) -> list[str]:
    """Regions that scroll sideways and cannot be reached with the keyboard, or do not say that there is more."""
    found = page.run(
        "[...document.querySelectorAll('.scroll, .wide')].filter((one) => one.checkVisibility()"
        " && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible')"
        ".filter((one) => one.tabIndex !== 0 || !one.getAttribute('aria-label')"
        " || !one.previousElementSibling?.checkVisibility()).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert isinstance(found, list)
    return found


def overflow_px(page: Page) -> int:
    """How much wider the page is than its window."""
    return int(page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def pdf(page: Page) -> bytes:
    """The page on A4."""
    answer = page.call("Page.printToPDF", timeout_s=60.0, paperWidth=8.27, paperHeight=11.69, printBackground=True)
    return base64.b64decode(answer["data"])


def press(page: Page, key: str, text: str = "") -> None:
    """Press and let go of a key."""
    code = {"Tab": 9, "Enter": 13, " ": 32, "Escape": 27}.get(key, 0)
    for kind in ("keyDown", "keyUp"):
        page.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            windowsVirtualKeyCode=code,
            text=text if kind == "keyDown" else "",
        )
