"""What a user may set of a technique, and how it is read. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import RecipeError

PREFIX = "technique."
OPTIONS = {
    "sparsity": "the share of a kernel's weights that pruning sets to zero, 0.1 to 0.98 (0.75)",
    "clusters": "how many different values clustering leaves in a kernel, 3 to 256 (16)",
    "epochs": "epochs of fine-tuning for each step of the technique, 1 to 1000 (as the recipe says)",
}
_SPARSITY = (0.1, 0.98)
_CLUSTERS = (3, 256)
_EPOCHS = (1, 1000)


@dataclass(frozen=True)
class Settings:
    """`sparsity` a share, `clusters` a count, `epochs` of each fine-tuning; None leaves them to the recipe."""

    sparsity: float = 0.75
    clusters: int = 16
    epochs: int | None = None


def parse_settings(texts: Mapping[str, str]) -> Settings:
    """The settings from their texts, as a sweep has them (without the prefix `technique.`).

    Raises:
        RecipeError: an unknown setting, or a value out of its range; says which are allowed.
    """
    for name in texts:
        if name not in OPTIONS:
            near = difflib.get_close_matches(name, OPTIONS, n=1)
            hint = f"Did you mean {PREFIX}{near[0]}? " if near else ""
            known = ", ".join(PREFIX + option for option in OPTIONS)
            raise RecipeError(f"there is no setting {PREFIX + name!r}", remedy=f"{hint}Settings: {known}.")
    return Settings(
        _number(texts, "sparsity", Settings.sparsity, _SPARSITY),
        _whole(texts, "clusters", _CLUSTERS) or Settings.clusters,
        _whole(texts, "epochs", _EPOCHS),
    )


def _whole(texts: Mapping[str, str], name: str, limits: tuple[int, int]) -> int | None:
    if name not in texts:
        return None
    value = _number(texts, name, 0.0, limits)
    if value != int(value):
        raise RecipeError(f"{PREFIX}{name} is {texts[name]!r}, not a whole number", remedy=_range(name, limits))
    return int(value)


def _number(texts: Mapping[str, str], name: str, default: float, limits: tuple[float, float]) -> float:
    if name not in texts:
        return default
    try:
        value = float(texts[name])
    except ValueError:
        raise RecipeError(f"{PREFIX}{name} is {texts[name]!r}, not a number", remedy=_range(name, limits)) from None
    if not limits[0] <= value <= limits[1]:  # NaN is refused here too
        raise RecipeError(f"{PREFIX}{name} is {texts[name]!r}", remedy=_range(name, limits))
    return value


def _range(name: str, limits: tuple[float, float]) -> str:
    return f"Give {PREFIX}{name} from {limits[0]} to {limits[1]}."
