"""What a session changed on a phone, as the host's journal and the marker on the phone both keep it."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
PHONE_FOLDER = "/data/local/tmp/harness"
MARKER = f"{PHONE_FOLDER}/changed"
# The ids of the changes that were undone from the marker, by whichever host.
UNDONE = f"{PHONE_FOLDER}/restored"


@dataclass(frozen=True)
class Change:
    """One knob. `original` is what it held before, None for "never set" or, without a getter, unknown.

    `wanted` is what was written; None for what is kept only because another change may reset it. `made` is true once
    the phone is known to have taken it; before that it may or may not have.
    """

    key: str
    original: str | None
    wanted: str | None
    made: bool = False


@dataclass(frozen=True)
class Entry:
    """All changes of one session on one phone. `boot_id` is the phone's, `made_at` ISO 8601 UTC by the host's clock.

    `serial` is the adb serial, for what a person types. `root` is how the phone's root was reached, None without.
    """

    device: str
    journal_id: str
    host: str
    serial: str
    boot_id: str
    made_at: str
    sdk: int
    root: tuple[str, ...] | None
    changes: tuple[Change, ...]
