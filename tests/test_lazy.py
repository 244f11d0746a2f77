import subprocess
import sys

import pytest

import harness.store


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"harness\.store.*Stoer"):
        harness.store.Stoer  # noqa: B018


@pytest.mark.parametrize(
    ("room", "name", "heavy"),
    [("store", "Store", "sqlalchemy"), ("sweep", "parse_sweep", "ruamel"), ("prepare", "prepare", "numpy")],
)
def test_heavy_libraries_come_with_the_first_use(room: str, name: str, heavy: str) -> None:
    code = (
        f"import sys, harness.{room} as room\n"
        f"before = {heavy!r} in sys.modules\n"
        f"found = room.{name}\n"
        f"assert callable(found) and found is room.{name}\n"
        "print(before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("room", ["store", "sweep", "prepare"])
def test_every_public_name_is_there(room: str) -> None:
    module = __import__(f"harness.{room}", fromlist=["__all__"])
    for name in module.__all__:
        assert getattr(module, name) is not None
