"""From the outputs of a CTC network to symbols: the greedy way and prefix beam search. Pure.

Connectionist temporal classification (Graves et al. 2006) gives each frame a distribution over the symbols and a blank.
A path names one of them for each frame; its labelling drops repeats, then blanks. A labelling is as probable as all of
its paths together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROOT = 0


def log_probabilities(logits: NDArray[Any]) -> NDArray[np.float64]:
    """The logarithm of the softmax over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def greedy_labelling(logits: NDArray[Any], blank: int) -> list[int]:
    """The labelling of the single most probable path; `logits` is (frames, symbols). The first of tied symbols wins."""
    path = logits.argmax(axis=1)
    begins = np.concatenate([[True], path[1:] != path[:-1]])
    found: list[int] = path[begins & (path != blank)].tolist()
    return found


def beam_labelling(logits: NDArray[Any], blank: int, beam_width: int) -> list[int]:
    """The most probable labelling that prefix beam search finds, without a language model.

    With a beam as wide as there are prefixes it is the most probable one of all.

    Args:
        logits: (frames, symbols).
        beam_width: how many prefixes are kept after each frame.
    """
    beam = _Beam(np.array([_ROOT]), np.zeros(1), np.full(1, -np.inf))
    tree = _PrefixTree()
    for frame in log_probabilities(logits):
        beam = _advance(beam, frame, tree, blank, beam_width)
    return tree.labelling(int(beam.nodes[int(np.argmax(beam.total))]))


@dataclass(frozen=True)
class _Beam:
    """The kept prefixes, the most probable first, each with the log probability of its paths so far.

    `in_blank` counts the paths that end in a blank, `in_symbol` those that end in the last symbol of the prefix.
    """

    nodes: NDArray[np.int64]
    in_blank: NDArray[np.float64]
    in_symbol: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        total: NDArray[np.float64] = np.logaddexp(self.in_blank, self.in_symbol)
        return total


class _PrefixTree:
    """All prefixes met: each node is its parent's prefix and one symbol more. One prefix is always one node."""

    def __init__(self) -> None:
        self.parents, self.symbols = [-1], [-1]
        self._children: dict[tuple[int, int], int] = {}

    def child(self, node: int, symbol: int) -> int:
        found = self._children.setdefault((node, symbol), len(self.parents))
        if found == len(self.parents):
            self.parents.append(node)
            self.symbols.append(symbol)
        return found

    def labelling(self, node: int) -> list[int]:
        symbols = []
        while node != _ROOT:
            symbols.append(self.symbols[node])
            node = self.parents[node]
        return symbols[::-1]


def _advance(beam: _Beam, frame: NDArray[np.float64], tree: _PrefixTree, blank: int, beam_width: int) -> _Beam:
    """The beam after one more frame, whose log probabilities are `frame` (symbols,)."""
    last = np.array([tree.symbols[node] for node in beam.nodes])
    in_blank = beam.total + frame[blank]
    # the root has no last symbol to repeat; its `in_symbol` is always impossible
    in_symbol = beam.in_symbol + frame[last]
    longer = _longer(beam, frame, last, blank)
    _merge_into_children(in_symbol, longer, beam, tree)
    candidates = np.concatenate([np.logaddexp(in_blank, in_symbol), longer.ravel()])
    best = _highest(candidates, beam_width)
    return _chosen(best, beam, in_blank, in_symbol, longer, tree)


def _longer(beam: _Beam, frame: NDArray[np.float64], last: NDArray[np.int64], blank: int) -> NDArray[np.float64]:
    """The log probability of each prefix with each symbol appended, (prefixes, symbols).

    The last symbol can be appended again only to paths that end in a blank; otherwise it is a repeat.
    """
    longer = beam.total[:, None] + frame[None, :]
    rows = np.flatnonzero(last >= 0)
    longer[rows, last[rows]] = beam.in_blank[rows] + frame[last[rows]]
    longer[:, blank] = -np.inf
    return longer


def _merge_into_children(
    in_symbol: NDArray[np.float64], longer: NDArray[np.float64], beam: _Beam, tree: _PrefixTree
) -> None:
    """A longer prefix that is in the beam already gets the paths of its parent, so that it stands there once."""
    places = {int(node): place for place, node in enumerate(beam.nodes)}
    for node, place in places.items():
        parent = places.get(tree.parents[node])
        if parent is not None:
            symbol = tree.symbols[node]
            in_symbol[place] = np.logaddexp(in_symbol[place], longer[parent, symbol])
            longer[parent, symbol] = -np.inf


def _highest(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The indices of the `count` highest possible values, falling; the first ones on a tie."""
    count = min(count, int(np.count_nonzero(values > -np.inf)))
    return np.argsort(-values, kind="stable")[:count]


def _chosen(
    best: NDArray[np.int64],
    beam: _Beam,
    in_blank: NDArray[np.float64],
    in_symbol: NDArray[np.float64],
    longer: NDArray[np.float64],
    tree: _PrefixTree,
) -> _Beam:
    """The beam of the candidates `best`: first the prefixes as they are, then each with each symbol."""
    size, symbols = longer.shape
    prefix, symbol = np.divmod(best - size, symbols)
    stays = best < size
    nodes = [
        int(beam.nodes[index]) if stay else tree.child(int(beam.nodes[row]), int(column))
        for index, stay, row, column in zip(best, stays, prefix, symbol, strict=True)
    ]
    same = np.where(stays, best, 0)
    return _Beam(
        np.array(nodes),
        np.where(stays, in_blank[same], -np.inf),
        np.where(stays, in_symbol[same], longer[np.where(stays, 0, prefix), symbol]),
    )
