"""The arrays that go with a model: calibration samples and, with a task, a test split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import TaskSpec
from harness.errors import RecipeError
from harness.prepare.interface import Interface
from harness.prepare.recipe import InputSpec
from harness.prepare.synthetic import natural_images
from harness.prepare.test_split import as_truths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy import Truth

MAX_CALIBRATION = 500
SYNTHETIC_SAMPLES = 10
SEED = 1
CLASSIFICATION = "classification"
# Small ids are in every vocabulary, and 1 as well as 0 makes a mask of them.
MAX_SYNTHETIC_ID = 1


@dataclass(frozen=True)
class GivenData:
    """`calibration` and `test_inputs` float32 (n, *packed_shape); the test inputs have `truths` and a `task`."""

    calibration: NDArray[np.float32]
    test_inputs: NDArray[np.float32] | None = None
    truths: tuple[Truth, ...] = ()
    task: TaskSpec | None = None

    @classmethod
    def checked(
        cls, calibration: Any, inputs: Any, truths: Any, task: TaskSpec | None, interface: Interface, *, where: str
    ) -> GivenData:
        """From whatever a recipe or a file gave: an array for one input, a tuple of arrays, or a packed array.

        Raises:
            RecipeError: an array has the wrong shape, is empty, or is not finite; says which.
        """
        samples = _samples("the representative samples", calibration, interface, where)[:MAX_CALIBRATION]
        if task is None or inputs is None:
            return cls(samples, task=task)
        tests = _samples("the test inputs", inputs, interface, where)
        return cls(samples, tests, as_truths(task, truths, len(tests), where), task)


def read_given_data(options: Mapping[str, str], interface: Interface, task: TaskSpec | None) -> GivenData:
    """The data that `options` name for a model file; seeded synthetic samples without them.

    A test split without a `task` is one of a classification.
    """
    representative, test_data = options.get("representative"), options.get("test_data")
    if representative is not None:
        calibration = _load(Path(representative), interface)
    else:
        value_range = _range(options.get("input_range", "0,1"))
        calibration = tuple(synthetic(spec, value_range, order) for order, spec in enumerate(interface.inputs))
    where = representative or "synthetic samples"
    if test_data is None:
        return GivenData.checked(calibration, None, None, task, interface, where=where)
    path, task = Path(test_data), task or TaskSpec(CLASSIFICATION)
    inputs, truths = _load(path, interface), _read(path, "labels")
    return GivenData.checked(calibration, inputs, truths, task, interface, where=test_data)


def synthetic(spec: InputSpec, value_range: tuple[float, float], order: int = 0) -> NDArray[Any]:
    """Seeded samples (n, *shape): natural images for (height, width, channels), small ids for int32, else noise.

    `order` is that of the input, so that inputs of one shape are not alike.
    """
    generator = np.random.default_rng(SEED + order)
    if spec.dtype == "int32":
        return generator.integers(0, MAX_SYNTHETIC_ID + 1, (SYNTHETIC_SAMPLES, *spec.shape), dtype=np.int32)
    shape = spec.shape
    if len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) >= 8:
        return natural_images(SYNTHETIC_SAMPLES, *shape, seed=SEED + order, value_range=value_range)
    return generator.uniform(*value_range, (SYNTHETIC_SAMPLES, *shape)).astype(np.float32)


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise RecipeError(f"input_range {text!r} is not low,high", remedy="For example input_range=-1,1.")
    return low, high


def _load(path: Path, interface: Interface) -> Any:
    """The inputs in a file: `inputs` of an .npz, the array of an .npy, or one array an input by its name."""
    names = [spec.name for spec in interface.inputs]
    if len(names) > 1 and path.suffix == ".npz" and "inputs" not in _names(path):
        return tuple(_read(path, name) for name in names)
    return _read(path, "inputs")


def _names(path: Path) -> list[str]:
    try:
        with np.load(path.expanduser(), allow_pickle=False) as loaded:
            return list(loaded.files)
    except (OSError, ValueError, EOFError, AttributeError):
        return ["inputs"]


def _read(path: Path, key: str) -> Any:
    """The array `key` of an .npz, or the array of an .npy. Pickled objects are refused."""
    try:
        loaded = np.load(path.expanduser(), allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            return loaded
        with loaded:
            return loaded[key]
    except KeyError as error:
        raise RecipeError(f"the file has no array {key!r}", where=str(path)) from error
    except (OSError, ValueError, EOFError) as error:
        raise RecipeError(f"the file cannot be read as .npy or .npz: {error}", where=str(path)) from error


def _samples(what: str, values: Any, interface: Interface, where: str) -> NDArray[np.float32]:
    """Packed samples of one array an input, or of samples that are packed already."""
    if len(interface.inputs) == 1:
        spec = interface.inputs[0]
        return _checked(what, values[0] if isinstance(values, tuple) else values, spec.shape, where)
    if isinstance(values, tuple):
        if len(values) != len(interface.inputs):
            wanted = ", ".join(spec.name for spec in interface.inputs)
            raise RecipeError(f"{what} are {len(values)} arrays; one for each of {wanted} is needed", where=where)
        arrays = [
            _checked(f"{what} of {spec.name!r}", array, spec.shape, where)
            for array, spec in zip(values, interface.inputs, strict=True)
        ]
        if len({len(array) for array in arrays}) > 1:
            counts = ", ".join(str(len(array)) for array in arrays)
            raise RecipeError(f"{what} have different numbers: {counts}", where=where)
        return interface.pack(arrays)
    return _checked(what, values, interface.packed_shape, where)


def _checked(what: str, values: Any, shape: tuple[int, ...], where: str) -> NDArray[np.float32]:
    array = np.asarray(values)
    if array.dtype == object or array.shape[1:] != shape or len(array) == 0:
        raise RecipeError(
            f"{what} must be float32 (n, {', '.join(map(str, shape))}), not {array.dtype} {array.shape}", where=where
        )
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise RecipeError(f"{what} contain NaN or infinite values", where=where)
    return array
