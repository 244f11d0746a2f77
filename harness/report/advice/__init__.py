"""Which technique and which backend for a model: the published decision tree, walked with what was measured.

`advise` is pure: from rows and wishes to a ranked list; each statement says whether it was measured or is a rule.
"""

from __future__ import annotations

from harness.report.advice.model import Advice, Option, Reason, Step, Wish
from harness.report.advice.tree import advise

__all__ = ["Advice", "Option", "Reason", "Step", "Wish", "advise"]
