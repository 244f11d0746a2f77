"""The pages are true where a machine can check it: paths, sweeps, options, columns, benchmarks, markers."""

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.accuracy import (
    TASK_NAMES,
    AudioPreprocessing,
    ImagePreprocessing,
    TaskSpec,
    TextPreprocessing,
    open_task,
)
from harness.accuracy.readers import READERS
from harness.cli.app import COMMANDS
from harness.domain import DeviceSettings, Gate, ResultRow
from harness.errors import TaskError
from harness.prepare import recipe_names
from harness.runtimes.delegates import TABLE, Delegate, Option
from harness.sweep import expand, load_sweep, parse_sweep
from harness.sweep.backend_fields import BackendMapping

ROOT = Path(__file__).parent.parent
OTHER_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "models/README.md")
PAGES = sorted([*(ROOT / name for name in OTHER_PAGES), *(ROOT / "docs").glob("*.md")])
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
OUR_FOLDERS = "tests|harness|device_scripts|benchmarks|docs|models|reports/published"
ONE_VALUE = {"accelerator": "google-edgetpu", "optimization": "optimize_for_inference", "max_partitions": 1}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def names_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


# ---- paths, commands, sweeps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=names_of)
def test_paths_of_the_project_exist(path: Path) -> None:
    for named in re.findall(rf"`((?:{OUR_FOLDERS})/[\w./-]*)`", path.read_text(encoding="utf-8")):
        assert (ROOT / named).exists(), named


@pytest.mark.parametrize("path", PAGES, ids=names_of)
def test_commands_exist_and_have_the_options_they_are_given(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:console|sh)?\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE))
    lines = [
        *re.findall(r"^(?:\$ )?harness ([^#\n]+)", blocks, re.MULTILINE),
        *re.findall(r"`harness ([^`\n]+)`", text),
    ]
    for name, *words in (line.split() for line in lines):
        if not re.fullmatch(r"[a-z][a-z-]*", name):
            continue  # `harness --help`, `harness COMMAND`
        assert name in COMMANDS, name
        module, attribute, _ = COMMANDS[name]
        known = {flag for one in getattr(import_module(module), attribute).params for flag in one.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
        assert given <= known, (name, given - known)


@pytest.mark.parametrize("path", PAGES, ids=names_of)
def test_whole_sweeps_expand(path: Path) -> None:
    for text in re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE):
        if "models:" in text:
            assert expand(parse_sweep(text, names_of(path), known_models=recipe_names())).cases, text


@pytest.mark.parametrize("path", EXAMPLES, ids=names_of)
def test_examples_expand_and_are_named(path: Path) -> None:
    assert expand(load_sweep(path, known_models=recipe_names())).cases
    told = [text.read_text(encoding="utf-8") for text in (*PAGES, ROOT / "Makefile")]
    assert any(path.name in text for text in told)


# ---- phones ----------------------------------------------------------------------------------------------------------


OPTIONS = [
    pytest.param(row, option, id=f"{row.flavour} {row.kind} {option.name}") for row in TABLE for option in row.options
]


def reachable(row: Delegate, option: Option) -> set[str]:
    """The values of an option that a sweep file accepts for the row's backend."""
    kind = row.kind.split()[0]
    needed = {"external": {"path": "libmy.so"}, "nnapi": {"accelerator": "any"}}.get(kind, {})
    values = [value for value, _ in option.values] or [ONE_VALUE.get(option.name, "some")]
    found = set()
    for value in values:
        given = {"true": True, "false": False}.get(str(value), value)
        given = int(str(given)) if option.name == "log_level" else given
        try:
            BackendMapping.model_validate({kind: {**needed, option.name: given}})
        except ValidationError:
            continue
        found.add(str(value))
    return found


@pytest.mark.parametrize(("row", "option"), OPTIONS)
def test_every_delegate_option_and_value_can_be_written_in_a_sweep(row: Delegate, option: Option) -> None:
    values = {value for value, _ in option.values}
    assert reachable(row, option) >= values
    assert reachable(row, option)


def test_the_check_of_delegate_options_can_fail() -> None:
    assert not reachable(TABLE[0], Option("no_such_option"))


