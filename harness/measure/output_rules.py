"""Are the outputs right? Fast but wrong is wrong."""

from __future__ import annotations

import math

from harness.domain import AccuracyResult, Case, OutputError, Verdict
from harness.measure.findings import CaseEvidence, Finding

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
ACCURACY_SHARE = 0.9
ACCURACY_ERRORS = 3.0
HIGHER_IS_BETTER = frozenset({"top1", "top5", "accuracy", "map", "miou"})

_WRONG_REMEDY = (
    "Do not use this file on this backend: compare it with `cpu builtin`, check input scale and zero point, and "
    "convert it again with a representative dataset of real inputs."
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
    if check.accuracy is not None and evidence.float32_accuracy is not None:
        found += _accuracy_findings(check.accuracy, evidence.float32_accuracy)
    return found


def snr_floor_db(case: Case) -> float:
    """The least acceptable output signal-to-noise ratio of a case, in dB."""
    floor = SNR_FLOOR_DB.get(case.variant, min(SNR_FLOOR_DB.values()))
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
    if error.reference_rms is None or error.reference_rms <= 0.0:
        return None
    return math.inf if error.rmse == 0.0 else 20.0 * math.log10(error.reference_rms / error.rmse)


def _accuracy_findings(accuracy: AccuracyResult, float32: float) -> list[Finding]:
    """A collapse: under 90 % of float32, by more than three standard errors of the difference of two proportions."""
    if accuracy.metric not in HIGHER_IS_BETTER or accuracy.samples == 0:
        return []
    middle = min(max((accuracy.value + float32) / 2, 0.0), 1.0)
    error = math.sqrt(2.0 * middle * (1.0 - middle) / accuracy.samples)
    lost = float32 - accuracy.value
    if accuracy.value >= ACCURACY_SHARE * float32 or lost <= ACCURACY_ERRORS * error:
        return []
    reason = (
        f"{accuracy.metric} is {accuracy.value:.4f} on {accuracy.samples} samples, against {float32:.4f} in float32: "
        f"under {ACCURACY_SHARE:.0%} of it"
    )
    return [Finding(Verdict.WRONG_OUTPUT, reason, _WRONG_REMEDY)]
