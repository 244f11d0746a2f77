from __future__ import annotations

import math

import pytest

from harness.domain.diagnosis import LayerError
from harness.prepare.sensitivity import (
    Kept,
    by_group,
    by_suspicion,
    choose,
    in_groups,
    ranked,
    with_alone,
    with_kept,
    with_neighbours,
)

ALONE = [(at,) for at in range(6)]


class Model:
    """Layers whose noise adds up, as a share of the signal, and pairs that only go away together."""

    def __init__(self, noise: list[float], pairs: dict[Kept, float] | None = None, trials: int = 1000) -> None:
        self.noise, self.pairs, self.trials = noise, pairs or {}, trials
        self.tried: list[Kept] = []

    def __call__(self, kept: Kept) -> float | None:
        if len(self.tried) == self.trials:
            return None
        self.tried.append(kept)
        single = sum(noise for at, noise in enumerate(self.noise) if at not in kept)
        return -10 * math.log10(single + sum(noise for pair, noise in self.pairs.items() if not pair <= kept) + 1e-9)

    @property
    def start_db(self) -> float:
        return -10 * math.log10(sum(self.noise) + sum(self.pairs.values()) + 1e-9)


def test_the_dearest_layers_are_taken_and_no_more() -> None:
    model = Model([0.01, 0.4, 0.02, 0.3, 0.01, 0.01])
    choice = choose([1, 3, 2, 0, 4, 5], ALONE, model, model.start_db, 12.0)
    assert choice.kept == (1, 3)
    assert choice.reached
    assert choice.sqnr_db == pytest.approx(-10 * math.log10(0.05), abs=1e-3)


def test_a_layer_that_a_later_one_makes_needless_is_put_back() -> None:
    model = Model([0.01, 0.1, 0.5, 0.01, 0.01, 0.01])
    choice = choose([1, 2, 0, 3, 4, 5], ALONE, model, model.start_db, 8.0)
    assert choice.kept == (2,)


def test_neighbours_are_taken_together_where_one_alone_does_not_help() -> None:
    model = Model([0.01] * 6, {frozenset((2, 3)): 0.5})
    near = [(0, 1), (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5)]
    choice = choose([2, 3, 0, 1, 4, 5], near, model, model.start_db, 12.0)
    assert choice.kept == (2, 3)
    assert choice.reached


def test_many_are_taken_at_once_where_nothing_smaller_helps() -> None:
    model = Model([0.0] * 6, {frozenset((0, 1, 4)): 0.5})
    choice = choose([4, 0, 2, 1, 3, 5], ALONE, model, model.start_db, 20.0)
    assert set(choice.kept) == {0, 1, 4}


def test_the_best_of_what_was_found_when_the_wish_is_out_of_reach_or_the_time_over() -> None:
    model = Model([0.1] * 6)
    assert choose(range(6), ALONE, model, model.start_db, 200.0).reached is False
    short = Model([0.1] * 6, trials=2)
    choice = choose(range(6), ALONE, short, short.start_db, 30.0)
    assert (choice.kept, choice.reached) == ((0, 1), False)
    assert choice.sqnr_db == pytest.approx(-10 * math.log10(0.4), abs=1e-3)


def test_nothing_is_kept_where_nothing_is_needed() -> None:
    model = Model([0.01] * 6)
    assert choose(range(6), ALONE, model, model.start_db, 5.0).kept == ()
    assert model.tried == []


def test_an_infinite_or_senseless_figure_ends_the_search_in_order() -> None:
    exact = choose([0, 1], [(0,), (1,)], lambda kept: math.inf if 1 in kept else 5.0, 5.0, 100.0)
    assert (exact.kept, exact.reached) == ((1,), True)
    lost = choose([0, 1], [(0,), (1,)], lambda _: -math.inf, -math.inf, 10.0)
    assert (lost.kept, lost.reached) == ((), False)


def test_suspicion_is_what_a_layer_adds_to_the_error_of_what_it_reads() -> None:
    shares = [0.02, 0.3, 0.31, None, 0.07]
    assert by_suspicion(shares, [[], [0], [1], [2], [0, 3]]) == [1, 4, 0, 2, 3]


def test_neighbours_are_read_from_both_sides() -> None:
    assert with_neighbours([[], [0], [1], [1]]) == [(0, 1), (0, 1, 2, 3), (1, 2), (1, 3)]


def test_groups_cover_every_layer_once() -> None:
    assert [list(group) for group in in_groups(7, 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert in_groups(3, 0) == [range(3)]
    assert by_group([0, 5, 1, 4], [(range(3), 0.1), (range(3, 6), 2.0)]) == [5, 4, 0, 1]
    assert by_group([0, 5, 1], [(range(3), 0.1), (range(3, 6), None)]) == [0, 1, 5]


def test_the_cost_is_the_larger_share_of_the_noise() -> None:
    """All quantized 10 dB: a noise of 0.1. Without the layer 0.05; the layer alone 0.03, the boundaries 0.01."""
    found = with_kept(LayerError("a", "CONV_2D"), -10 * math.log10(0.05), 10.0)
    assert found.gain_db == pytest.approx(3.0103, abs=1e-3)
    assert found.cost_pct == pytest.approx(50.0)
    found = with_alone(found, -10 * math.log10(0.03), 20.0, 10.0)
    assert found.cost_pct == pytest.approx(50.0)
    alone = with_alone(LayerError("a", "CONV_2D"), -10 * math.log10(0.09), 20.0, 10.0)
    assert alone.cost_pct == pytest.approx(80.0)


def test_models_without_error_or_without_sense_have_no_cost() -> None:
    assert with_kept(LayerError("a", "ADD"), math.inf, math.inf).cost_pct is None
    assert with_kept(LayerError("a", "ADD"), math.inf, math.inf).gain_db == 0.0
    assert with_kept(LayerError("a", "ADD"), 10.0, -math.inf).gain_db == math.inf


def test_measured_layers_come_first_then_those_with_the_larger_error() -> None:
    findings = [
        LayerError("a", "ADD", here_db=30.0),
        LayerError("b", "ADD", here_db=5.0),
        LayerError("c", "ADD", here_db=40.0, gain_db=0.1, cost_pct=2.0),
        LayerError("d", "ADD", here_db=40.0, gain_db=3.0, cost_pct=60.0),
        LayerError("e", "ADD"),
    ]
    assert ranked(findings) == [3, 2, 1, 0, 4]
