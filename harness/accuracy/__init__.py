"""Are the outputs right? Scores against labels, and distances from the float reference. Pure."""

from harness.accuracy.check import check_outputs
from harness.accuracy.metrics import output_error, tie_share, top_k_accuracy

__all__ = ["check_outputs", "output_error", "tie_share", "top_k_accuracy"]
