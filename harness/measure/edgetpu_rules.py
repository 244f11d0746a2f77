"""What only Edge TPUs show: the operators of the model behind the nodes of the compiled file, and heat."""

from __future__ import annotations

from dataclasses import replace

from harness.domain import Coverage, EdgeTpuMapping, Verdict
from harness.measure.findings import CaseEvidence, Finding, too_many
from harness.units import bytes_to_mib

MOST_TOLD = 5
CLOCKS_MHZ = (500.0, 250.0, 125.0, 62.5)  # of Coral's driver for modules: below the first trip point, over it, …


def of_the_model(coverage: Coverage | None, mapping: EdgeTpuMapping | None) -> Coverage | None:
    """`coverage` in operators of the model, where the compiler counted them.

    A compiled file has one node for all that is on the Edge TPU, so that its own count says little: 1 of 4 may be 264
    of 267. The run itself has the last word: where the compiler's counts say something else, they are not used.
    """
    if coverage is None or mapping is None or mapping.mapped is None or mapping.on_cpu is None:
        return coverage
    if coverage.kind != ("partial" if mapping.on_cpu else "full"):
        return coverage
    total = mapping.mapped + mapping.on_cpu
    return replace(coverage, delegated_nodes=mapping.mapped, total_nodes=total, partitions=mapping.subgraphs)


def left_on_cpu(mapping: EdgeTpuMapping) -> str:
    """``2 SOFTMAX (Operation version not supported), 1 ADD (…)``: what the compiler left, in its own words."""
    left = [one for one in mapping.operators if not one.mapped]
    told = [f"{one.count} {one.name} ({one.status})" for one in left[:MOST_TOLD]]
    more = sum(one.count for one in left[MOST_TOLD:])
    return ", ".join([*told, f"{more} more"] if more else told)


def mapping_notes(mapping: EdgeTpuMapping | None) -> tuple[str, ...]:
    """What a reader of the latency must know of how the model was compiled."""
    if mapping is None:
        return ()
    found = []
    if left := left_on_cpu(mapping):
        found.append(f"the compiler left on the CPU: {left}")
    if mapping.off_chip_bytes:
        mib = bytes_to_mib(mapping.off_chip_bytes)
        found.append(f"{mib:.2f} MiB of parameters do not fit on the chip and are sent at each inference")
    if mapping.together:
        found.append(f"compiled together with {', '.join(mapping.together)}: they share the cache of parameters")
    return tuple(found)


def heat_findings(evidence: CaseEvidence) -> list[Finding]:
    """THROTTLED where the driver lowered an Edge TPU's clock: `thermal_status` counts the trip points it reached.

    Sticks have no sensor that can be read, so nothing is found for them.
    """
    if evidence.case.target.kind != "edgetpu":
        return []
    levels = [timing.result.evidence.thermal_status or 0 for timing in evidence.timings]
    count = too_many(level >= 1 for level in levels)
    if not count:
        return []
    clock_mhz = CLOCKS_MHZ[min(max(levels), len(CLOCKS_MHZ) - 1)]
    reason = (
        f"the Edge TPU reached a trip point in {count} of {len(levels)} invocations: its driver lowered the clock to "
        f"{clock_mhz:g} of {CLOCKS_MHZ[0]:g} MHz"
    )
    remedy = "Cool the module (heat sink, fan) or let it rest between blocks (`gate`, `gap_s`), and measure again."
    return [Finding(Verdict.THROTTLED, reason, remedy)]
