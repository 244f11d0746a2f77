"""What must agree before a ratio is formed at all: only like is compared with like.

What two builds are meant to differ in (model file, runtime, backend, threads) is no reason here; it is among the causes
of a change. A figure that is not known of both arms is no reason either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from harness.domain import Case, MeasureSettings, VariantFile

if TYPE_CHECKING:
    from harness.measure.arm import Arm

PARTS = ("device", "inputs", "protocol", "timed")
# What changes the latency that is measured; the number of blocks and the other passes do not.
_PROTOCOL = ("min_s", "min_iterations", "max_s", "warmup_min_s", "warmup_min_iterations", "warmup_max_s", "gap_s")
_DEVICE = {"device_id": "device", "model": "device model", "soc": "SoC", "os_build": "OS build"}


def timing_reasons(base: Arm, candidate: Arm, *, apart_from: Collection[str] = ()) -> tuple[str, ...]:
    """Why two times may not be compared, as sentences; empty when they may.

    Args:
        base: the one arm.
        candidate: the other.
        apart_from: those of PARTS that are compared on purpose, such as ``device`` for two phones side by side.

    Raises:
        ValueError: `apart_from` has a word that is not one of PARTS.
    """
    if unknown := set(apart_from) - set(PARTS):
        raise ValueError(f"{', '.join(sorted(unknown))}: one of {', '.join(PARTS)}")
    found = {"device": _device, "inputs": _inputs, "protocol": _protocol, "timed": _timed}
    return tuple(reason for part in PARTS if part not in apart_from for reason in found[part](base, candidate))


def memory_reasons(base: Arm, candidate: Arm) -> tuple[str, ...]:
    """Why two amounts of memory may not be compared; empty when they may."""
    return timing_reasons(base, candidate, apart_from=("protocol", "timed"))


def data_reasons(base: Arm, candidate: Arm) -> tuple[str, ...]:
    """Why two accuracies may not be compared; empty when they may, or when one is missing."""
    ours, theirs = (arm.check.accuracy if arm.check is not None else None for arm in (base, candidate))
    if ours is None or theirs is None:
        return ()
    told = [
        ("metric", ours.metric, theirs.metric),
        ("number of samples", ours.samples, theirs.samples),
        ("better direction", _better(ours.higher_is_better), _better(theirs.higher_is_better)),
    ]
    if ours.dataset_id and theirs.dataset_id:
        told.append(("data set", ours.dataset_id[:12], theirs.dataset_id[:12]))
    else:
        told.append(("data set", _data_named(base.case), _data_named(candidate.case)))
    if base.file is not None and candidate.file is not None:
        told += [
            ("task", base.file.task or "", candidate.file.task or ""),
            ("task's options", _pairs(base.file.task_options), _pairs(candidate.file.task_options)),
        ]
    reasons = (_differs(f"the {name} of the accuracy", one, other) for name, one, other in told if one and other)
    return tuple(reason for reason in reasons if reason)


def is_same_data(base: Arm, candidate: Arm) -> bool:
    """Whether both are known to be scored on the same samples: one data set by content, or one prepared folder."""
    ours, theirs = (arm.check.accuracy if arm.check is not None else None for arm in (base, candidate))
    if ours is None or theirs is None or ours.samples != theirs.samples:
        return False
    if ours.dataset_id and theirs.dataset_id:
        return ours.dataset_id == theirs.dataset_id
    paths = [arm.file.data_path if arm.file is not None else None for arm in (base, candidate)]
    return paths[0] is not None and paths[0] == paths[1]


def _device(base: Arm, candidate: Arm) -> Iterator[str]:
    ours, theirs = _identity(base), _identity(candidate)
    for name, words in _DEVICE.items():
        one, other = ours.get(name, ""), theirs.get(name, "")
        if one and other and (reason := _differs(f"the {words}", one, other)):
            yield reason


def _identity(arm: Arm) -> dict[str, str]:
    if arm.facts is not None:
        return arm.facts.fingerprint
    return {"device_id": arm.row.device_id, "model": arm.row.device}


def _inputs(base: Arm, candidate: Arm) -> Iterator[str]:
    one, other = (_shapes(arm.file) for arm in (base, candidate))
    if one and other and (reason := _differs("the shape of the inputs", one, other)):
        yield reason


def protocol_reasons(base: MeasureSettings | None, candidate: MeasureSettings | None) -> tuple[str, ...]:
    """Why times under these two protocols may not be compared; empty when they may, or when one is not known."""
    if base is None or candidate is None:
        return ()
    told = ((name, f"{getattr(base, name):g}", f"{getattr(candidate, name):g}") for name in _PROTOCOL)
    reasons = (_differs(f"the protocol's {name}", one, other) for name, one, other in told)
    return tuple(reason for reason in reasons if reason)


def _protocol(base: Arm, candidate: Arm) -> tuple[str, ...]:
    return protocol_reasons(base.measure, candidate.measure)


def _timed(base: Arm, candidate: Arm) -> Iterator[str]:
    """On the CPU a call is over when it returns; an accelerator may only have queued the work."""
    on_cpu = base.case.backend.kind == candidate.case.backend.kind == "cpu"
    one, other = base.row.timed, candidate.row.timed
    if one and other and not on_cpu and (reason := _differs("what a sample holds", one, other)):
        yield reason


def _differs(what: str, one: object, other: object) -> str:
    return "" if one == other else f"{what} differs: {one} and {other}"


def _better(higher: bool) -> str:
    return "higher" if higher else "lower"


def _shapes(file: VariantFile | None) -> str:
    if file is None:
        return ""
    return ", ".join("x".join(map(str, tensor.shape)) for tensor in file.inputs)


def _pairs(options: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(options))


def _data_named(case: Case) -> str:
    """What the sweep says of the data set."""
    return _pairs(tuple(option for option in case.model.options if option[0].partition(".")[0] == "data"))
