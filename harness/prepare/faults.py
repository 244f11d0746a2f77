"""How an exception in a conversion becomes the status and the reason of a row."""

from __future__ import annotations

from harness.accuracy.user_code import describe_error
from harness.domain import Status
from harness.errors import HarnessError, MissingDependencyError, ModelFileError

MAX_REASON = 600
REMEDY_MARK = ". "


class UnsupportedModelError(ModelFileError):
    """The model is intact, but has something the harness or the runtime cannot work with."""


def missing(package: str, extra: str = "prepare") -> MissingDependencyError:
    """The error for an optional `package` that is not installed."""
    return MissingDependencyError(
        f"{package} is not installed", remedy=f"pip install 'on-device-benchmark-harness[{extra}]'"
    )


def fault_of(error: BaseException) -> tuple[Status, str]:
    """The status and the one-line reason for `error`."""
    if isinstance(error, MemoryError):
        return Status.OOM, "out of memory"
    declared = getattr(error, "status", None)
    if isinstance(error, HarnessError) and isinstance(declared, Status):
        return declared, shortened(sentence_of(error))
    status = Status.UNSUPPORTED if isinstance(error, UnsupportedModelError) else Status.FAILED
    text = sentence_of(error) if isinstance(error, HarnessError) else describe_error(error)
    return status, shortened(text)


def sentence_of(error: HarnessError) -> str:
    """What, where and remedy on one line."""
    where = f"{error.where}: " if error.where else ""
    return f"{where}{error.what}{REMEDY_MARK}{error.remedy}" if error.remedy else f"{where}{error.what}"


def shortened(text: str) -> str:
    """`text` on one line of at most `MAX_REASON` characters; the middle goes first, since ends tell more."""
    line = " ".join(text.split())
    if len(line) <= MAX_REASON:
        return line
    half = MAX_REASON // 2
    return f"{line[:half]} … {line[-half:]}"
