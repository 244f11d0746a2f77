"""What is refused before Keras sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ModelFileError
from harness.prepare.build import build_source


@pytest.mark.prepare
def test_a_keras_file_that_is_none_is_called_that(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    path = tmp_path / "no.keras"
    path.write_text("hello")
    with pytest.raises(ModelFileError, match=r"not a \.keras file"):
        build_source({"kind": "keras", "path": str(path), "options": {}, "folder": str(tmp_path / "out")})
