"""From a path or a text to a `Sweep`, or to one error that lists everything that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from harness.errors import SweepFileError
from harness.sweep.document import read_document
from harness.sweep.findings import Finding, Place, error_of, printable
from harness.sweep.model import Sweep
from harness.sweep.overrides import apply_override

MAX_BYTES = 256 * 1024


def load_sweep(path: Path, overrides: Sequence[str] = (), *, known_models: Collection[str]) -> Sweep:
    """Read a sweep file. `overrides` are ``a.b=c`` texts and win over the file; relative paths start from its folder.

    Raises:
        SweepFileError: the file cannot be read, or has faults; all of them are listed.
    """
    return parse_sweep(_read(path), str(path), overrides, known_models=known_models, folder=path.absolute().parent)


def _read(path: Path) -> str:
    where = printable(str(path))
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SweepFileError("no such file", where=where, remedy="Check the path of the sweep file.") from None
    except IsADirectoryError:
        raise SweepFileError("a directory, not a sweep file", where=where, remedy="Name a YAML file.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise SweepFileError(f"cannot be read: {error}", where=where, remedy="Check its permissions.") from None
    if len(data) > MAX_BYTES:
        raise SweepFileError(f"larger than {MAX_BYTES // 1024} KiB, so not a sweep file", where=where)
    return _decode(data, where)


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        raise SweepFileError(what, where=f"{where}:{line}:{column}", remedy="Save the file as UTF-8.") from None


def parse_sweep(
    text: str,
    source: str,
    overrides: Sequence[str] = (),
    *,
    known_models: Collection[str],
    folder: Path | None = None,
) -> Sweep:
    """Make a sweep of YAML `text`. `source` names it in messages and lends its stem when the text has no name.

    Args:
        text: the sweep file.
        source: its path, or a name such as ``<stdin>``.
        overrides: ``a.b=c`` texts; they win over `text`.
        known_models: the recipes that can be named.
        folder: what relative paths start from; the folder of `source` when None.

    Raises:
        SweepFileError: everything that is wrong, one line each: ``source:line:column: path: fault; what is allowed``.
    """
    label = printable(source)

    def place_of(line: int, column: int) -> Place:
        return Place(0, line + 1, column + 1, f"{label}:{line + 1}:{column + 1}")

    if len(text) > MAX_BYTES:
        raise SweepFileError(f"larger than {MAX_BYTES // 1024} KiB, so not a sweep file", where=label)
    document, findings = read_document(text, place_of)
    if document is None:
        raise error_of(findings)
    for rank, override in enumerate(overrides, 1):
        findings += apply_override(document, override, rank)
    if not isinstance(document.value, dict):
        what = "is empty" if document.value is None else "is not a mapping"
        allowed = "a mapping that has at least models, such as models: [digits_cnn]"
        raise error_of([*findings, Finding(document.place(()), "", f"the file {what}; allowed: {allowed}")])
    from harness.sweep.validate import validate  # late: pydantic is imported with it

    sweep, more = validate(document, text, Path(source).stem, folder or Path(source).parent, known_models)
    if sweep is None or findings or more:
        raise error_of([*findings, *more])
    return sweep
