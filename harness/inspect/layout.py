"""Where each operator stands in the drawing: blocks one below the other, layers within a block.

The file's order is one in which everything is computed before it is used, so a run of it is a block, and the drawing
is read downwards. Within a block the layer of an operator is the longest way to it, its place in the layer is near
those it reads from, and edges over several layers get room between the others (after K. Sugiyama, S. Tagawa and
M. Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.inspect.model import Graph

MAX_BLOCK = 48
MAX_BENDS = 1500  # room for edges over several layers, in one block
_WEIGHT_SWEEPS = 4
_BEND_WIDTH = 0.22  # of an operator's
_SPLIT = re.compile(r"[/_.:]+")


@dataclass(frozen=True)
class Block:
    """A run of operators: their indices in the order of the file, and what their names have in common."""

    title: str
    operators: tuple[int, ...]


@dataclass(frozen=True)
class Placed:
    """Places in units of an operator's width and of a layer's height.

    `places` has (x, layer) of the middle of each operator, `edges` the points of each edge between two of them.
    """

    width: float
    layers: int
    places: dict[int, tuple[float, int]]
    edges: tuple[tuple[tuple[float, int], ...], ...]


def blocks_of(graph: Graph) -> tuple[Block, ...]:
    """The operators in blocks by their names: runs of a common beginning.

    How many words of the names make a block is chosen so that there are about 2.2 times sqrt(operators) blocks, and so
    that few edges lead elsewhere than from the end of one block into the next.
    """
    if not graph.operators:
        return ()
    names = [graph.layer_name(operator).split(";")[0] for operator in graph.operators]
    words = [_words(name) for name in names]
    runs = _runs(words, _depth(words, list(graph.edges())))
    parts = [part for run in _merged(runs, len(words)) for part in _pieces(run)]
    usual = _usual([name.split("/") for name in names])
    return tuple(Block(_title(graph, part, words, usual), tuple(part)) for part in parts)


def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in _SPLIT.split(name) if word)


def _depth(words: Sequence[tuple[str, ...]], edges: Sequence[tuple[int, int]]) -> int:
    """How many words of a name make its block."""
    target = 2.2 * math.sqrt(len(words))
    longest = min(12, max(map(len, words), default=0))

    def misfit(depth: int) -> float:
        runs = _runs(words, depth)
        run_of = {index: number for number, run in enumerate(runs) for index in run}
        strays = sum(
            run_of[a] != run_of[b] and not (run_of[b] == run_of[a] + 1 and runs[run_of[a]][-1] == a) for a, b in edges
        )
        return abs(math.log(len(runs) / target)) + 2 * strays / max(1, len(edges))

    return min(range(longest + 1), key=misfit)


def _runs(words: Sequence[tuple[str, ...]], depth: int) -> list[list[int]]:
    """Indices of neighbours whose names begin with the same `depth` words."""
    runs: list[list[int]] = []
    before: tuple[str, ...] | None = None
    for index, one in enumerate(words):
        if one[:depth] != before or not runs:
            runs.append([])
        runs[-1].append(index)
        before = one[:depth]
    return runs


def _merged(runs: list[list[int]], operators: int) -> list[list[int]]:
    """Runs of one operator joined to the run before: in a large graph they say nothing."""
    if operators < 12:
        return [[index for run in runs for index in run]]
    result: list[list[int]] = []
    for run in runs:
        if result and (len(run) == 1 or len(result[-1]) == 1) and len(result[-1]) + len(run) <= MAX_BLOCK // 3:
            result[-1] += run
        else:
            result.append(list(run))
    return result


def _pieces(run: list[int]) -> Iterator[list[int]]:
    """A run in pieces of at most `MAX_BLOCK`."""
    count = -(-len(run) // MAX_BLOCK)
    size = -(-len(run) // count)
    for begin in range(0, len(run), size):
        yield run[begin : begin + size]


def _usual(names: Sequence[list[str]]) -> tuple[str, ...]:
    """The words of the scopes that nearly all names begin with: the name of the model, which tells nothing apart."""
    usual: list[str] = []
    while True:
        count = len(usual)
        longer = [tuple(one[: count + 1]) for one in names if one[:count] == usual and len(one) > count + 1]
        most, often = Counter(longer).most_common(1)[0] if longer else ((), 0)
        if often < 0.92 * len(names):
            return _words("/".join(usual))
        usual = list(most)


def _title(graph: Graph, part: list[int], words: Sequence[tuple[str, ...]], usual: tuple[str, ...]) -> str:
    """What most of the names have in common, without what is usual in the graph."""
    names = [words[index][len(usual) :] for index in part if words[index][: len(usual)] == usual]
    names = [name for name in names if name]
    if not names:
        return graph.operators[part[0]].name
    first = [name[0] for name in names]
    most = max(dict.fromkeys(first), key=first.count)
    return "_".join(_shared([name for name in names if name[0] == most]))[:80]


def _shared(names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The words that all `names` begin with."""
    if not names:
        return ()
    low, high = min(names), max(names)
    count = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:count]


