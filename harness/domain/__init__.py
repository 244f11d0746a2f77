"""The words all rooms share: frozen values without I/O.

A *case* is one model variant on one target with one backend and runtime. It is measured by *invocations*, one process
each. Everything that is known about an invocation is in `InvocationResult`; everything a reader sees of a case is in
`ResultRow`, made from its invocations by `harness.measure`.
"""

from harness.domain.cases import (
    AccuracySettings,
    Backend,
    Case,
    DeviceSettings,
    Gate,
    MeasureSettings,
    ModelRef,
    RuntimeRef,
    Target,
)
from harness.domain.comparisons import (
    BASE,
    CANDIDATE,
    Baseline,
    BaselineLink,
    ClassProfile,
    ComparisonVerdict,
    ContextDifference,
    DatedOutcome,
    DeviceProfile,
    MetricChange,
    NoiseRecord,
    Pair,
    PairOutcome,
)
from harness.domain.devices import (
    Core,
    DeviceFacts,
)
from harness.domain.edgetpu import (
    EdgeTpuCompiler,
    EdgeTpuMapping,
    MappedOperator,
)
from harness.domain.files import (
    OutputError,
    TensorInfo,
    VariantFile,
)
from harness.domain.invocations import (
    AccuracyDifference,
    AccuracyResult,
    ChangedSample,
    Coverage,
    Evidence,
    InvocationRecord,
    InvocationRequest,
    InvocationResult,
    OperatorTime,
    OutputsCheck,
    ScoredChunk,
    SustainedSlice,
    ToolTiming,
)
from harness.domain.known_failures import (
    KnownFailure,
)
from harness.domain.nights import (
    EVENT_KINDS,
    Night,
    NightEvent,
)
from harness.domain.results import (
    ResultRow,
)
from harness.domain.runs import (
    RunRecord,
    RunView,
)
from harness.domain.words import (
    THERMAL_STATUSES,
    VARIANTS,
    Purpose,
    Status,
    Verdict,
)

__all__ = [
    "BASE",
    "CANDIDATE",
    "EVENT_KINDS",
    "THERMAL_STATUSES",
    "VARIANTS",
    "AccuracyDifference",
    "AccuracyResult",
    "AccuracySettings",
    "Backend",
    "Baseline",
    "BaselineLink",
    "Case",
    "ChangedSample",
    "ClassProfile",
    "ComparisonVerdict",
    "ContextDifference",
    "Core",
    "Coverage",
    "DatedOutcome",
    "DeviceFacts",
    "DeviceProfile",
    "DeviceSettings",
    "EdgeTpuCompiler",
    "EdgeTpuMapping",
    "Evidence",
    "Gate",
    "InvocationRecord",
    "InvocationRequest",
    "InvocationResult",
    "KnownFailure",
    "MappedOperator",
    "MeasureSettings",
    "MetricChange",
    "ModelRef",
    "Night",
    "NightEvent",
    "NoiseRecord",
    "OperatorTime",
    "OutputError",
    "OutputsCheck",
    "Pair",
    "PairOutcome",
    "Purpose",
    "ResultRow",
    "RunRecord",
    "RunView",
    "RuntimeRef",
    "ScoredChunk",
    "Status",
    "SustainedSlice",
    "Target",
    "TensorInfo",
    "ToolTiming",
    "VariantFile",
    "Verdict",
]