def test_every_backend_of_a_sweep_has_a_row_and_a_line_on_the_page() -> None:
    kinds = {row.kind.split()[0] for row in TABLE}
    assert kinds == set(BackendMapping.model_fields) - {"edgetpu"}  # which phones do not have
    for kind in kinds:
        assert re.search(rf"^\| `{kind}`", page("docs/phones.md"), re.MULTILINE), kind


def test_every_setting_of_phones_is_on_the_page_of_the_sweep_file() -> None:
    text = page("docs/sweep_file.md")
    settings, _, gate = text.partition("### `settings`")[2].partition("keys of `gate`")
    assert {field.name for field in fields(DeviceSettings)} <= set(
        re.findall(r"^\| `(\w+)` \|", settings, re.MULTILINE)
    )
    assert {field.name for field in fields(Gate)} <= set(re.findall(r"^\| `(\w+)` \|", gate, re.MULTILINE))


def test_every_room_and_module_of_the_package_is_in_the_design() -> None:
    rooms = page("docs/design.md").partition("## Rooms")[2].partition("Imports point down")[0]
    told = set(re.findall(r"^ +([\w.]+)/? ", rooms, re.MULTILINE))
    there = [one for one in (ROOT / "harness").iterdir() if not one.name.startswith(("_", "."))]
    assert {one.name for one in there if one.is_dir() or one.suffix == ".py"} <= told


def test_every_file_that_runs_on_devices_is_in_the_design() -> None:
    told = set(re.findall(r"^\| `([\w.]+)/?` \|", page("docs/design.md"), re.MULTILINE))
    there = {one.name for one in (ROOT / "device_scripts").iterdir() if not one.name.startswith(("_", "."))}
    assert there <= told, there - told
    assert {"facts.sh", "runner"} <= there


# ---- accuracy --------------------------------------------------------------------------------------------------------


def test_every_task_reader_and_option_is_on_the_page_of_accuracy() -> None:
    text = page("docs/accuracy.md")
    rows = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)}
    for name, kind in READERS.items():
        assert all(f"`{option}`" in rows[name] for option in kind.options or ()), name
    told = text.partition("## Tasks")[2].partition("## Readers")[0]
    for name in TASK_NAMES:
        assert len(re.findall(rf"^\| `{name}` \|", told, re.MULTILINE)) == 2, name
        with pytest.raises(TaskError) as refused:
            open_task(TaskSpec(name, (("no_such_option", "1"),)))
        known = refused.value.remedy.partition("are: ")[2].rstrip(".").split(", ")
        assert [option for option in known if option != "none" and f"`{option}`" not in told] == [], name


def test_every_key_of_preprocessing_is_on_the_page_of_accuracy() -> None:
    told = page("docs/accuracy.md").partition("## Pre-processing")[2].partition("\n## ")[0]
    for kind in (ImagePreprocessing, AudioPreprocessing, TextPreprocessing):
        assert [one.name for one in fields(kind) if f"`{one.name}`" not in told] == []


# ---- results, benchmarks, working on it ------------------------------------------------------------------------------


def test_every_column_of_summary_csv_is_explained() -> None:
    table = page("docs/reports.md").partition("| columns |")[2].partition("\n\n")[0]
    told = [name for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(field.name for field in fields(ResultRow))


def test_every_benchmark_has_its_command_on_the_page() -> None:
    told = set(re.findall(r"`python -m benchmarks\.([a-z]\w*)", page("docs/benchmarks.md")))
    assert told == {one.stem for one in (ROOT / "benchmarks").glob("[a-z]*.py")}


def test_markers_and_packages_are_in_the_contributing_page() -> None:
    text = page("CONTRIBUTING.md")
    markers = re.findall(r'^    "(\w+): ', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"phone", "slow", "prepare", "browser"} <= set(markers)
    assert [name for name in markers if name not in text] == []
    tools = re.search(r"^PHONE_TOOLS = (.*)$", page("Makefile"), re.MULTILINE)
    assert tools is not None
    assert [pair for pair in tools[1].split() if pair.partition(":")[2] not in text] == []
