"""Are the outputs right? Scores against labels, and distances from the float reference. Pure."""

from typing import TYPE_CHECKING

from harness.accuracy.base import Record, Sample, SampleSource, Task, TaskSpec, Truth
from harness.accuracy.preprocessing import AudioPreprocessing, ImagePreprocessing, Preprocessing, TextPreprocessing
from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.accuracy.check import check_outputs
    from harness.accuracy.metrics import output_error
    from harness.accuracy.paired import changed_samples, compare
    from harness.accuracy.tasks import open_task

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
    "changed_samples",
    "check_outputs",
    "compare",
    "open_task",
    "output_error",
]

__getattr__ = lazy_names(
    __name__,
    {
        "changed_samples": "paired",
        "check_outputs": "check",
        "compare": "paired",
        "open_task": "tasks",
        "output_error": "metrics",
    },
)
