"""MobileBERT, uncased English, with a head for answer spans: 384 tokens (Sun et al., arXiv:2004.02984).

24 layers of width 512 with bottlenecks of 128, four attention heads and four feed-forward networks each. By these
layers 24,581,888 parameters, as public ports of the checkpoint count without its pre-training heads, and 1,026 of the
head for spans: 24,582,914. The paper and the authors' model card say 25.3 million, which is 3 % more, without saying
what it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.accuracy import TaskSpec, TextPreprocessing
from harness.prepare.networks.mobilebert import VOCABULARY, mobilebert
from harness.prepare.networks.samples import token_windows
from harness.prepare.networks.weights import WEIGHTS_HELP, built, weights_files
from harness.prepare.recipe import BuiltModel, InputSpec, PublicData, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOKENS = 384
CALIBRATION_SAMPLES = 10


def _network(_: Mapping[str, str]) -> Any:
    return mobilebert(TOKENS)


def _samples() -> tuple[NDArray[np.int32], ...]:
    return token_windows(CALIBRATION_SAMPLES, TOKENS, VOCABULARY, seed=1)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return built(_network, options, _samples)


RECIPE = Recipe(
    description="MobileBERT for SQuAD, 384 tokens, 24.6 M parameters",
    input_shape=(),
    inputs=tuple(InputSpec(name, (TOKENS,), "int32") for name in ("ids", "mask", "segments")),
    outputs=("end_logits", "start_logits"),
    build=_build,
    representative=_samples,
    task=TaskSpec("question_answering"),
    options={"weights": WEIGHTS_HELP},
    depends_on=weights_files,
    preprocessing=TextPreprocessing(tokens=TOKENS),
    public_data=PublicData(
        reader="squad",
        layout="dev-v1.1.json, with vocab.txt beside it: BERT's uncased English vocabulary of 30,522 lines",
        source="SQuAD 1.1 (Rajpurkar et al., EMNLP 2016), https://rajpurkar.github.io/SQuAD-explorer, CC BY-SA 4.0",
    ),
    parameters=24_582_914,
)
