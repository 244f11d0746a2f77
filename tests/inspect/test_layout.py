from __future__ import annotations

import random
from itertools import pairwise

import pytest

from harness.inspect.layout import MAX_BLOCK, Block, blocks_of, place
from tests.inspect.factory import Drawn, chain


def _residual(blocks: int) -> Drawn:
    drawn = Drawn()
    data = drawn.tensor("x", (1, 4))
    for number in range(blocks):
        start, name = data, f"mobilenet_1.0/block_{number}"
        data = drawn.unary("RELU", data, f"{name}_expand/Relu;{name}_bn")
        data = drawn.unary("TANH", data, f"{name}_depthwise/Relu")
        out = drawn.tensor(f"{name}_add/Add", (1, 4))
        drawn.operator("ADD", [start, data], [out])
        data = out
    return drawn


def test_blocks_are_those_of_the_names() -> None:
    blocks = blocks_of(_residual(20).graph())
    assert [block.title for block in blocks] == [f"block_{number}" for number in range(20)]
    assert [block.operators for block in blocks][:2] == [(0, 1, 2), (3, 4, 5)]


@pytest.mark.parametrize("names", [[""] * 200, ["x"] * 200, [f"op{n}" for n in range(200)], ["/;/"] * 200])
def test_names_that_say_nothing_still_give_blocks(names: list[str]) -> None:
    blocks = blocks_of(chain(names).graph())
    assert [index for block in blocks for index in block.operators] == list(range(200))
    assert max(len(block.operators) for block in blocks) <= MAX_BLOCK
    assert all(block.title for block in blocks)


def test_a_small_graph_is_one_block_and_an_empty_one_none() -> None:
    assert len(blocks_of(chain(["a/b", "c/d", "e/f"]).graph())) == 1
    assert blocks_of(Drawn().graph()) == ()


def _random_edges(count: int, seed: int) -> list[tuple[int, int]]:
    rng = random.Random(seed)
    return [(rng.randrange(max(0, b - 9), b), b) for b in range(1, count) for _ in range(rng.choice((1, 1, 2, 3)))]


@pytest.mark.parametrize("seed", range(5))
def test_everything_stands_below_what_it_reads_and_nothing_overlaps(seed: int) -> None:
    edges = _random_edges(40, seed)
    placed = place(Block("b", tuple(range(40))), edges)
    assert all(placed.places[a][1] < placed.places[b][1] for a, b in edges)
    rows: dict[int, list[float]] = {}
    for x, layer in placed.places.values():
        rows.setdefault(layer, []).append(x)
    for row in rows.values():
        row.sort()
        assert all(right - left >= 1.0 for left, right in pairwise(row))
    assert min(x for x, _ in placed.places.values()) >= 0.5 - 1e-9
    assert max(x for x, _ in placed.places.values()) <= placed.width - 0.5 + 1e-9
    assert placed.layers == 1 + max(layer for _, layer in placed.places.values())


def test_a_long_edge_goes_around_what_lies_between() -> None:
    placed = place(Block("b", (0, 1, 2, 3)), [(0, 1), (1, 2), (2, 3), (0, 3)])
    (around,) = [points for points in placed.edges if len(points) == 4]
    for x, layer in around[1:-1]:
        middle = next(place_x for place_x, at in placed.places.values() if at == layer)
        assert abs(x - middle) > 0.55


def test_a_chain_is_straight() -> None:
    placed = place(Block("b", tuple(range(6))), [(a, a + 1) for a in range(5)])
    assert {x for x, _ in placed.places.values()} == {0.5}
    assert placed.width == 1.0


def test_edges_that_lead_out_of_the_block_or_back_are_not_drawn() -> None:
    placed = place(Block("b", (3, 4)), [(1, 3), (4, 9), (4, 3), (3, 4)])
    assert len(placed.edges) == 1
