from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tests.edgetpu.embedded import embed, extract

INT8 = Path(__file__).parents[1] / "data" / "models" / "int8.tflite"


@pytest.mark.parametrize("partial", [False, True])
def test_the_model_comes_out_as_it_went_in(partial: bool) -> None:
    content = INT8.read_bytes()
    assert extract(embed(content, partial=partial)) == content


def test_what_is_taken_out_runs() -> None:
    interpreter = Interpreter(model_content=extract(embed(INT8.read_bytes())))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros((1, 8, 8, 1), np.int8))
    interpreter.invoke()
    assert interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).shape == (1, 3)


@pytest.mark.parametrize("partial", [False, True])
def test_litert_alone_has_no_kernel_for_it(partial: bool) -> None:
    interpreter = Interpreter(model_content=embed(INT8.read_bytes(), partial=partial))
    with pytest.raises(RuntimeError, match="edgetpu-custom-op"):
        interpreter.allocate_tensors()


def test_a_model_that_was_not_mapped_runs_as_before_and_carries_nothing() -> None:
    content = embed(INT8.read_bytes(), whole=False)
    Interpreter(model_content=content).allocate_tensors()
    with pytest.raises(ValueError, match="edgetpu-custom-op"):
        extract(content)
