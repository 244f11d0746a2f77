"""The lab runs a sweep: one lane per device, interleaved blocks, leases, retry, resume, everything durable.

Public: `run_sweep`, `SweepRequest`, `SweepOutcome`.
"""

from harness.lab.session import SweepOutcome, SweepRequest, run_sweep

__all__ = ["SweepOutcome", "SweepRequest", "run_sweep"]
