"""What is known of the noise of devices: A/A comparisons, and the profiles made of them.

Nothing is ever replaced. Functions take an open connection.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from harness.domain import DeviceProfile, NoiseRecord
from harness.store.codec import from_json, to_json
from harness.store.records import has_table, utc_text
from harness.store.tables import device_profile, noise_record
from harness.units import parse_moment


def add_noise(connection: Connection, write_id: str, records: Sequence[NoiseRecord]) -> None:
    """Keep A/A comparisons beside those that are there."""
    rows = [
        {
            "write_id": write_id,
            "position": position,
            "device_id": record.device_id,
            "at": utc_text(record.at),
            "noise_json": to_json(record),
        }
        for position, record in enumerate(records)
    ]
    if rows:
        connection.execute(insert(noise_record), rows)


def noise_of(connection: Connection, device_id: str, since: str | None) -> tuple[NoiseRecord, ...]:
    """The A/A comparisons of a device, oldest first."""
    if not has_table(connection, noise_record):
        return ()
    query = select(noise_record.c.noise_json).where(noise_record.c.device_id == device_id)
    if since is not None:
        query = query.where(noise_record.c.at >= utc_text(since))
    found = connection.execute(query.order_by(noise_record.c.at, noise_record.c.number))
    return tuple(from_json(NoiseRecord, text) for text in found.scalars())


def add_profile(connection: Connection, write_id: str, profile: DeviceProfile) -> None:
    """Keep a profile; from now on it is the one of its device."""
    values = {"write_id": write_id, "device_id": profile.device_id, "profile_json": to_json(profile)}
    connection.execute(insert(device_profile).values(values))


def profiles_of(connection: Connection, device_id: str | None, at: str | None = None) -> tuple[DeviceProfile, ...]:
    """The profile of each device, or of one, that was stored last: a clock that went backwards hides none.

    With `at`, ISO 8601, the one that was in force then: the last of those that had been made by that time.
    """
    if not has_table(connection, device_profile):
        return ()
    query = select(device_profile.c.device_id, device_profile.c.profile_json)
    if device_id is not None:
        query = query.where(device_profile.c.device_id == device_id)
    if at is None:
        newest = select(func.max(device_profile.c.number)).group_by(device_profile.c.device_id)
        query = query.where(device_profile.c.number.in_(newest))
    found: dict[str, DeviceProfile] = {}
    for device, text in connection.execute(query.order_by(device_profile.c.device_id, device_profile.c.number)):
        profile = from_json(DeviceProfile, text)
        if at is None or _was_made_by(profile, at):
            found[device] = profile
    return tuple(found.values())


def _was_made_by(profile: DeviceProfile, at: str) -> bool:
    made, moment = parse_moment(profile.at), parse_moment(at)
    return made is not None and moment is not None and made <= moment
