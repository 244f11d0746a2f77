"""The profiles of devices that a person names, from the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import StoreError

if TYPE_CHECKING:
    from harness.domain import DeviceProfile, Target


def stored_profiles(location: str) -> tuple[DeviceProfile, ...]:
    """All profiles of the store; none when there is no such file yet.

    Raises:
        StoreError: it is there and cannot be read.
    """
    if "://" not in location and not Path(location).exists():
        return ()
    from harness.store import Store

    with Store.open(location, read_only=True) as store:
        return store.profiles()


def profile_named(name: str, profiles: Sequence[DeviceProfile]) -> DeviceProfile | None:
    """The profile of ``host``, of a phone by its serial number, of an Edge TPU as ``usb:0``, or by the id."""
    wanted = ids_of(name)
    return next((one for one in profiles if one.device_id in wanted), None)


def ids_of(name: str) -> tuple[str, ...]:
    """The ids that a device which somebody calls `name` may have; ``edgetpu`` is the first one on this host."""
    from harness.devices.android.find import device_id
    from harness.devices.registry import open_host

    host = open_host().device_id
    if name == "host":
        return (host,)
    edge_tpu = f"edgetpu-{host.removeprefix('host-')}-"
    if name == "edgetpu":
        return (f"{edge_tpu}usb0", f"{edge_tpu}pci0")
    return (name, device_id(name), edge_tpu + name.replace(":", ""))


def doubt_of(profile: DeviceProfile) -> str:
    """Why the profile does not count any more, or an empty text. A phone is not asked for its system; this host is."""
    from harness.devices.registry import open_host
    from harness.domain import DeviceFacts
    from harness.lab.lane import utc_now
    from harness.measure.profiles import usable

    host = open_host()
    like_then = DeviceFacts(profile.device_id, "", "", os_build=profile.os_build)
    facts = host.facts() if profile.device_id == host.device_id else like_then
    return usable(profile, facts, utc_now())[1]


def profiles_of_targets(targets: Sequence[Target], location: str) -> dict[Target, DeviceProfile | None]:
    """The profiles that count, of the targets that name one device. A store that cannot be read knows of none: a plan
    can be made without."""
    try:
        stored = stored_profiles(location)
    except StoreError:
        stored = ()
    if not stored:
        return {}
    named = {target: "host" if target.kind == "host" else dict(target.selector).get("serial", "") for target in targets}
    known = {target: profile_named(name, stored) for target, name in named.items() if name}
    return {target: profile for target, profile in known.items() if profile is not None and not doubt_of(profile)}
