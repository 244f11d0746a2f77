from __future__ import annotations

import pytest

from harness.errors import RecipeError
from harness.prepare.techniques.settings import Settings, parse_settings


def test_without_texts_the_published_settings_hold() -> None:
    assert parse_settings({}) == Settings(sparsity=0.75, clusters=16, epochs=None)


def test_each_text_is_read() -> None:
    assert parse_settings({"sparsity": "0.5", "clusters": "8", "epochs": "2"}) == Settings(0.5, 8, 2)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"sparsity": "75"}, "from 0.1 to 0.98"),
        ({"sparsity": "nan"}, "from 0.1 to 0.98"),
        ({"sparsity": "half"}, "not a number"),
        ({"clusters": "2"}, "from 3 to 256"),
        ({"clusters": "16.5"}, "not a whole number"),
        ({"clusters": "inf"}, "from 3 to 256"),
        ({"epochs": "0"}, "from 1 to 1000"),
        ({"sparsty": "0.5"}, "Did you mean technique.sparsity?"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_remedy(texts: dict[str, str], says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_settings(texts)
    assert says in str(caught.value)
    assert "technique." in caught.value.what
