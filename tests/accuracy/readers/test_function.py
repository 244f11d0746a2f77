"""A user's own Python, and what it may do wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from harness.accuracy import TaskSpec
from harness.accuracy.dataset import Dataset, write_dataset
from harness.accuracy.readers import Reader, function, open_reader
from harness.errors import DatasetError

TASK = TaskSpec("classification")


def opened(tmp_path: Path, code: str, name: str = "samples", **options: str) -> Reader:
    path = tmp_path / "data.py"
    path.write_text(textwrap.dedent(code).lstrip())
    return open_reader("function", f"{path}:{name}", options, preprocessing=None, task=TASK)


GENERATOR = """
    import numpy as np
    from dataclasses import dataclass

    def samples(count="3"):
        for n in range(int(count)):
            yield f"id{n}", np.full((2, 2), n), n
"""
SEQUENCE = """
    from __future__ import annotations
    import numpy as np
    from dataclasses import dataclass

    @dataclass
    class Data:
        size: int

        def __len__(self):
            return self.size

        def __getitem__(self, n):
            return (np.zeros(2), np.full(3, n)), {"label": n, "place": (n, n)}

    def samples():
        return Data(4)
"""


def test_a_generator_and_its_options(tmp_path: Path) -> None:
    assert len(opened(tmp_path, GENERATOR)) == 3
    reader = opened(tmp_path, GENERATOR, count="5")
    assert len(reader) == 5
    assert reader.sample(4).sample_id == "id4"
    assert reader.sample(4).truth == {"label": 4}
    write_dataset(reader, TASK, tmp_path / "out", samples=None, say=lambda done, total: None)
    chunk = Dataset.open(tmp_path / "out").chunk(0)
    assert [f"id{int(value[0, 0])}" for value in chunk.inputs] == list(chunk.ids)


def test_a_sequence_is_asked_one_at_a_time(tmp_path: Path) -> None:
    reader = opened(tmp_path, SEQUENCE)
    assert len(reader) == 4
    sample = reader.sample(3)
    assert (sample.sample_id, sample.truth["label"]) == ("3", 3)
    assert [array.shape for array in sample.inputs] == [(2,), (3,)]
    np.testing.assert_array_equal(sample.inputs[1], [3, 3, 3])


def test_a_list_in_the_file(tmp_path: Path) -> None:
    reader = opened(tmp_path, "DATA = [([0.0, 1.0], 1), ([1.0, 0.0], 0)]", "DATA")
    assert [reader.sample(n).truth["label"] for n in range(2)] == [1, 0]


@pytest.mark.parametrize(
    ("code", "line", "says"),
    [
        ("def samples():\n    x = 1\n    raise ValueError('no\\ndata')", 3, "raises ValueError: no data"),
        ("def samples():\n    yield [1.0], 1\n    yield 1 / 0", 3, "raises ZeroDivisionError"),
        ("def samples():\n    return {}['x']", 2, "raises KeyError: 'x'"),
        ("import sys\n\nsys.exit(3)\ndef samples(): pass", 3, "raises SystemExit: 3"),
        ("x = 1\ndef samples(:\n    pass", 2, "raises SyntaxError"),
        ("import nothing_like_this", 1, "raises ModuleNotFoundError"),
        ("x = 1\ndef samples():\n    return 5", 2, "gives int"),
        ("x = 1\ndef samples():\n    return []", 2, "gives no samples"),
        ("x = 1\ndef samples():\n    yield [1.0]", 2, "sample 0 is list, not (inputs, truth)"),
        ("x = 1\ndef samples():\n    yield 1, 2, 3, 4", 2, "sample 0 is 4 values"),
        ("x = 1\ndef samples():\n    yield [1.0], 'cat'", 2, "sample 0 cannot be used: a truth is"),
        ("x = 1\ndef samples():\n    yield ['x'], 1", 2, "sample 0 cannot be used: its inputs are <U1"),
        ("x = 1\ndef samples():\n    yield [], 1", 2, "sample 0 cannot be used: its inputs are"),
        ("x = 1\ndef samples():\n    yield [[1.0], [1.0, 2.0]], 1", 2, "sample 0 cannot be used"),
    ],
)
def test_what_goes_wrong_is_named_with_its_line(tmp_path: Path, code: str, line: int, says: str) -> None:
    with pytest.raises(DatasetError) as caught:
        opened(tmp_path, code)
    assert says in caught.value.what
    assert caught.value.where == f"{tmp_path / 'data.py'}:{line}"


def test_a_sequence_that_raises_later_or_changes_its_shape(tmp_path: Path) -> None:
    code = """
        class Data:
            def __len__(self):
                return 3
            def __getitem__(self, n):
                return ([[1.0], [1.0, 2.0], None][n] or self.lost), 0

        def samples():
            return Data()
    """
    reader = opened(tmp_path, code)
    with pytest.raises(
        DatasetError, match=r"sample 1 has inputs of shape \(\(2,\),\), sample 0 of \(\(1,\),\)"
    ) as caught:
        reader.sample(1)
    assert caught.value.where == f"{tmp_path / 'data.py'}:7"
    with pytest.raises(DatasetError, match="raises AttributeError") as caught:
        reader.sample(2)
    assert caught.value.where == f"{tmp_path / 'data.py'}:5"


def test_what_is_generated_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "MAX_GENERATED_BYTES", 1 << 20)
    code = """
        import numpy as np

        def samples():
            while True:
                yield np.zeros(1000), 0
    """
    with pytest.raises(DatasetError, match="generates more than 1 MiB") as caught:
        opened(tmp_path, code)
    assert "__getitem__" in caught.value.remedy


def test_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no 'other'"):
        opened(tmp_path, GENERATOR, "other")
    for path in ("data.py", "data.txt:samples", "data.py:1x"):
        with pytest.raises(DatasetError, match=r"not path\.py:name"):
            open_reader("function", tmp_path / path, {}, preprocessing=None, task=TASK)
    with pytest.raises(DatasetError, match="expected a Python file"):
        open_reader("function", f"{tmp_path}/gone.py:samples", {}, preprocessing=None, task=TASK)


def test_the_fingerprint_follows_file_name_and_options(tmp_path: Path) -> None:
    prints = {
        opened(tmp_path, GENERATOR).fingerprint(),
        opened(tmp_path, GENERATOR, count="2").fingerprint(),
        opened(tmp_path, GENERATOR + "    # more\n").fingerprint(),
        opened(tmp_path, GENERATOR + "    # more\n    again = samples\n", "again").fingerprint(),
        opened(tmp_path, GENERATOR).fingerprint(),
    }
    assert len(prints) == 4
