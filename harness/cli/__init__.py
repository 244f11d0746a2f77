"""The command line: parse, call, print. Public: `main`, the entry point."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; every outcome has its exit code and no wrong input shows a traceback."""
    try:
        from harness.cli.app import app
        from harness.cli.outcome import run_app
    except KeyboardInterrupt:  # Ctrl-C before there is anything that could handle it
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    sys.exit(run_app(app))
