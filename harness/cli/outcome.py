"""How a command ends: messages on standard error and the exit codes of the manual."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback

import rich_click as click

from harness.errors import HarnessError

EXIT_OK, EXIT_FAILED_ROW, EXIT_USAGE, EXIT_NO_DEVICE, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130


def run_app(app: click.Command) -> int:
    """Call `app` with the process's arguments; 0 success, 1 failed row, 2 usage, 3 no device, 130 interrupted."""
    try:
        result = app.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("Interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; keep the interpreter's own flush at exit quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # the outermost boundary: a person gets a sentence and a file to send
        return _internal_error(error)
    return result if isinstance(result, int) else EXIT_OK


def _internal_error(error: Exception) -> int:
    text = "".join(traceback.format_exception(error))
    if os.environ.get("HARNESS_DEBUG"):
        sys.stderr.write(text)
        return EXIT_FAILED_ROW
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="harness-error-", suffix=".txt", delete=False
    ) as file:
        file.write(text)
    print(
        f"error: internal error: {type(error).__name__}: {error}\n"
        f"  This is a defect of the harness. The details are in {file.name}; results stored before are kept.",
        file=sys.stderr,
    )
    return EXIT_FAILED_ROW
