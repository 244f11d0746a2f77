"""Every error a person can meet, each Transient (worth a retry) or Stable (it will fail again).

::

    HarnessError
    ├── TransientError            the same call may succeed later
    │   ├── DeviceBusyError       another sweep holds the device's lease
    │   ├── DeviceOfflineError    the device does not answer
    │   └── InvocationTimeoutError  a deadline passed
    └── StableError               a retry changes nothing
        ├── UsageError            a wrong option or argument                        (exit 2)
        ├── SweepFileError        the sweep file, with every finding at once        (exit 2)
        ├── RecipeError           a model recipe is missing or raises
        ├── ModelFileError        a model file is unreadable or unsupported
        ├── ConversionError       a converter refused or crashed
        ├── MissingDependencyError  an extra is not installed; names the command
        ├── ParseError            a tool's output lacks what must be in it
        ├── StoreError            the results store cannot be read or written
        │   └── UnknownRunError   no run, or several, have that name                (exit 2)
        ├── DeviceError           a device refused or failed something it was told to do
        │   ├── StorageFullError  no room on the device
        │   └── RestoreError      a changed setting could not be put back
        └── NoDeviceError         no usable device for a target                     (exit 3)
            └── UnauthorizedError the phone has not allowed this computer           (exit 3)
"""

from __future__ import annotations

import errno


class HarnessError(Exception):
    """Base of all errors raised on purpose.

    Args:
        what: what went wrong, one sentence.
        where: file:line:column, device or case.
        remedy: what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy

    @property
    def sentences(self) -> str:
        """What and what to do, as running text for a row."""
        what = self.what if self.what.endswith((".", "!", "?")) else f"{self.what}."
        return f"{what} {self.remedy}".strip()

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{where}{self.what}{remedy}"


class TransientError(HarnessError):
    """The same call may succeed later."""


class StableError(HarnessError):
    """The same call fails again until something is changed."""


class DeviceBusyError(TransientError):
    """Another sweep holds the lease of the device."""

    exit_code = 3


class DeviceOfflineError(TransientError):
    """The device does not answer."""

    exit_code = 3


class InvocationTimeoutError(TransientError):
    """A deadline passed and the process was killed."""


class UsageError(StableError):
    """A wrong option, argument or name."""

    exit_code = 2


class SweepFileError(StableError):
    """A sweep file that cannot be used; `what` lists every finding."""

    exit_code = 2


class RecipeError(StableError):
    """A model recipe is missing, malformed, or raised."""


class ModelFileError(StableError):
    """A model file is empty, truncated, not a model, or needs what the runtime lacks."""


class DatasetError(StableError):
    """A data set, or one sample of it, is missing, unreadable, empty, or not what the task needs."""


class TaskError(StableError):
    """Outputs or truths do not fit the task they are scored on."""


class ConversionError(StableError):
    """A converter refused a model or crashed on it."""


class MissingDependencyError(StableError):
    """An optional library is not installed; the remedy names the command."""

    exit_code = 2


class ParseError(StableError):
    """Output of a tool lacks what must be in it."""


class StoreError(StableError):
    """The results store cannot be read or written."""


class UnknownRunError(StoreError):
    """A run that is named on the command line is not in the store, or the name fits several."""

    exit_code = 2


class NoDeviceError(StableError):
    """No usable device for a target of the sweep."""

    exit_code = 3


class UnauthorizedError(NoDeviceError):
    """The phone is attached and has not allowed this computer to debug it."""


class DeviceError(StableError):
    """A device refused or failed something it was told to do."""


class StorageFullError(DeviceError):
    """There is no room left on the device."""


class RestoreError(DeviceError):
    """A setting that was changed on a device could not be put back; `what` lists each."""


def is_disk_full(error: BaseException) -> bool:
    """Whether the operating system refused to write for want of room, or of quota."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
