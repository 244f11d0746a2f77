"""A resumed run goes on with the same files on the same devices, or not at all: one row never mixes two things."""

from __future__ import annotations

from collections.abc import Sequence

from harness.domain import Case, DeviceFacts, ModelRef, RunRecord, RunView, Status, VariantFile
from harness.errors import UsageError
from harness.variants import COMPILED_FROM, mode_of

_ANEW = "Start a new run without --resume; `harness report` still writes what this one has."


def require_same_devices(before: RunView, facts: Sequence[DeviceFacts]) -> None:
    """Refuse to resume on devices that have changed.

    Raises:
        UsageError: names what differs.
    """
    known = {one.device_id: one.fingerprint for one in before.facts}
    for one in facts:
        then, now = known.get(one.device_id, {}), one.fingerprint
        differing = [name for name in now if then.get(name) != now[name]]
        changed = [f"{name} {then.get(name)!r} is now {now[name]!r}" for name in differing]
        if changed:
            raise UsageError(
                f"run {before.run.run_id} began on another device: {'; '.join(changed)}",
                where=one.device_id,
                remedy=_ANEW,
            )


def require_same_file(run: RunRecord, before: VariantFile | None, now: VariantFile) -> None:
    """Refuse to mix invocations of two model files in one row.

    Raises:
        UsageError: the file was converted anew and differs.
    """
    if before is None or before.status is not Status.DONE or now.status is Status.INTERRUPTED:
        return
    if before.sha256 != now.sha256:
        found = f"{now.sha256[:12]} by {now.converter}" if now.status is Status.DONE else f"{now.status}: {now.reason}"
        raise UsageError(
            f"{now.model} {now.variant} is not the file that run {run.run_id} has measured so far: "
            f"{before.sha256[:12]} by {before.converter} then, {found} now",
            remedy=_ANEW,
        )


def wanted_variants(cases: Sequence[Case], *, together: bool = False) -> dict[tuple[str, ...], list[ModelRef]]:
    """Models by the variants that their cases need, so that an excluded one is not converted.

    `together`: each variant that is compiled for a device stands apart with all models that need it, which are
    compiled in one call, whatever else each of them needs.
    """
    needed: dict[ModelRef, dict[str, None]] = {}
    for case in cases:
        needed.setdefault(case.model, {})[case.variant] = None
    groups: dict[tuple[str, ...], list[ModelRef]] = {}
    for model, variants in needed.items():
        apart = [name for name in variants if together and mode_of(name) in COMPILED_FROM]
        rest = tuple(name for name in variants if name not in apart)
        for names in (rest, *((name,) for name in apart)):
            if names:
                groups.setdefault(names, []).append(model)
    return groups
