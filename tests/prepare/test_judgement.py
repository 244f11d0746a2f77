from __future__ import annotations

import math

import numpy as np
import pytest

from harness.prepare.judgement import SQNR_FLOOR_DB, agreement, objection
from harness.variants import COMPILED_FROM, MODES

CHECKED = [mode for mode in MODES if mode not in COMPILED_FROM]  # what this host can run
RNG = np.random.default_rng(5)
SOURCE = RNG.normal(size=(10, 1000)).astype(np.float32)


def _noisy(db: float) -> np.ndarray:
    noise = RNG.normal(size=SOURCE.shape) * 10 ** (-db / 20)
    return (SOURCE + noise).astype(np.float32)


def test_the_same_outputs_agree_exactly() -> None:
    found = agreement(SOURCE, SOURCE)
    assert (found.max_abs, found.rmse, found.cosine, found.samples) == (0.0, 0.0, 1.0, 10)
    assert found.sqnr_db == math.inf
    assert all(objection(variant, found) == "" for variant in CHECKED)


def test_figures_against_a_hand_calculation() -> None:
    found = agreement(
        np.array([[1.0, -1.0], [3.0, -3.0]], np.float32), np.array([[1.0, -1.0], [3.0, -2.0]], np.float32)
    )
    assert found.max_abs == 1.0
    assert found.rmse == pytest.approx(0.5)
    assert found.sqnr_db == pytest.approx(10 * math.log10(20))
    assert found.cosine == pytest.approx((1 + 1 + 9 + 6) / math.sqrt(20 * 15))


@pytest.mark.parametrize("variant", CHECKED)
def test_noise_passes_above_the_floor_and_fails_below(variant: str) -> None:
    floor = SQNR_FLOOR_DB[variant]
    assert objection(variant, agreement(SOURCE, _noisy(floor + 1))) == ""
    reason = objection(variant, agreement(SOURCE, _noisy(floor - 1)))
    assert reason.startswith("converted file disagrees with its source: SQNR")


def test_eleven_db_of_a_random_weight_int8_network_passes() -> None:
    assert objection("int8", agreement(SOURCE, _noisy(11.0))) == ""


@pytest.mark.parametrize("variant", CHECKED)
@pytest.mark.parametrize("wrong", ["unrelated", "zeros", "negated", "shifted", "shuffled", "nan", "infinite"])
def test_a_wrong_file_cannot_pass(variant: str, wrong: str) -> None:
    outputs = {
        "unrelated": RNG.normal(size=SOURCE.shape),
        "zeros": np.zeros_like(SOURCE),
        "negated": -SOURCE,
        "shifted": np.roll(SOURCE, 1, axis=1),
        "shuffled": np.roll(SOURCE, 1, axis=0),
        "nan": np.where(np.arange(1000) == 7, np.nan, SOURCE),
        "infinite": np.where(np.arange(1000) == 7, np.inf, SOURCE),
    }[wrong]
    assert objection(variant, agreement(SOURCE, outputs.astype(np.float32)))


def test_a_large_common_offset_does_not_hide_a_wrong_file() -> None:
    assert objection("int8", agreement(SOURCE + 100.0, np.full_like(SOURCE, 100.0)))


def test_a_file_that_ignores_its_input_is_seen() -> None:
    common = RNG.normal(size=(1, 1000))
    source = (common + 0.3 * RNG.normal(size=(10, 1000))).astype(np.float32)
    ignoring = np.repeat(source.mean(axis=0, keepdims=True), 10, axis=0)
    found = agreement(source, ignoring)
    assert found.sqnr_db > SQNR_FLOOR_DB["int8"]
    assert "do not follow the input" in objection("int8", found)


def test_one_sample_or_constant_outputs_say_nothing_about_following() -> None:
    assert agreement(SOURCE[:1], SOURCE[:1]).following is None
    assert agreement(np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)).following is None
