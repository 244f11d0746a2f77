"""Are the outputs right? Fast but wrong is wrong."""

from __future__ import annotations

import math

from harness.domain import AccuracyResult, Case, OutputError, Verdict
from harness.measure.findings import CaseEvidence, Finding
from harness.variants import mode_of

# The least signal-to-noise ratio of the outputs against the float reference, in dB. Random weights are the hardest
# honest case: MobileNetV2 with them has about 11 dB in int8, 16 dB in int16x8, 36 dB in float16, and over 90 dB in
# float32.
SNR_FLOOR_DB = {
    "float32": 37.0,
    "float16": 20.0,
    "dynamic_range": 7.0,
    "full_integer": 7.0,
    "int8": 7.0,
    "int16x8": 10.0,
}
HALF_PRECISION_FLOOR_DB = 20.0  # accelerators compute float32 models in half precision unless told not to
# How far outputs may be from those of the same file on the host's CPU: RMS of the difference over RMS of the outputs.
# XNNPACK against the built-in kernels of one library: 6e-6 in float32 and float16; 21 % in int8 and 19 % in dynamic
# range for MobileNetV2 with random weights, 1 % for a trained network; 0.1 % in int16x8.
SAME_FILE_TOLERANCE = {
    "float32": 0.001,
    "float16": 0.01,
    "weight_only_int8": 0.01,
    "weight_only_int4": 0.01,
    "int16x8": 0.02,
}
EIGHT_BIT_TOLERANCE = 0.35
# Accelerators compute float models in half precision, and some compute integer models in float: their distance is then
# that of the quantization itself (11 dB for random weights).
ACCELERATOR_TOLERANCE = {"float32": 0.1, "float16": 0.1}
ACCELERATOR_EIGHT_BIT_TOLERANCE = 0.45
ACCURACY_SHARE = 0.9
ACCURACY_ERRORS = 3.0
WORSE_TIMES = 2.0

_WRONG_REMEDY = (
    "Do not use this file on this backend: compare it with `cpu builtin`, check input scale and zero point, and "
    "convert it again with a representative dataset of real inputs."
)

_DELEGATE_REMEDY = (
    "Do not use this backend for this file: it computes something else than the CPU does. Look for a newer driver or "
    "delegate, try another precision option, or set `accuracy: {tolerance: …}` if the difference is acceptable."
)


def output_findings(evidence: CaseEvidence) -> list[Finding]:
    """WRONG_OUTPUT for outputs that are not finite, far from the reference, or lost the task's accuracy."""
    check = evidence.check
    if check is None:
        return []
    if not check.finite:
        return [Finding(Verdict.WRONG_OUTPUT, "the outputs hold NaN or infinite values", _WRONG_REMEDY)]
    found = []
    if check.reference is not None:
        found += _reference_findings(evidence.case, check.reference)
    if check.same_file is not None:
        found += _same_file_findings(evidence.case, check.same_file, evidence.allowed.tolerance)
    return found + _accuracy_findings(evidence)


def same_file_tolerance(case: Case) -> float:
    """How far the outputs of a case may be from those of the same file on the host's CPU, when the sweep does not say.

    RMS of the difference over RMS of the outputs.
    """
    mode = mode_of(case.variant)
    if case.backend.kind == "cpu":
        return SAME_FILE_TOLERANCE.get(mode, EIGHT_BIT_TOLERANCE)
    return ACCELERATOR_TOLERANCE.get(mode, ACCELERATOR_EIGHT_BIT_TOLERANCE)


def relative_error(error: OutputError) -> float | None:
    """RMS of the difference over RMS of the reference; None when the reference is zero or unknown."""
    if error.reference_rms is None or error.reference_rms <= 0.0:
        return None
    return error.rmse / error.reference_rms


def _same_file_findings(case: Case, error: OutputError, asked: float | None) -> list[Finding]:
    tolerance = same_file_tolerance(case) if asked is None else asked
    found = relative_error(error)
    if found is None or found <= tolerance:
        return []
    limit = "the sweep allows" if asked is not None else f"{case.variant} may by"
    reason = (
        f"the outputs differ by {100 * found:.3g} % (RMS over {error.samples} inputs) from those of the same file on "
        f"the CPU of the host; {limit} {100 * tolerance:.3g} %"
    )
    return [Finding(Verdict.WRONG_OUTPUT, reason, _DELEGATE_REMEDY)]


