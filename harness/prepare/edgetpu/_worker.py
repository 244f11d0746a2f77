"""The worker process that reads models for the Edge TPU: the preparation's, with an action of its own."""

from __future__ import annotations

from harness.prepare import _worker as preparation


def main() -> int:
    """Carry out the steps of a request: ``facts``."""
    preparation.ACTIONS["facts"] = ("harness.prepare.edgetpu.graph", "facts")
    return preparation.main()
