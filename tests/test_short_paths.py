"""What tells paths apart."""

from __future__ import annotations

import pytest

from harness.short_paths import telling_parts


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        ((), ()),
        (("/a/python",), ("/a/python",)),
        (("", "/a/python"), ("", "/a/python")),
        (("/opt/old/bin/python", "/opt/new/bin/python"), ("old", "new")),
        (("/opt/old/bin/python", "/opt/old/bin/python"), ("/opt/old/bin/python",) * 2),
        (("/b/libx.so", "/b/liby.so", "/b/libx.so"), ("libx.so", "liby.so", "libx.so")),
        (("/opt/python", "/opt/x/python"), ("python", "x")),
        (("/r/1/a/lib", "/r/1/b/lib", "/r/2/a/lib"), ("1/a", "1/b", "2/a")),
        (("/r/1/a/lib", "/r/2/b/lib"), ("1", "2")),
    ],
)
def test_the_shortest_part_that_differs(paths: tuple[str, ...], told: tuple[str, ...]) -> None:
    assert telling_parts(paths) == told
