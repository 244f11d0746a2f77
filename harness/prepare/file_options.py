"""The options that every model file takes."""

from __future__ import annotations

FILE_OPTIONS = {
    "representative": "an .npy, or an .npz with `inputs` or an array for each input by its name: calibration samples",
    "test_data": "an .npz with `inputs` (or an array for each input by its name) and `labels`: the held-out test split",
    "input_range": "the range of synthetic samples when there is no `representative`, as low,high (0,1)",
    "input_shape": "the shape of one sample where the model leaves it open, as 224,224,3",
}
