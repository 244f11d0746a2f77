from hypothesis import given
from hypothesis import strategies as st

from harness.report.wording import merged, skeleton


def test_figures_that_differ_become_a_range() -> None:
    texts = ["the interval is ±9.8 % over 8 invocations", "the interval is ±10.2 % over 8 invocations"]
    assert skeleton(texts[0]) == skeleton(texts[1])
    assert merged(texts) == "the interval is ±9.8 to 10.2 % over 8 invocations"


def test_digits_inside_names_are_no_figures() -> None:
    assert skeleton("int8 has v2.1.3 kernels on arm64") == "int8 has v2.1.3 kernels on arm64"


@given(st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=5))
def test_merging_never_loses_the_extremes(values: list[float]) -> None:
    text = merged([f"slow by {value:.2f} %" for value in values])
    assert f"{min(values):.2f}" in text
    assert f"{max(values):.2f}" in text
