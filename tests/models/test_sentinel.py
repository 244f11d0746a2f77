"""The sentinel's file is a series over all runs of a device: whoever changes it, breaks every history."""

from pathlib import Path

from harness import assets
from harness.content import file_digest
from harness.domain import RuntimeRef, Target
from harness.lab.sentinel import sentinel_case


def test_the_file_is_the_one_that_it_always_was() -> None:
    file = sentinel_case(Target(), "host", RuntimeRef()).model.file
    assert file is not None
    assert Path(file) == assets.folder("models") / "sentinel.tflite"
    assert file_digest(Path(file)) == "a10d4fea7811ef8e1956555a6ab0cedcfdd7374da455a69ae54fb88c16dc64bd"


def test_each_phone_of_several_has_its_own() -> None:
    several = Target("any", (("model", "Pixel 8"), ("count", "2")))
    one, other = (sentinel_case(several, name, RuntimeRef("benchmark_model")) for name in ("a", "b"))
    assert one.target == Target("adb", (("serial", "a"),))
    assert one.case_id != other.case_id