def place(block: Block, edges: Sequence[tuple[int, int]]) -> Placed:
    """Places for the operators of `block`; of `edges` (from, to) those inside it are drawn."""
    inside = set(block.operators)
    own = [(a, b) for a, b in dict.fromkeys(edges) if a in inside and b in inside and a < b]
    layer = _layers(block.operators, own)
    chains = _chains(own, layer)
    rows = _rows(block.operators, layer, chains)
    above, below = _neighbours(chains)
    _ordered(rows, above, below)
    x = _positions(rows, above, below)
    places = {index: (x["o", index, 0], layer[index]) for index in block.operators}
    lines = tuple(tuple((x[key], at) for key, at in chain) for chain in chains)
    return Placed(max(x.values()) + 0.5 if x else 1.0, len(rows), places, lines)


_Key = tuple[str, int, int]  # ("o", operator, 0), or ("e", edge, layer) for a bend of an edge


def _layers(operators: Sequence[int], edges: Sequence[tuple[int, int]]) -> dict[int, int]:
    """The length of the longest way to each operator."""
    layer = dict.fromkeys(operators, 0)
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        layer[b] = max(layer[b], layer[a] + 1)
    return layer


def _chains(edges: Sequence[tuple[int, int]], layer: dict[int, int]) -> list[list[tuple[_Key, int]]]:
    """Each edge as the keys and layers that it goes through."""
    bends = sum(layer[b] - layer[a] - 1 for a, b in edges)
    result = []
    for number, (a, b) in enumerate(edges):
        between = range(layer[a] + 1, layer[b]) if bends <= MAX_BENDS else range(0)
        middle: list[tuple[_Key, int]] = [(("e", number, at), at) for at in between]
        result.append([(("o", a, 0), layer[a]), *middle, (("o", b, 0), layer[b])])
    return result


def _rows(operators: Sequence[int], layer: dict[int, int], chains: list[list[tuple[_Key, int]]]) -> list[list[_Key]]:
    rows: list[list[_Key]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for index in operators:
        rows[layer[index]].append(("o", index, 0))
    for chain in chains:
        for key, at in chain[1:-1]:
            rows[at].append(key)
    return rows


def _neighbours(chains: list[list[tuple[_Key, int]]]) -> tuple[dict[_Key, list[_Key]], dict[_Key, list[_Key]]]:
    above: dict[_Key, list[_Key]] = {}
    below: dict[_Key, list[_Key]] = {}
    for chain in chains:
        for (a, _), (b, _) in pairwise(chain):
            above.setdefault(b, []).append(a)
            below.setdefault(a, []).append(b)
    return above, below


def _ordered(rows: list[list[_Key]], above: dict[_Key, list[_Key]], below: dict[_Key, list[_Key]]) -> None:
    """Sort each row by the middle of its neighbours, downwards and upwards in turn, to avoid crossings."""
    for sweep in range(_WEIGHT_SWEEPS):
        near = above if sweep % 2 == 0 else below
        sequence = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        for at in sequence:
            other = rows[at - 1 if sweep % 2 == 0 else at + 1]
            rank = {key: number / max(1, len(other) - 1) for number, key in enumerate(other)}
            own = {key: number / max(1, len(rows[at]) - 1) for number, key in enumerate(rows[at])}
            weight = {key: _mean([rank[one] for one in near.get(key, ()) if one in rank], own[key]) for key in rows[at]}
            rows[at].sort(key=weight.__getitem__)


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _positions(
    rows: list[list[_Key]], above: dict[_Key, list[_Key]], below: dict[_Key, list[_Key]]
) -> dict[_Key, float]:
    """A place for each key, in widths of an operator: near its neighbours, without overlap; the smallest is 0.5."""
    x: dict[_Key, float] = {}
    for row in rows:
        _spread(row, [_mean([x[one] for one in above.get(key, ()) if one in x], 0.0) for key in row], x)
    for row in reversed(rows):
        _spread(row, [_mean([x[one] for one in below.get(key, ())], x[key]) for key in row], x)
    for row in rows:
        _spread(row, [_mean([x[one] for one in above.get(key, ())], x[key]) for key in row], x)
    least = min((x[key] - _half(key) for key in x), default=0.0)
    return {key: value - least for key, value in x.items()}


def _half(key: _Key) -> float:
    return 0.5 if key[0] == "o" else _BEND_WIDTH / 2


def _spread(row: list[_Key], wished: list[float], x: dict[_Key, float]) -> None:
    """Keep the order of a row, leave room for each, and move as little as possible from what is wished."""
    placed: list[float] = []
    for order, key in enumerate(row):
        least = placed[-1] + _half(row[order - 1]) + _half(key) + 0.08 if placed else -math.inf
        placed.append(max(wished[order], least))
    shift = _mean([want - have for want, have in zip(wished, placed, strict=True)], 0.0)
    for key, value in zip(row, placed, strict=True):
        x[key] = value + shift
