"""docs/preparing.md and models/README.md say what the code does: recipes, variants, settings, floors, the example."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from harness.domain import ModelRef, Status
from harness.errors import RecipeError
from harness.prepare import Recipe, load_recipe, prepare, recipe_names
from harness.prepare.converters import installed
from harness.prepare.file_options import FILE_OPTIONS
from harness.prepare.judgement import SQNR_FLOOR_DB
from harness.prepare.recipe import Training, recipe_path
from harness.prepare.retraining import TOOLS
from harness.prepare.techniques import settings
from harness.sweep import load_sweep
from harness.variants import MODES, QAT_MODES, TECHNIQUES, parse_variant

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "preparing.md").read_text(encoding="utf-8")
MODELS = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
SWEEP = ROOT / "docs" / "examples" / "small_models.yaml"
TEST_SPLIT = {"digits_cnn"} | {name for name in recipe_names() if name.startswith("small_")}


def section(title: str, page: str = PAGE) -> str:
    """From the heading to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", page, flags=re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each row after the first by each of the names that its first cell has in backticks."""
    found = {}
    for first, rest in re.findall(r"^\| (`.*?) \| (.*) \|$", text, flags=re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", first):
            found.setdefault(name, [cell.strip() for cell in rest.split(" | ")])
    return found


# ---- variants --------------------------------------------------------------------------------------------------------


def test_every_mode_is_there_with_its_data_and_hardware() -> None:
    told = rows(section("Modes"))
    assert set(told) == set(MODES)
    for name, mode in MODES.items():
        assert told[name][-2:] == [mode.data, ", ".join(mode.hardware)], name


def test_every_technique_is_there_and_what_its_name_alone_means() -> None:
    told = rows(section("Techniques").partition("| setting |")[0])
    assert set(told) == set(TECHNIQUES)
    for name, technique in TECHNIQUES.items():
        assert f"+{technique.default_mode}`" in told[name][-1], name
        if technique.quantized:
            assert all(f"+{mode}`" in told[name][-1] for mode in QAT_MODES), name


def test_settings_have_their_defaults_and_limits() -> None:
    told = rows(section("Techniques").partition("| setting |")[2])
    assert set(told) == {settings.PREFIX + name for name in settings.OPTIONS}
    for name in settings.OPTIONS:
        with pytest.raises(RecipeError) as refused:
            settings.parse_settings({name: "-1"})
        limits = refused.value.remedy.partition(" from ")[2].rstrip(".")
        assert told[settings.PREFIX + name][1].endswith(f", {limits}"), name
    defaults = settings.Settings()
    assert told["technique.sparsity"][0] == str(defaults.sparsity)
    assert told["technique.clusters"][0] == str(defaults.clusters)


def test_the_floors_of_the_check() -> None:
    told = rows(section("The check"))
    assert {name: float(cells[0]) for name, cells in told.items()} == SQNR_FLOOR_DB


# ---- recipes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_there_with_its_task_and_size(name: str) -> None:
    recipe = load_recipe(recipe_path(name))
    task = recipe.task_spec
    assert task is not None
    small = name in TEST_SPLIT
    told = rows(section("The small models" if small else "The published architectures"))[name]
    assert told[0] == task.name
    assert told[2] == f"{recipe.parameters:,}"
    assert (recipe.test_data is not None) == small
    assert (recipe.public_data is None) == small
    if not small:
        assert rows(section("Published architectures", MODELS))[name][:2] == [f"{recipe.parameters:,}", task.name]


def test_every_public_data_set_is_there_with_its_reader() -> None:
    told = rows(section("The published architectures").partition("| recipe | reader |")[2])
    for name in set(recipe_names()) - TEST_SPLIT:
        data = load_recipe(recipe_path(name)).public_data
        assert data is not None
        assert told[name][0] == f"`{data.reader}`", name


def test_recipes_that_cannot_be_trained_again_are_named() -> None:
    without = [name for name in recipe_names() if load_recipe(recipe_path(name)).network is None]
    line = next(line for line in section("What is refused").splitlines() if "has no `network`" in line)
    assert re.findall(r"`(\w+)`", line.split(" | ")[0]) == without


def test_the_options_of_model_files_and_the_fields_of_recipes() -> None:
    assert set(FILE_OPTIONS) <= set(rows(section("Options")))
    told = rows(section("Writing a recipe").partition("The fields of")[2])
    assert list(told)[: len(fields(Recipe))] == [field.name for field in fields(Recipe)]
    defaults = ", ".join(f"{one.name}={one.default}" for one in fields(Training)[2:]).replace("0.0001", "1e-4")
    assert defaults in told["training"][0]


def test_the_sweep_of_the_small_models_has_all_of_them() -> None:
    sweep = load_sweep(SWEEP, known_models=recipe_names())
    assert {model.name for model in sweep.models} == TEST_SPLIT
    assert sweep.accuracy.samples is None
    assert all(parse_variant(name).name == name for name in sweep.variants)


# ---- the example -----------------------------------------------------------------------------------------------------


@pytest.fixture
def example(tmp_path: Path) -> Path:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    path = tmp_path / "stripes.py"
    path.write_text(code, encoding="utf-8")
    return path


def test_the_example_loads_without_tensorflow_and_its_data_fit(example: Path) -> None:
    recipe = load_recipe(example)
    assert recipe.test_data is not None
    assert recipe.training is not None
    for inputs, labels in (recipe.test_data(), recipe.training.data()):
        assert inputs.shape == (len(labels), *recipe.input_shape)
        assert 0.0 <= inputs.min() <= inputs.max() <= 1.0
        assert sorted(set(labels)) == [0, 1, 2, 3]
    assert recipe.representative().shape == (200, *recipe.input_shape)


@pytest.mark.slow
@pytest.mark.prepare
@pytest.mark.timeout(600)
def test_the_example_is_prepared_and_trained_again(example: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    command = next(line for line in section("Writing a recipe").split("`") if line.startswith("harness prepare"))
    wanted = command.split()[-1].split(",")
    if not set(TOOLS) <= installed().versions.keys():
        wanted = [name for name in wanted if not parse_variant(name).technique]
    found = prepare([ModelRef("stripes", file=str(example))], wanted, cache_dir=tmp_path / "cache")
    assert {file.variant: file.status for file in found} == dict.fromkeys(wanted, Status.DONE), found
    for file in found:
        assert not file.technique or "labelled samples" in file.training
        assert "pruned" not in file.technique or (file.sparsity or 0) > 0.7
