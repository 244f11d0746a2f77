"""Are the outputs right? Scores against labels, and distances from the float reference. Pure."""

from typing import TYPE_CHECKING

from harness.accuracy.base import Record, Sample, SampleSource, Task, TaskSpec, Truth
from harness.accuracy.preprocessing import AudioPreprocessing, ImagePreprocessing, Preprocessing, TextPreprocessing
from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.accuracy.check import check_outputs
    from harness.accuracy.metrics import output_error, tie_share, top_k_accuracy

TASK_NAMES = (
    "classification",
    "landmarks",
    "regression",
    "segmentation",
    "detection",
    "speech",
    "question_answering",
    "custom",
)

__all__ = [
    "TASK_NAMES",
    "AudioPreprocessing",
    "ImagePreprocessing",
    "Preprocessing",
    "Record",
    "Sample",
    "SampleSource",
    "Task",
    "TaskSpec",
    "TextPreprocessing",
    "Truth",
    "check_outputs",
    "output_error",
    "tie_share",
    "top_k_accuracy",
]

__getattr__ = lazy_names(
    __name__,
    {
        "check_outputs": "check",
        "output_error": "metrics",
        "tie_share": "metrics",
        "top_k_accuracy": "metrics",
    },
)