def snr_floor_db(case: Case) -> float:
    """The least acceptable output signal-to-noise ratio of a case, in dB."""
    floor = SNR_FLOOR_DB.get(mode_of(case.variant), min(SNR_FLOOR_DB.values()))
    return floor if case.backend.kind == "cpu" else min(floor, HALF_PRECISION_FLOOR_DB)


def cosine_at(snr_db: float) -> float:
    """The cosine similarity of a signal with itself plus independent noise of the given signal-to-noise ratio."""
    return 1.0 / math.sqrt(1.0 + 10.0 ** (-snr_db / 10.0))


def _reference_findings(case: Case, error: OutputError) -> list[Finding]:
    floor_db = snr_floor_db(case)
    if not error.cosine >= cosine_at(floor_db):
        reason = (
            f"the outputs have a cosine similarity of {error.cosine:.4f} with the float reference on {error.samples} "
            f"inputs, under the floor of {cosine_at(floor_db):.4f} for {case.variant}"
        )
        return [Finding(Verdict.WRONG_OUTPUT, reason, _WRONG_REMEDY)]
    ratio_db = _snr_db(error)
    if ratio_db is not None and not ratio_db >= floor_db:
        reason = (
            f"the outputs have an RMSE of {error.rmse:.4g} against the float reference, {ratio_db:.1f} dB where "
            f"{case.variant} needs {floor_db:.0f} dB: their direction fits and their size does not"
        )
        return [Finding(Verdict.WRONG_OUTPUT, reason, _WRONG_REMEDY)]
    return []


def _snr_db(error: OutputError) -> float | None:
    share = relative_error(error)
    if share is None:
        return None
    return math.inf if share == 0.0 else -20.0 * math.log10(share)


def _accuracy_findings(evidence: CaseEvidence) -> list[Finding]:
    """What the sweep allows, or without a word of it, that the accuracy does not collapse."""
    accuracy = evidence.check.accuracy if evidence.check is not None else None
    if accuracy is None or accuracy.samples == 0 or evidence.float32_accuracy is None:
        return []
    reason = _more_than_allowed(evidence, accuracy, evidence.float32_accuracy) or _collapse(
        accuracy, evidence.float32_accuracy
    )
    return [Finding(Verdict.WRONG_OUTPUT, reason, _WRONG_REMEDY)] if reason else []


def _more_than_allowed(evidence: CaseEvidence, accuracy: AccuracyResult, float32: float) -> str:
    allowed = evidence.allowed.max_loss
    loss = (float32 - accuracy.value) * (1 if accuracy.higher_is_better else -1)
    if allowed is None or not loss > allowed:
        return ""
    known = evidence.check.difference if evidence.check is not None else None
    interval = f" (95 % interval {known.low:.4g} to {known.high:.4g})" if known is not None else ""
    return (
        f"{accuracy.metric} is {accuracy.value:.4g} on {accuracy.samples} samples, {loss:.4g} worse than "
        f"{float32:.4g} in float32{interval}; the sweep allows {allowed:.4g}"
    )


def _collapse(accuracy: AccuracyResult, float32: float) -> str:
    """Under 90 % of float32 by more than three standard errors, or an error rate of more than twice float32's."""
    if float32 <= 0:
        return ""
    if accuracy.higher_is_better:
        middle = min(max((accuracy.value + float32) / 2, 0.0), 1.0)
        error = math.sqrt(2.0 * middle * (1.0 - middle) / accuracy.samples)
        lost = float32 - accuracy.value
        bad, what = accuracy.value < ACCURACY_SHARE * float32 and lost > ACCURACY_ERRORS * error, "under 90 % of it"
    else:
        bad, what = accuracy.value > WORSE_TIMES * float32, f"more than {WORSE_TIMES:g} times as much"
    if not bad:
        return ""
    return (
        f"{accuracy.metric} is {accuracy.value:.4f} on {accuracy.samples} samples, against {float32:.4f} in float32: "
        f"{what}"
    )
