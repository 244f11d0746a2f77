"""CTC decoding against all paths written out."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.ctc import beam_labelling, greedy_labelling, log_probabilities


def labelling(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def all_labellings(logits: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    """The probability of every labelling: the sum over all of its paths."""
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        found[labelling(path, blank)] += math.prod(shares[np.arange(len(path)), path])
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), frames=st.integers(1, 6), symbols=st.integers(2, 4), sharp=st.sampled_from([0.3, 2]))
def test_a_wide_beam_finds_the_most_probable_labelling(seed: int, frames: int, symbols: int, sharp: float) -> None:
    rng = np.random.default_rng(seed)
    logits, blank = rng.normal(0, sharp, (frames, symbols)), int(rng.integers(symbols))
    shares = all_labellings(logits, blank)
    found = tuple(beam_labelling(logits, blank, 5000))
    assert shares[found] == pytest.approx(max(shares.values()), rel=1e-9)


def test_a_beam_finds_what_the_greedy_way_misses() -> None:
    """Graves's example: each path of the one symbol is less probable than the path of blanks, all together are not."""
    logits = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    assert greedy_labelling(logits, 0) == []
    assert beam_labelling(logits, 0, 4) == [1]


def plain_beam_search(logits: np.ndarray, blank: int, width: int) -> tuple[int, ...]:
    """Prefixes as tuples in a dictionary, with shares instead of logarithms: [paths that end in a blank, others]."""
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    beam = {(): (1.0, 0.0)}
    for frame in shares:
        after: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (in_blank, in_symbol) in beam.items():
            for symbol, share in enumerate(frame):
                if symbol == blank:
                    after[prefix][0] += (in_blank + in_symbol) * share
                elif prefix and symbol == prefix[-1]:
                    after[prefix][1] += in_symbol * share
                    after[(*prefix, symbol)][1] += in_blank * share
                else:
                    after[(*prefix, symbol)][1] += (in_blank + in_symbol) * share
        beam = dict(sorted(after.items(), key=lambda item: -sum(item[1]))[:width])
    return max(beam, key=lambda prefix: sum(beam[prefix]))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), frames=st.integers(1, 25), width=st.sampled_from([1, 2, 3, 5, 8]))
def test_a_narrow_beam_is_that_of_plain_prefixes(seed: int, frames: int, width: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 1.0, (frames, 4))
    assert tuple(beam_labelling(logits, 1, width)) == plain_beam_search(logits, 1, width)


@pytest.mark.parametrize(("seed", "width", "sharp"), [(98, 3, 1.0), (147, 2, 0.5), (147, 3, 0.5), (184, 4, 1.0)])
def test_a_prefix_that_comes_back_meets_its_own_continuation(seed: int, width: int, sharp: float) -> None:
    """In these a prefix leaves the beam while a longer one stays, and comes back: its paths go on to the longer one."""
    logits = np.random.default_rng(seed).normal(0, sharp, (12, 3))
    assert tuple(beam_labelling(logits, 1, width)) == plain_beam_search(logits, 1, width)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 3))
def test_the_greedy_way_drops_repeats_then_blanks(path: list[int], blank: int) -> None:
    logits = np.full((len(path), 4), -9.0, np.float32)
    logits[np.arange(len(path)), path] = 9.0
    expected = list(labelling(tuple(path), blank))
    assert greedy_labelling(logits, blank) == expected
    assert beam_labelling(logits, blank, 8) == expected


def test_impossible_symbols_are_never_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.0, (20, 5))
    logits[:, 2] = -np.inf
    assert 2 not in beam_labelling(logits, 0, 16)
    logits[:, [0, 1, 3]] = -np.inf
    assert beam_labelling(logits, 0, 16) == greedy_labelling(logits, 0) == [4]


def test_log_probabilities_of_large_logits() -> None:
    found = log_probabilities(np.array([[1000.0, 1000.0], [-1000.0, 0.0], [-np.inf, 3.0]], np.float32))
    np.testing.assert_allclose(found, [[-math.log(2)] * 2, [-1000, 0], [-np.inf, 0]])
