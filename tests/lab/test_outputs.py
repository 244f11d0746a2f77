"""Inputs and judgement of the outputs pass, for files with a reference and for one without."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.domain import Status, TensorInfo, VariantFile
from harness.lab.outputs import OutputsPass, read_check, write_inputs

IMAGE = TensorInfo("image", "uint8", (1, 4, 4, 3), 0.5, 128)
IDS = TensorInfo("ids", "int32", (1, 6), 0.0, 0)


def test_check_inputs_are_given_and_outputs_judged_by_its_outputs(tmp_path: Path) -> None:
    check = tmp_path / "check.npz"
    np.savez(check, inputs=np.ones((2, 3), np.float32), outputs=np.array([[1.0], [2.0]], np.float32))
    file = VariantFile("m", "int8", Status.DONE, check_path=str(check), inputs=(IMAGE,))
    made = write_inputs(file, tmp_path / "new", "case")
    assert np.load(made.inputs_path).tolist() == [[1.0] * 3] * 2
    np.save(made.outputs_path, np.array([[1.0], [2.0]], np.float32))
    found = read_check(file, made)
    assert found is not None
    assert found.reference is not None
    assert found.reference.max_abs == 0.0


def test_a_file_without_a_reference_gets_inputs_that_it_can_hold_and_no_judgement(tmp_path: Path) -> None:
    file = VariantFile("m", "edgetpu", Status.DONE, inputs=(IMAGE,))
    made = write_inputs(file, tmp_path, "case")
    inputs = np.load(made.inputs_path)
    assert (inputs.dtype, inputs.shape) == (np.float32, (10, 4, 4, 3))
    stored = inputs / IMAGE.scale + IMAGE.zero_point
    assert 0 <= stored.min() < 50
    assert 200 < stored.max() <= 255
    assert np.array_equal(stored, np.rint(stored))
    assert np.array_equal(inputs, np.load(write_inputs(file, tmp_path, "again").inputs_path))
    assert read_check(file, OutputsPass(made.inputs_path, tmp_path / "none.npy")) is None


def test_several_inputs_are_packed_side_by_side(tmp_path: Path) -> None:
    file = VariantFile("m", "edgetpu", Status.DONE, inputs=(IDS, IMAGE))
    inputs = np.load(write_inputs(file, tmp_path, "case").inputs_path)
    assert inputs.shape == (10, 6 + 48)
    assert not inputs[:, :6].any()
