from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from harness.prepare.generated.tones import ALPHABET, BANDS, FRAMES, WORDS, Utterances, utterances


@pytest.fixture(scope="module")
def made() -> Utterances:
    return utterances(40, seed=5)


def test_the_seed_decides(made: Utterances) -> None:
    again, other = utterances(40, seed=5), utterances(40, seed=6)
    assert np.array_equal(made.features, again.features)
    assert made.texts == again.texts
    assert made.texts != other.texts


def test_shapes_and_normalisation(made: Utterances) -> None:
    assert made.features.shape == (40, FRAMES, BANDS)
    assert made.features.dtype == np.float32
    assert np.allclose(made.features.mean(axis=1), 0.0, atol=1e-4)
    assert np.allclose(made.features.std(axis=1), 1.0, atol=1e-3)


def test_texts_are_words_of_the_alphabet(made: Utterances) -> None:
    assert all(set(word) <= set(ALPHABET) for word in WORDS)
    assert all(len(text.split()) == 2 and set(text.split()) <= set(WORDS) for text in made.texts)


def test_a_letter_sounds_in_the_band_of_its_tone() -> None:
    """A `t` alone has a tone of 2250 Hz, which is the middle of band 24: that band stands out now and then."""
    made = utterances(80, seed=5)
    peaks = (made.features**3).mean(axis=1)
    has_t = np.array(["t" in text for text in made.texts])
    louder = peaks[has_t].mean(axis=0) - peaks[~has_t].mean(axis=0)
    assert abs(int(louder.argmax()) - 24) <= 1
    assert louder.max() > 2 * np.delete(louder, slice(21, 28)).max()


def test_every_text_fits_and_can_be_aligned() -> None:
    """Half as many outputs as frames: one for each letter and one between equal neighbours."""
    longest = max(WORDS, key=len)
    text = f"{longest} {longest}"
    repeats = sum(one == other for one, other in pairwise(text))
    assert len(text) + repeats <= FRAMES // 2
