from pathlib import Path

import pytest

from harness.prepare.children import keep_end


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"", b""),
        (b"short\n", b"short\n"),
        (b"0123456789\nsecond\nthird\n", b"second\nthird\n"),
        (b"no line break at all, but long", b"ak at all, but long"),
    ],
)
def test_a_log_keeps_its_end_from_the_beginning_of_a_line(tmp_path: Path, text: bytes, kept: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(text)
    keep_end(path, limit_bytes=19)
    assert path.read_bytes() == kept
