"""How a command ends: messages on standard error and the exit codes of the manual."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rich_click as click
from click.exceptions import Exit

from harness.errors import HarnessError, is_disk_full

EXIT_OK, EXIT_FAILED_ROW, EXIT_USAGE, EXIT_NO_DEVICE, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_NO_VERDICT = 5  # of commands that judge: the work itself could not be done, which is no regression


class JudgingCommand(click.RichCommand):
    """A command whose exit code 1 is a verdict: whatever else goes wrong with code 1 ends with 5 instead."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; an error that is no verdict gets the code that says so."""
        with _no_verdict():
            return super().invoke(ctx)


class JudgingGroup(click.RichGroup):
    """A group of such commands."""

    def invoke(self, ctx: click.Context) -> Any:
        """As `JudgingCommand.invoke`."""
        with _no_verdict():
            return super().invoke(ctx)


@contextmanager
def _no_verdict() -> Iterator[None]:
    try:
        yield
    except (click.ClickException, click.Abort, Exit, BrokenPipeError):
        raise
    except Exception as error:
        if getattr(error, "exit_code", EXIT_FAILED_ROW) == EXIT_FAILED_ROW:
            error.exit_code = EXIT_NO_VERDICT  # type: ignore[attr-defined]
        raise


def run_app(app: click.Command) -> int:
    """Call `app` with the process's arguments; 0 success, 1 failed row, 2 usage, 3 no device, 4 no answer, 5 no
    verdict for an error, 130 interrupted."""
    _guard_streams()
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
        _silence_stdout()  # the reader of our output left
        return EXIT_OK
    except OSError as error:
        return _disk_full(error) if is_disk_full(error) else _internal_error(error)
    except Exception as error:  # the outermost boundary: a person gets a sentence and a file to send
        return _internal_error(error)
    return result if isinstance(result, int) else EXIT_OK


def _guard_streams() -> None:
    """Make the standard streams take every text: closed ones (``>&-``) lead nowhere, no character is refused."""
    codecs.register_error("harness.replace", _replacement)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="harness.replace")


def _replacement(error: UnicodeError) -> tuple[str, int]:
    """A plain character for one that the stream's encoding lacks, such as a byte of a file name or a glyph."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    from harness.display.output import in_encoding

    return in_encoding(error.object[error.start : error.end], error.encoding), error.end


def _silence_stdout() -> None:
    """Keep the interpreter's own flush at exit quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _disk_full(error: OSError) -> int:
    if error.filename is None:
        _silence_stdout()
    where = error.filename or "the output"
    print(
        f"error: {where}: cannot be written: {error.strerror}\n"
        "  Free space there, or choose another place. What was stored before is intact.",
        file=sys.stderr,
    )
    return _code(error)


def _internal_error(error: Exception) -> int:
    import traceback  # late: it is not needed on a good day, and takes its share of the start-up

    text = "".join(traceback.format_exception(error))
    if os.environ.get("HARNESS_DEBUG"):
        sys.stderr.write(text)
        return _code(error)
    print(
        f"error: internal error: {type(error).__name__}: {error}\n"
        f"  This is a defect of the harness. {_kept_details(text)}; results stored before are kept.",
        file=sys.stderr,
    )
    return _code(error)


def _code(error: Exception) -> int:
    """What a command made of its failure, else 1."""
    return int(getattr(error, "exit_code", EXIT_FAILED_ROW))


def _kept_details(text: str) -> str:
    import tempfile

    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="replace", prefix="harness-error-", suffix=".txt", delete=False
        ) as file:
            file.write(text)
    except OSError:
        return "Set HARNESS_DEBUG=1 to see the details"
    return f"The details are in {file.name}"
