"""Which operators a change of the latency is in, from the profile pass of both arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.domain import ContextDifference, OperatorTime
from harness.units import us_to_ms

LISTED = 5
LEAST_SHARE = 0.02  # of the profile's time, and of the latency's change: a single profile is no better than that
ON_THE_CPU = frozenset({"built-in", "reference"})
# How much is said by an operator that moved to or from the CPU, got another kernel, is new or gone, or only grew.
MOVED, OTHER_KERNEL, NEW, GREW = 0.93, 0.9, 0.88, 0.85
NONE = "none"


@dataclass(frozen=True)
class Use:
    """All operators of one name in one inference. `kernels` are what computed them, with how many each."""

    total_ms: float = 0.0
    share: float = 0.0
    kernels: tuple[tuple[str, int], ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(count for _, count in self.kernels)

    @property
    def on_cpu(self) -> int:
        """How many a CPU kernel computed that is no delegate's."""
        return sum(count for kernel, count in self.kernels if kernel in ON_THE_CPU)

    @property
    def kernel_names(self) -> str:
        """``XNNPACK and built-in``; empty when none is known."""
        return " and ".join(kernel for kernel, _ in self.kernels if kernel)

    def __str__(self) -> str:
        if not self.count:
            return NONE
        by = f", {self.kernel_names}" if self.kernel_names else ""
        return f"{_ms(self.total_ms)}, {self.share:.0%}, {self.count} calls{by}"


def operator_differences(
    before: Sequence[OperatorTime], after: Sequence[OperatorTime], lost_ms: float | None
) -> tuple[ContextDifference, ...]:
    """The operators that changed most, at most `LISTED`; none without times on both sides.

    Args:
        before: the profile of the base.
        after: the profile of the candidate.
        lost_ms: by how much the latency grew (negative: shrank); 0.0 or None when it did not, or nobody knows.
    """
    ours, theirs = _by_name(before), _by_name(after)
    totals = [sum(use.total_ms for use in uses.values()) for uses in (ours, theirs)]
    if not all(total > 0 for total in totals):
        return ()
    least_ms = LEAST_SHARE * max(*totals, abs(lost_ms or 0.0))
    changed = {
        name: theirs.get(name, Use()).total_ms - ours.get(name, Use()).total_ms for name in ours.keys() | theirs.keys()
    }
    largest = sorted(changed, key=lambda name: (-abs(changed[name]), name))[:LISTED]
    return tuple(
        _difference(name, ours.get(name, Use()), theirs.get(name, Use()), lost_ms or 0.0)
        for name in largest
        if abs(changed[name]) >= least_ms
    )


def _difference(name: str, one: Use, other: Use, lost_ms: float) -> ContextDifference:
    grown_ms = other.total_ms - one.total_ms
    if grown_ms * lost_ms <= 0:
        return ContextDifference(f"operator {name}", str(one), str(other))
    weight, what = _what_happened(name, one, other)
    likelihood = weight * min(1.0, grown_ms / lost_ms)
    verb, fate = ("grew", "lost") if lost_ms > 0 else ("shrank", "gained")
    whole = f"the {_ms(abs(lost_ms))} that the model {fate}"
    # One profile is one process: an operator may have moved by more than the model did in the timing.
    more = abs(grown_ms) > 1.2 * abs(lost_ms)
    told = f"{name} {verb} by {_ms(abs(grown_ms))}{', more than ' if more else ' of '}{whole}"
    return ContextDifference(f"operator {name}", str(one), str(other), likelihood, f"{told}; {what}" if what else told)


def _what_happened(name: str, one: Use, other: Use) -> tuple[float, str]:
    """How much it says, and the sentence's second half."""
    if not one.count:
        return NEW, f"{name} was not there before"
    if not other.count:
        return NEW, f"{name} is gone"
    delegated = [use.count - use.on_cpu for use in (one, other)]
    to_cpu, to_delegate = other.on_cpu - one.on_cpu, delegated[1] - delegated[0]
    if to_cpu > 0 and to_delegate < 0:
        return MOVED, f"{min(to_cpu, -to_delegate)} of {one.count} moved from {_delegates(one)} to the CPU's kernels"
    if to_cpu < 0 and to_delegate > 0:
        return MOVED, f"{min(-to_cpu, to_delegate)} of {one.count} moved from the CPU's kernels to {_delegates(other)}"
    if one.kernel_names != other.kernel_names:
        return OTHER_KERNEL, f"{other.kernel_names or 'an unnamed kernel'} computed it instead of {_named(one)}"
    return GREW, ""


def _named(use: Use) -> str:
    return use.kernel_names or "an unnamed kernel"


def _delegates(use: Use) -> str:
    names = " and ".join(kernel for kernel, _ in use.kernels if kernel and kernel not in ON_THE_CPU)
    return names or "the delegate"


def _by_name(operators: Sequence[OperatorTime]) -> dict[str, Use]:
    grouped: dict[str, list[OperatorTime]] = {}
    for operator in operators:
        grouped.setdefault(operator.name, []).append(operator)
    total_us = sum(operator.total_us for operator in operators if operator.total_us > 0)
    return {name: _use(group, total_us) for name, group in grouped.items()}


def _use(group: Sequence[OperatorTime], total_us: float) -> Use:
    """Shares are made anew: a stored one may be missing."""
    own_us = sum(operator.total_us for operator in group if operator.total_us > 0)
    kernels: dict[str, int] = {}
    for operator in group:
        kernels[operator.kernel] = kernels.get(operator.kernel, 0) + operator.count
    return Use(us_to_ms(own_us), own_us / total_us if total_us else 0.0, tuple(sorted(kernels.items())))


def _ms(value_ms: float) -> str:
    """Two digits are as much as one profile can say."""
    return f"{value_ms:,.0f} ms" if value_ms >= 100 else f"{value_ms:.2g} ms"
