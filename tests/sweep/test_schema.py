import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from harness.accuracy import TASK_NAMES
from harness.accuracy.readers import READERS
from harness.domain import VARIANTS, AccuracySettings, Backend, DeviceSettings, Gate, MeasureSettings
from harness.sweep import json_schema
from harness.sweep.backend_fields import CpuOptions
from harness.sweep.fields import Accuracy, Exclusion, Measure, SweepFile
from harness.sweep.model import names_of
from harness.sweep.model_fields import Reader, TaskName, VariantName
from harness.sweep.schema import allowed_at, homes_of, keys_at, main
from harness.variants import variant_names
from tests.sweep.sweeps import parse

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "sweep_file.md").read_text(encoding="utf-8")
KEYS = {"sustained_s": "sustained"}  # called otherwise in the sweep file


def mappings(node: Any = None) -> Iterator[dict[str, Any]]:
    """Every schema of a mapping."""
    node = json_schema() if node is None else node
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        for value in node.values():
            yield from mappings(value)
    elif isinstance(node, list):
        for value in node:
            yield from mappings(value)


def words(node: Any) -> Iterator[str]:
    """Every plain word that is allowed somewhere."""
    if isinstance(node, dict):
        yield from node.get("enum", ())
        yield from [node["const"]] if "const" in node else []
        for value in node.values():
            yield from words(value)
    elif isinstance(node, list):
        for value in node:
            yield from words(value)


def test_published_file_is_the_schema() -> None:
    published = json.loads((DOCS / "sweep.schema.json").read_text(encoding="utf-8"))
    assert published == json_schema(), "run: python -m harness.sweep.schema docs/sweep.schema.json"


def test_module_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "s.json")]) == 0
    assert main([]) == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == capsys.readouterr().out
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == json_schema()


def test_schema_is_complete() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["models"]
    found = list(mappings(schema))
    assert len(found) >= 12
    for mapping in found:
        assert mapping["additionalProperties"] is False
        for key, value in mapping["properties"].items():
            own = schema["$defs"][value["$ref"].rsplit("/", 1)[1]] if "$ref" in value else {}
            assert value.get("description") or own.get("description"), key
            assert "title" not in value


def test_every_option_is_documented() -> None:
    keys = {key for mapping in mappings() for key in mapping["properties"]}
    allowed = {*words(json_schema())}
    assert {"treads"} - set(re.findall(r"`([^`]+)`", PAGE)), "the check itself must be able to fail"
    missing = {word for word in keys | allowed if f"`{word}`" not in PAGE}
    assert not missing, f"docs/sweep_file.md does not tell of {sorted(missing)}"


def test_documented_defaults_are_true() -> None:
    for section, kind in (("measure", MeasureSettings), ("settings", DeviceSettings), ("`gate`:", Gate)):
        rows = defaults_in(PAGE.partition(f"### `{section}`" if section.isalpha() else section)[2])
        for field in fields(kind):
            if field.name != "gate":
                key = KEYS.get(field.name, field.name)
                assert rows[key] == json.dumps(field.default).removesuffix(".0"), field.name
    rows = defaults_in(PAGE.partition("### `backends`")[2])
    for key in CpuOptions.model_fields:
        assert rows[key].lower() == str(getattr(Backend(), key)).lower()


def defaults_in(text: str) -> dict[str, str]:
    """The defaults of the first table in `text`, by key."""
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None
    return dict(re.findall(r"^\| `(\w+)` \| `?([\w.]+)`? \|", table[0], re.MULTILINE))


def test_documented_examples_are_right() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        head = "" if block.startswith(("models", "name")) else "models: [digits_cnn]\n"
        known_only = block.replace("inception_v3", "mobilenet_v1")
        assert parse(head + known_only).models


def test_documented_error_is_what_is_said() -> None:
    from tests.sweep.sweeps import finding

    shown = re.search(r"^ +vision.yaml:7:11: (.*)$", PAGE, re.MULTILINE)
    assert shown is not None
    assert finding("models: [digits_cnn]\nbackends:\n  - cpu: {treads: 1}\n").endswith(shown[1])


def test_an_editor_knows_every_variant() -> None:
    names = TypeAdapter(VariantName).json_schema()["anyOf"]
    plain, technique = names[0]["enum"], re.compile(names[1]["pattern"])
    unknown = [name for name in variant_names() if name not in plain and not technique.search(name)]
    assert unknown == []
    assert not any(technique.search(name) for name in ("pruned", "pruned+", "int8+pruned", "pruned\\+int8"))


def test_fields_agree_with_the_domain() -> None:
    assert set(Measure.model_fields) == {KEYS.get(field.name, field.name) for field in fields(MeasureSettings)}
    assert parse("models: [digits_cnn]").variants == VARIANTS
    assert set(Accuracy.model_fields) == {field.name for field in fields(AccuracySettings)}
    assert TaskName.__args__ == TASK_NAMES  # type: ignore[attr-defined]
    assert Reader.__args__ == tuple(READERS)  # type: ignore[attr-defined]
    assert parse("models: [digits_cnn]").measure == MeasureSettings()
    cases = parse("models: [digits_cnn]")
    from harness.sweep import expand

    assert set(names_of(expand(cases).cases[0])) == set(Exclusion.model_fields)
    assert set(SweepFile.model_fields) == set(json_schema()["properties"])


def test_words_for_what_is_allowed() -> None:
    assert allowed_at(("backends", 3, "cpu", "threads")) == "a whole number from 1 to 256"
    assert allowed_at(("exclude", 0, "threads")).endswith("256 or a list, each one of these")
    assert allowed_at(("nope",)) == ""
    assert keys_at(("targets", 0, "adb")) == ["serial", "model"]
    assert homes_of("min_s") == ["measure"]
    assert homes_of("nope") == []


def test_plan_and_estimate_need_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys; from harness.sweep import Plan, Sweep, expand, estimate_s, expected_invocation_s\n"
        "sys.exit(' '.join({'pydantic', 'ruamel.yaml'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_public_names() -> None:
    import harness.sweep as room

    assert all(getattr(room, name) is not None for name in room.__all__)
    with pytest.raises(AttributeError, match="nope"):
        _ = room.nope
