"""The sweep file: read it strictly, expand it to cases, estimate its time.

Public names are imported on first use: reading a file needs pydantic and ruamel.yaml, a plan and its estimate do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.sweep.estimate import estimate_s, expected_invocation_s, invocations, lane_estimates_s
    from harness.sweep.load import load_sweep, parse_sweep
    from harness.sweep.model import ExcludeRule, NightlySettings, Priority, Sweep
    from harness.sweep.pairing import Pairing, pair_sweeps, pair_with_itself, series_label
    from harness.sweep.plan import Plan, Skip, expand, skip_reason
    from harness.sweep.schema import json_schema


__all__ = [
    "ExcludeRule",
    "NightlySettings",
    "Pairing",
    "Plan",
    "Priority",
    "Skip",
    "Sweep",
    "estimate_s",
    "expand",
    "expected_invocation_s",
    "invocations",
    "json_schema",
    "lane_estimates_s",
    "load_sweep",
    "pair_sweeps",
    "pair_with_itself",
    "parse_sweep",
    "series_label",
    "skip_reason",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ExcludeRule": "model",
        "NightlySettings": "model",
        "Pairing": "pairing",
        "Plan": "plan",
        "Priority": "model",
        "Skip": "plan",
        "Sweep": "model",
        "estimate_s": "estimate",
        "expand": "plan",
        "expected_invocation_s": "estimate",
        "invocations": "estimate",
        "json_schema": "schema",
        "lane_estimates_s": "estimate",
        "load_sweep": "load",
        "pair_sweeps": "pairing",
        "pair_with_itself": "pairing",
        "parse_sweep": "load",
        "series_label": "pairing",
        "skip_reason": "plan",
    },
)
