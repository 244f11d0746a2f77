from __future__ import annotations

import itertools

import numpy as np

from harness.prepare.networks.samples import mfcc_like, token_windows, with_context, with_deltas


def test_features_move_smoothly_and_the_first_vary_most() -> None:
    features = mfcc_like(20, 200, 13, seed=1)
    assert features.shape == (20, 200, 13)
    assert features.dtype == np.float32
    spread = features.std(axis=(0, 1))
    assert np.allclose(spread, 10 / (1 + 0.5 * np.arange(13)), rtol=0.15)
    now, following = features[:, :-1, 0].ravel(), features[:, 1:, 0].ravel()
    assert 0.85 < np.corrcoef(now, following)[0, 1] < 0.95


def test_deltas_are_differences_of_what_stands_before_them() -> None:
    features = mfcc_like(2, 50, 4, seed=1)
    blocks = np.split(with_deltas(features), 3, axis=-1)
    assert [block.shape for block in blocks] == [(2, 50, 4)] * 3
    for block in blocks:
        assert np.allclose(block.mean(axis=(1, 2)), 0, atol=1e-5)
        assert np.allclose(block.std(axis=(1, 2)), 1, atol=1e-5)
    for block, following in itertools.pairwise(blocks):
        difference = block[0, 2:] - block[0, :-2]
        assert np.corrcoef(difference.ravel(), following[0, 1:-1].ravel())[0, 1] > 0.9999


def test_context_surrounds_each_frame_and_is_zero_outside() -> None:
    features = np.arange(1, 11, dtype=np.float32).reshape(1, 5, 2)
    windows = with_context(features, 1)
    assert windows.shape == (1, 5, 3, 2)
    assert windows[0, 0].tolist() == [[0, 0], [1, 2], [3, 4]]
    assert windows[0, 2].tolist() == [[3, 4], [5, 6], [7, 8]]
    assert windows[0, 4].tolist() == [[7, 8], [9, 10], [0, 0]]


def test_token_windows_are_a_question_and_a_text() -> None:
    ids, mask, segments = token_windows(6, 384, 30_522, seed=1)
    assert mask[0].all()
    for row in range(6):
        length = int(mask[row].sum())
        assert 192 <= length <= 384
        assert (ids[row, length:] == 0).all()
        assert (mask[row, :length] == 1).all()
        first, last = np.flatnonzero(ids[row] == 102)
        assert ids[row, 0] == 101
        assert last == length - 1
        assert np.flatnonzero(segments[row]).tolist() == list(range(first + 1, length))
        words = np.delete(ids[row, :length], [0, first, last])
        assert ((words >= 1000) & (words < 30_522)).all()
    assert len({int(row.sum()) for row in mask}) > 3
