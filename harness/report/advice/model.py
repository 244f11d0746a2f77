"""What is wished, and what is advised."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

DATA = ("none", "representative", "labelled")
TARGETS = ("any", "cpu", "gpu", "edgetpu", "hexagon", "qnn", "nnapi")
INTEGER_ONLY = ("edgetpu", "hexagon")


@dataclass(frozen=True)
class Wish:
    """What the model has to do.

    Attributes:
        target: the kind of backend, ``any`` when that is open.
        latency_ms: at most, None when any will do.
        max_loss: of the leading metric against float32, in its own unit; None when only a collapse rules out.
        data: what there is to prepare with: ``none``, ``representative`` or ``labelled``.
        small_download: the compressed size matters.
    """

    target: str = "any"
    latency_ms: float | None = None
    max_loss: float | None = None
    data: str = "representative"
    small_download: bool = False


class Standing(str, Enum):
    """How an option stands to the wishes, best first."""

    MEETS = "meets it"
    OPEN = "open"
    FAILS = "ruled out"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Reason:
    """One statement; `known` is ``measured``, ``rule`` or ``asked``. `against` rules the option out, `open` leaves it
    undecided."""

    text: str
    known: str
    against: bool = False
    open: bool = False


@dataclass(frozen=True)
class Step:
    """One question of the decision tree with its answer."""

    question: str
    answer: str
    known: str


@dataclass(frozen=True)
class Option:
    """A variant, on the backend where it did best, with the reasons for its place; figures are None unless measured."""

    variant: str
    backend: str
    standing: Standing
    reasons: tuple[Reason, ...]
    latency_ms: float | None = None
    size_mb: float | None = None
    loss: float | None = None


@dataclass(frozen=True)
class Advice:
    """The walk through the tree, the options best first, and the variants whose measurement would settle the rest."""

    model: str
    steps: tuple[Step, ...]
    options: tuple[Option, ...]
    unsettled: tuple[str, ...]
