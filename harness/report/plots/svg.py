"""The little SVG that the charts need: escaped elements, axes, markers, paths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

from harness.report.wording import visible

EMPTY = Markup("")


def element(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """``<tag attributes>children</tag>``; attributes that are None are left out, a trailing ``_`` of a name is dropped,
    other ``_`` become ``-``. Text is escaped unless it is Markup already.
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is not None:
            text = value if isinstance(value, str) else compact(value)
            parts.append(f' {name.rstrip("_").replace("_", "-")}="{escape(visible(text))}"')
    inner = "".join(child if isinstance(child, Markup) else escape(visible(child)) for child in children)
    return Markup("".join(parts) + (f">{inner}</{tag}>" if inner else "/>"))


def join(parts: Iterable[Markup]) -> Markup:
    """The parts one after the other."""
    return EMPTY.join(parts)


def compact(value: float) -> str:
    """A coordinate with one decimal and no trailing zero: a page holds many of them."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def canvas(width: float, height: float, *children: Markup, label: str, stretch: bool = False) -> Markup:
    """An ``<svg>`` that scales with its column (each direction alone when `stretch`); `label` says what it shows."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {compact(width)} {compact(height)}",
        preserveAspectRatio="none" if stretch else None,
        role="img" if label else None,
        aria_label=label or None,
        aria_hidden=None if label else "true",
    )


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """Path data through `points`."""
    return "".join(f"{'L' if index else 'M'}{compact(x)} {compact(y)}" for index, (x, y) in enumerate(points))


def rules(*ends: tuple[float, float, float, float], class_: str = "g") -> Markup:
    """Straight lines from (x1, y1) to (x2, y2), all in one element."""
    return element("path", class_=class_, d="".join(polyline(((x1, y1), (x2, y2))) for x1, y1, x2, y2 in ends))


def text(x: float, y: float, content: str, class_: str = "", anchor: str = "start") -> Markup:
    """A text with its baseline at `y`; `anchor` is start, middle or end (short classes of the style sheet)."""
    classes = f"{class_}{ {'start': '', 'middle': ' c', 'end': ' e'}[anchor] }".strip()
    return element("text", content, x=x, y=y, class_=classes or None)


@dataclass(frozen=True)
class Axis:
    """Maps values in [low, high] to pixels in [start, end]; logarithmic when `log`, then 0 < low < high."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of `value`; values outside are clamped to the ends."""
        if self.log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """About `count` round values inside the axis."""
        return _log_ticks(self.low, self.high, count) if self.log else _linear_ticks(self.low, self.high, count)


def log_axis(values: Sequence[float], start: float, end: float, margin: float = 1.25) -> Axis:
    """A logarithmic axis around positive `values` (at least one)."""
    return Axis(min(values) / margin, max(values) * margin, start, end, log=True)


def linear_axis(values: Sequence[float], start: float, end: float, least_span: float, margin: float = 0.12) -> Axis:
    """A linear axis around `values` (at least one); it spans `least_span` or more, so that noise is not drawn large."""
    low, high = min(values), max(values)
    pad = max((high - low) * margin, (least_span - (high - low)) / 2)
    return Axis(low - pad, high + pad, start, end)


def fraction_axis(values: Sequence[float], start: float, end: float, margin: float = 0.12) -> Axis:
    """A linear axis around fractions in [0, 1] that spans two hundredths or more and ends just above 1 at most."""
    axis = linear_axis(values, start, end, 0.02, margin)
    over = axis.high - (1.0 + 0.05 * (axis.high - axis.low))
    return replace(axis, low=axis.low - over, high=axis.high - over) if over > 0 else axis


def _linear_ticks(low: float, high: float, count: int) -> list[float]:
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= count + 1:
            return ticks if len(ticks) > 1 else _linear_ticks(low, high, 3)
    return ticks[:: math.ceil(len(ticks) / count)]


_SHAPES = (
    "M-4.9 0A4.9 4.9 0 1 1 4.9 0A4.9 4.9 0 1 1 -4.9 0Z",
    "M-4.4 -4.4H4.4V4.4H-4.4Z",
    "M0 -5.8L5.4 4.2H-5.4Z",
    "M0 -6.2L6.2 0L0 6.2L-6.2 0Z",
    "M0 5.8L5.4 -4.2H-5.4Z",
    "M-2 -5.6H2V-2H5.6V2H2V5.6H-2V2H-5.6V-2H-2Z",
    "M0 -6.2L1.8 -2L6 -2L2.8 1.2L4 5.6L0 3L-4 5.6L-2.8 1.2L-6 -2L-1.8 -2Z",
    "M-5.4 -3L0 -6L5.4 -3V3L0 6L-5.4 3Z",
)
STYLES = len(_SHAPES)


def shapes() -> Markup:
    """The shapes that `marker` refers to; a page holds them once."""
    defined = (element("path", id=f"m{index}", d=shape) for index, shape in enumerate(_SHAPES))
    return element("svg", element("defs", *defined), class_="shapes", aria_hidden="true")


def color(style: int) -> str:
    """The class that carries the colour of a series. From the ninth on shapes come back, each in another colour."""
    return f"s{(style + 3 * (style // STYLES)) % STYLES}"


def marker(style: int, x: float, y: float, class_: str, title: str = "") -> Markup:
    """The marker of a series: `style` chooses the shape and the colour, which together are its own up to 64 series."""
    name = element("title", title) if title else EMPTY
    return element("use", name, href=f"#m{style % STYLES}", x=x, y=y, class_=f"{color(style)} {class_}".strip())


def markers(spots: Iterable[tuple[int, str, float, float]]) -> Markup:
    """Many markers (style, class, x, y), to the unit and each place once: a quarter of the bytes of `marker`."""
    groups: dict[tuple[int, str], dict[tuple[int, int], None]] = {}
    for style, class_, x, y in spots:
        groups.setdefault((style, class_), {})[round(x), round(y)] = None
    return join(
        element(
            "g",
            Markup("".join(f"<use href=#m{style % STYLES} x={x} y={y} />" for x, y in places)),
            class_=f"{color(style)} {class_}".strip(),
        )
        for (style, class_), places in groups.items()
    )
