"""The arrays that go with a model: calibration samples and, with a task, a test split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import RecipeError
from harness.prepare.synthetic import natural_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CALIBRATION = 500
SYNTHETIC_SAMPLES = 10
SEED = 1
OPTIONS = {
    "representative": "an .npy, or an .npz with `inputs`: float32 samples for calibration",
    "test_data": "an .npz with `inputs` and `labels`: the held-out test split",
    "input_range": "the range of synthetic samples when there is no `representative`, as low,high (0,1)",
    "input_shape": "the shape of one sample where the model leaves it open, as 224,224,3",
}


@dataclass(frozen=True)
class GivenData:
    """`calibration` float32 (n, *shape); `test_inputs` float32 and `test_labels` int64 with a `task`."""

    calibration: NDArray[np.float32]
    test_inputs: NDArray[np.float32] | None = None
    test_labels: NDArray[np.int64] | None = None
    task: str | None = None

    @classmethod
    def checked(
        cls, calibration: Any, inputs: Any, labels: Any, task: str | None, shape: tuple[int, ...], *, where: str
    ) -> GivenData:
        """From whatever a recipe or a file gave.

        Raises:
            RecipeError: an array has the wrong shape, is empty, or is not finite; says which.
        """
        samples = _samples("the representative samples", calibration, shape, where)[:MAX_CALIBRATION]
        if task is None:
            return cls(samples)
        tests = _samples("the test inputs", inputs, shape, where)
        truth = np.asarray(labels)
        if truth.shape != (len(tests),) or not np.issubdtype(truth.dtype, np.integer):
            raise RecipeError(f"the labels must be {len(tests)} integers, not {truth.dtype} {truth.shape}", where=where)
        return cls(samples, tests, truth.astype(np.int64), task)


def read_given_data(options: Mapping[str, str], shape: tuple[int, ...]) -> GivenData:
    """The data that `options` name for a model file; seeded synthetic samples without them."""
    representative, test_data = options.get("representative"), options.get("test_data")
    if representative is not None:
        calibration = _load(Path(representative), "inputs")
    else:
        calibration = synthetic(shape, _range(options.get("input_range", "0,1")))
    if test_data is None:
        return GivenData.checked(calibration, None, None, None, shape, where=representative or "synthetic samples")
    path = Path(test_data)
    return GivenData.checked(
        calibration, _load(path, "inputs"), _load(path, "labels"), "classification", shape, where=test_data
    )


def synthetic(shape: tuple[int, ...], value_range: tuple[float, float]) -> NDArray[np.float32]:
    """Seeded samples (n, *shape): natural images for (height, width, channels), else uniform noise."""
    if len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) >= 8:
        return natural_images(SYNTHETIC_SAMPLES, *shape, seed=SEED, value_range=value_range)
    noise = np.random.default_rng(SEED).uniform(*value_range, (SYNTHETIC_SAMPLES, *shape))
    return noise.astype(np.float32)


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise RecipeError(f"input_range {text!r} is not low,high", remedy="For example input_range=-1,1.")
    return low, high


def _load(path: Path, key: str) -> Any:
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


def _samples(what: str, values: Any, shape: tuple[int, ...], where: str) -> NDArray[np.float32]:
    array = np.asarray(values)
    if array.dtype == object or array.shape[1:] != shape or len(array) == 0:
        raise RecipeError(
            f"{what} must be float32 (n, {', '.join(map(str, shape))}), not {array.dtype} {array.shape}", where=where
        )
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise RecipeError(f"{what} contain NaN or infinite values", where=where)
    return array
