"""Where the numbers come from: the run, the devices, the model files, the evidence of each row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from harness.domain import DeviceFacts, ResultRow, RunView, TensorInfo, VariantFile
from harness.metric_names import metric_label
from harness.report.table_data import rows_without_script
from harness.report.wording import Labels, number, percent
from harness.units import bytes_to_mb, format_duration, khz_to_ghz

Facts = tuple[tuple[str, str], ...]


def run_facts(view: RunView) -> Facts:
    """What identifies the run, its protocol and its software; empty values are left out."""
    run, measure = view.run, view.measure
    found = (
        ("Run", run.run_id),
        ("State", run.state),
        ("Started", run.started_at),
        ("Finished", run.finished_at or ""),
        ("Harness", f"{run.harness_version}{f', commit {run.git_commit}' if run.git_commit else ''}"),
        ("Sweep file", f"SHA-256 {run.sweep_sha256}" if run.sweep_sha256 else ""),
        ("Protocol", ", ".join(f"{field.name} {getattr(measure, field.name)}" for field in fields(measure))),
        ("Runtime", ", ".join(sorted({row.runtime_version for row in view.rows if row.runtime_version}))),
        ("Accelerator", ", ".join(sorted({row.accelerator for row in view.rows if row.accelerator}))),
        ("Estimated", format_duration(view.estimated_s) if view.estimated_s is not None else ""),
    )
    return tuple((name, value) for name, value in found if value)


def device_facts(device: DeviceFacts) -> Facts:
    """What a device said of itself; empty values are left out."""
    clocks = sorted({khz_to_ghz(core.max_khz) for core in device.cores if core.max_khz})
    cores = f"{len(device.cores)}{f', up to {number(clocks[-1])} GHz' if clocks else ''}" if device.cores else ""
    found = (
        ("Device", device.device_id),
        ("Kind", device.kind),
        ("Model", device.model),
        ("SoC", device.soc),
        ("System", device.os_build),
        ("Cores", cores),
        ("Memory", f"{device.memory_mib:,.0f} MiB" if device.memory_mib else ""),
        ("Virtual machine", "yes" if device.virtual_machine else "no"),
        ("Governor", device.governor or ""),
        ("Clock seen by", device.clock_source or "nothing"),
        ("GPUs", ", ".join(device.gpus)),
        ("ABIs", ", ".join(device.abis)),
        *((_title(name), text) for name, text in device.details if name not in ("cores", "board")),
        ("Notes", "; ".join(device.notes)),
    )
    return tuple((name, value) for name, value in found if value)


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


FILE_HEADS = (
    *("Model", "Variant", "Size, MB", "Gzip, MB", "Saved", "Converted by", "Inputs", "Outputs"),
    *("Float operators", "Source error", "Weights", "SHA-256"),
)


def file_cells(file: VariantFile) -> tuple[str, ...]:
    """One line of the table of model files; a failed conversion says why where its size would be."""
    if not file.path:
        return (file.model, file.variant, f"{file.status.value}: {file.reason}", *("—" for _ in FILE_HEADS[3:]))
    error = file.source_error
    made = f"{file.converter}{' (from the cache)' if file.cached else f', {number(file.conversion_s, 2)} s'}"
    return (
        file.model,
        file.variant,
        number(bytes_to_mb(file.size_bytes)),
        number(bytes_to_mb(file.gzip_bytes)) if file.gzip_bytes else "—",
        percent(file.reduction_pct) if file.reduction_pct is not None else "—",
        made,
        _tensors(file.inputs),
        _tensors(file.outputs),
        ", ".join(file.float_operators) or "—",
        f"RMSE {number(error.rmse, 2)}, max {number(error.max_abs, 2)}" if error else "—",
        file.weights or "—",
        file.sha256[:16],
    )


def _tensors(tensors: Sequence[TensorInfo]) -> str:
    return "; ".join(_tensor(tensor) for tensor in tensors) or "—"


def _tensor(tensor: TensorInfo) -> str:
    shape = "×".join(map(str, tensor.shape)) or "scalar"
    quantized = f", scale {number(tensor.scale, 4)}, zero {tensor.zero_point}" if tensor.scale else ""
    return f"{tensor.dtype} {shape}{quantized}"


EVIDENCE_SHOWN = 150
EVIDENCE_HEADS = (
    *("Case", "Clock, GHz", "Of highest", "Seen by", "Temperature, °C", "Foreign load", "Coverage", "Timed"),
    *(
        "Invocations",
        "Samples",
        "Could see",
        "Init, ms",
        "First, ms",
        "All scores",
        "Thermal status",
        "Telemetry",
        "Notes",
        "Proof or doubt",
    ),
)


@dataclass(frozen=True)
class EvidenceTable:
    """The columns that vary, a line for each row, and what is the same in all rows."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    common: Facts
    left_out: int = 0


def evidence_table(rows: Sequence[ResultRow], labels: Labels) -> EvidenceTable:
    """The evidence of the rows; a column that says the same of every one of several rows is said once.

    Of many rows, the fastest quotable ones and those that cannot be quoted are shown.
    """
    lines = [evidence_cells(row, labels) for row in rows]
    same = {index for index in range(1, len(EVIDENCE_HEADS)) if len({line[index] for line in lines}) == 1}
    same = same if len(lines) > 1 else set()
    common = tuple((EVIDENCE_HEADS[index], lines[0][index]) for index in sorted(same) if lines[0][index] != "—")
    kept = [index for index in range(len(EVIDENCE_HEADS)) if index not in same]
    heads = tuple(EVIDENCE_HEADS[index] for index in kept)
    some = (lines[index] for index in rows_without_script(rows, EVIDENCE_SHOWN))
    shown = tuple(tuple(line[index] for index in kept) for line in some)
    return EvidenceTable(heads, shown, common, len(lines) - len(shown))


def evidence_cells(row: ResultRow, labels: Labels) -> tuple[str, ...]:
    """One line of the table of evidence."""
    temperature = "—"
    if row.temp_start_c is not None or row.temp_end_c is not None:
        temperature = f"{number(row.temp_start_c)} → {number(row.temp_end_c)}"
    parts = f", {row.partitions} part{'' if row.partitions == 1 else 's'}" if row.partitions else ""
    return (
        labels.full(row),
        number(row.clock_ghz, 4, pad=True),
        percent(100 * row.clock_share) if row.clock_share is not None else "—",
        row.clock_source or "—",
        temperature,
        percent(100 * row.foreign_load) if row.foreign_load is not None else "—",
        f"{row.coverage}{parts}" if row.coverage else "—",
        row.timed or "—",
        str(row.invocations),
        f"{row.samples:,}",
        percent(row.minimum_detectable_effect_pct) if row.minimum_detectable_effect_pct is not None else "—",
        number(row.init_ms),
        number(row.first_inference_ms),
        _scores(row),
        "—" if row.thermal_status is None else str(row.thermal_status),
        percent(100 * row.telemetry_load) if row.telemetry_load is not None else "—",
        row.notes or "—",
        row.reasons or "—",
    )


def _scores(row: ResultRow) -> str:
    found = (("top1", row.top1), ("top5", row.top5))
    scores = [f"{metric_label(name)} {100 * value:.2f} %" for name, value in found if value is not None]
    if row.reference_cosine is not None:
        scores.append(f"cosine {number(row.reference_cosine, 6)}")
    return ", ".join(scores) or "—"


def pretty_json(text: str) -> str:
    """`text` indented when it is JSON, else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
