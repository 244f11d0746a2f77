from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.display.grid import Column, Frame, bar, eighths, fit_columns, grid_line, segment, spread
from harness.display.row_cells import COLUMNS
from harness.display.text import width_of

FIRST, SECOND, THIRD = Column("a", "A", 0, 4, 10), Column("b", "B", 1, 4, 10), Column("c", "C", 2, 6, 10)


@given(
    st.integers(1, 300), st.lists(st.integers(0, 500), min_size=len(COLUMNS), max_size=len(COLUMNS)), st.integers(1, 2)
)
def test_columns_never_exceed_the_width(width: int, natural: list[int], gap: int) -> None:
    fitted = fit_columns(COLUMNS, natural, width, gap)
    assert sum(fitted.widths) + gap * max(0, len(fitted.widths) - 1) <= width
    assert all(wide <= column.max_width for column, wide in zip(fitted.columns, fitted.widths, strict=True))
    order = [COLUMNS.index(column) for column in fitted.columns]
    assert order == sorted(order)


def test_the_least_important_column_leaves_first() -> None:
    def names(width: int) -> list[str]:
        return [column.name for column in fit_columns((FIRST, SECOND, THIRD), (4, 4, 6), width).columns]

    assert names(18) == ["a", "b", "c"]
    assert names(17) == ["a", "b"]
    assert names(9) == ["a"]


def test_spare_room_goes_to_the_most_important() -> None:
    assert fit_columns((FIRST, SECOND, THIRD), (10, 10, 10), 26).widths == (10, 6, 6)


def test_a_good_width_pushes_out_what_leaves_earlier() -> None:
    reason = Column("r", "R", 2, 4, 40, good_width=20)
    extra = Column("e", "E", 3, 6, 6)
    assert [c.name for c in fit_columns((FIRST, reason, extra), (4, 30, 6), 32).columns] == ["a", "r"]
    assert [c.name for c in fit_columns((FIRST, reason, extra), (4, 8, 6), 32).columns] == ["a", "r", "e"]


def test_a_column_without_content_is_left_out() -> None:
    assert [c.name for c in fit_columns((FIRST, SECOND), (4, 0), 80).columns] == ["a"]
    assert fit_columns((), (), 10).columns == ()


def test_lines_are_as_wide_as_their_columns() -> None:
    fitted = fit_columns((FIRST, SECOND), (4, 4), 20)
    line = grid_line({"a": ("too long for it", "red")}, fitted)
    assert "".join(part.text for part in line) == "too…      "


def test_the_right_end_is_left_out_where_it_does_not_fit() -> None:
    left, right = [segment("left")], [segment("right")]
    assert "".join(part.text for part in spread(left, right, 13)) == "left    right"
    assert "".join(part.text for part in spread(left, right, 10)) == "left"


@given(st.floats(allow_nan=False), st.integers(0, 50))
def test_bars_have_their_width(share: float, width: int) -> None:
    assert sum(width_of(part.text) for part in bar(share, width)) == width


def test_a_small_share_is_still_seen() -> None:
    assert eighths(0.0, 10) == ""
    assert eighths(1e-6, 10) == "▏"
    assert eighths(1.0, 3) == "███"
    assert eighths(5.0, 3) == "███"


def test_a_frame_is_a_full_block() -> None:
    frame = Frame([(segment("ab"),), (segment("longer than five"),), (segment("gone"),)], 5, 2)
    assert list(frame.texts()) == ["ab   ", "longe"]
    assert list(Frame([], 3, 2).texts()) == ["   ", "   "]
