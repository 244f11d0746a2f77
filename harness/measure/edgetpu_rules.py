"""What the Edge TPU's compiler said, on a row: the operators of the model behind the nodes of the compiled file."""

from __future__ import annotations

from dataclasses import replace

from harness.domain import Coverage, EdgeTpuMapping
from harness.units import bytes_to_mib

MOST_TOLD = 5


def of_the_model(coverage: Coverage | None, mapping: EdgeTpuMapping | None) -> Coverage | None:
    """`coverage` in operators of the model, where the compiler counted them.

    A compiled file has one node for all that is on the Edge TPU, so that its own count says little: 1 of 4 may be 264
    of 267. A run that took nothing took nothing, whatever the compiler said.
    """
    if coverage is None or mapping is None or mapping.mapped is None or coverage.kind in ("none", "unknown"):
        return coverage
    total = mapping.mapped + (mapping.on_cpu or 0)
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
