"""What is refused before TensorFlow is needed, and how it is said."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.domain import Status
from harness.errors import ConversionError, MissingDependencyError, RecipeError
from harness.prepare.faults import UnsupportedModelError, fault_of
from harness.prepare.keras_api import LEGACY
from harness.prepare.techniques import library, steps
from harness.prepare.techniques.apply import apply_technique, training_sentence
from harness.prepare.techniques.network import load_weights
from harness.variants import TECHNIQUES

RECIPE = """
import numpy as np
from harness.prepare.recipe import Recipe
RECIPE = Recipe("a", (4,), build=lambda _: None, representative=lambda: np.zeros((2, 4)){more})
"""


def arguments(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    recipe = tmp_path / "recipe.py"
    recipe.write_text(RECIPE.format(more=""))
    given = {"path": str(recipe), "options": {}, "technique": "qat", "settings": {}}
    return {**given, "source": str(tmp_path), "folder": str(tmp_path / "made"), **changed}


def test_a_model_file_is_unsupported_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        apply_technique(arguments(tmp_path, path=str(tmp_path / "model.tflite")))
    status, reason = fault_of(caught.value)
    assert status == Status.UNSUPPORTED
    assert "Write a recipe" in reason


def test_a_recipe_without_a_network_is_unsupported_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="has no `network`") as caught:
        apply_technique(arguments(tmp_path))
    assert "Give RECIPE a `network`" in caught.value.remedy


def test_a_wrong_setting_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="sparsity"):
        apply_technique(arguments(tmp_path, settings={"sparsity": "2"}))


def test_a_process_for_keras_3_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LEGACY, raising=False)
    with pytest.raises(ConversionError, match=LEGACY):
        library.load_library()


def test_a_missing_library_names_the_extra_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        if name == "tensorflow":
            return SimpleNamespace()
        return import_module("a_package_that_does_not_exist.part")

    monkeypatch.setenv(LEGACY, "1")
    monkeypatch.setattr(library, "import_module", absent)
    with pytest.raises(MissingDependencyError) as caught:
        library.load_library()
    assert "a_package_that_does_not_exist" in caught.value.what
    assert "pip install --no-deps 'tf-keras" in caught.value.remedy
    assert "'optimization'" in caught.value.remedy


def test_weights_are_read_in_order_and_missing_ones_are_named(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    np.savez(tmp_path / "weights.npz", w00001=np.ones(2), w00000=np.zeros(3))
    assert [weight.shape for weight in load_weights(tmp_path / "weights.npz")] == [(3,), (2,)]
    with pytest.raises(UnsupportedModelError, match="weights cannot be read"):
        load_weights(tmp_path / "none.npz")


def test_the_sentence_of_a_refusal_is_the_library_s_own_and_short() -> None:
    error = steps.refused(RuntimeError("Layer bn:<class 'x'> is not supported. " + "More. " * 100))
    assert "tensorflow-model-optimization refuses the model: Layer bn" in error.what
    assert len(error.what) < 320


def test_the_frames_that_keras_adds_are_left_out_of_a_refusal() -> None:
    raised = 'Exception encountered when calling layer "q".\n\nin user code:\n\n    File "a.py", line 79, in call\n'
    raised += "        f()\n\n    TypeError: int32 is not allowed\n\n\nCall arguments received by layer: x"
    assert steps.refused(TypeError(raised)).what.endswith("refuses the model: int32 is not allowed")


@pytest.mark.parametrize("steps_in_all", [1, 2, 3, 17, 68, 1000, 99_999])
def test_pruning_reaches_its_end_within_the_training_and_gradually(steps_in_all: int) -> None:
    found = steps.pruning_steps(steps_in_all)
    assert 1 <= found["end_step"] <= steps_in_all
    assert found["end_step"] % found["frequency"] == 0
    assert found["end_step"] / found["frequency"] < 2 * steps.PRUNING_TIMES + 1


def test_the_sentence_says_on_what_how_long_and_in_how_many_turns() -> None:
    labelled: Any = SimpleNamespace(labelled=True, epochs=4, samples=1078)
    assert training_sentence(TECHNIQUES["qat"], labelled) == "fine-tuned 4 epochs on 1,078 labelled samples"
    imitated: Any = SimpleNamespace(labelled=False, epochs=1, samples=10)
    assert training_sentence(TECHNIQUES["pruned_qat"], imitated) == (
        "fine-tuned 2 times 1 epoch (pruned, then quantized) to imitate the float model's own outputs "
        "on 10 representative samples"
    )
