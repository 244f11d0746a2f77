"""The command line: parse, call, print. Public: `main`, the entry point."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line; every outcome has its exit code and no wrong input shows a traceback."""
    try:
        from harness.cli.app import app
        from harness.cli.outcome import run_app
    except KeyboardInterrupt:  # Ctrl-C before there is anything that could handle it
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    code = run_app(app)
    gc.freeze()  # the process ends: to look through all that was imported once more takes up to a tenth of its time
    sys.exit(code)
