"""The lab runs a sweep: one lane per device, interleaved blocks, leases, retry, resume, everything durable.

Public: `run_sweep`, `SweepRequest`, `SweepOutcome`, `current_view`.
"""

from harness.lab.requests import SweepOutcome, SweepRequest
from harness.lab.retell import current_view
from harness.lab.session import run_sweep

__all__ = ["SweepOutcome", "SweepRequest", "current_view", "run_sweep"]
