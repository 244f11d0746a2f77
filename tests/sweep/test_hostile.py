"""Whatever the text is, the answer is a sweep or one error of printable lines, soon."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import SweepFileError
from harness.sweep import Sweep, expand, parse_sweep
from harness.sweep.backend_fields import BackendMapping, CpuOptions
from harness.sweep.fields import Exclusion, Measure, SweepFile
from harness.sweep.load import MAX_BYTES
from harness.sweep.model_fields import ModelMapping
from harness.sweep.target_fields import TargetMapping
from tests.sweep.sweeps import KNOWN

SLOW = settings(deadline=2000, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
MODELS = (SweepFile, ModelMapping, TargetMapping, BackendMapping, CpuOptions, Measure, Exclusion)
KEYS = st.sampled_from(
    sorted({key for model in MODELS for key in model.model_fields} | {"x", "", "0", "<name>", "a.b"})
)
WORDS = st.sampled_from([*KNOWN, "host", "cpu", "gpu", "int8", "2s", "litert", "full", "big", "a/b.tflite", "usb:0"])
SCALARS = st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6))
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
YAML_BITS = st.lists(
    st.sampled_from(
        [
            "models: ",
            "[digits_cnn]",
            "- ",
            "\n",
            "  ",
            "\t",
            "? ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&a ",
            "*a",
            "!!str ",
            "|",
            ">",
            "'",
            '"',
            "\\x",
            "\\U00110000",
            "\\ud800",
            "---",
            "...",
            "%YAML 1.1\n",
            "#",
            "<<: ",
            "~",
            "@",
            "`",
            "\ufeff",
            "\x85",
            "\u2028",
            "cpu",
            "1",
            "-1",
            ".inf",
            "0x",
            "\r",
            "\0",
        ]
    ),
    max_size=30,
).map("".join)


def check(text: str, overrides: tuple[str, ...] = ()) -> None:
    try:
        sweep = parse_sweep(text, "s.yaml", overrides, known_models=KNOWN)
    except SweepFileError as error:
        lines = error.what.split("\n")
    else:
        lines = [sweep.name]
        check_sweep(sweep)
    assert all(line and line.isprintable() for line in lines)


def check_sweep(sweep: Sweep) -> None:
    assert isinstance(sweep, Sweep)
    assert sweep.resolved_json
    plan = expand(sweep)
    assert len(plan.cases) + len(plan.skips) >= 1


@SLOW
@given(st.text())
def test_any_text(text: str) -> None:
    check(text)


@SLOW
@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    check(data.decode("latin-1"))


@SLOW
@given(YAML_BITS)
def test_bits_of_yaml(text: str) -> None:
    check(text)
    check("models: [digits_cnn]\nname: " + text)


@SLOW
@given(st.dictionaries(KEYS, TREES, max_size=6))
def test_any_tree(tree: dict[str, object]) -> None:
    check(json.dumps(tree))
    check(json.dumps({"models": ["digits_cnn"], **tree}, ensure_ascii=False))


@SLOW
@given(
    st.lists(
        st.one_of(
            st.text(),
            st.tuples(st.lists(KEYS | st.sampled_from("0189"), max_size=4).map(".".join), TREES.map(json.dumps)).map(
                "=".join
            ),
        ),
        max_size=4,
    )
)
def test_any_override(overrides: list[str]) -> None:
    check("models: [digits_cnn]\nbackends: [cpu, {cpu: {threads: 2}}]\nmeasure: {blocks: 2}\n", tuple(overrides))


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "{a: ",
        "- ",
        "? ",
        "!",
        "&a ",
        "*a ",
        "#\n",
        "\n",
        "a: b\n",
        "x",
        "'",
        ": ",
        "%",
        "---\n",
        "- - a\n",
        "a",
        "\\",
        "[],",
        '"',
        "{}\n",
        "- {cpu: {threads: 0}}\n",
        "key: 1\n",
    ],
)
@pytest.mark.parametrize("head", ["", "models: [digits_cnn]\nbackends:\n"])
def test_the_worst_repetitions_end_soon(unit: str, head: str) -> None:
    start = time.process_time()
    check(head + unit * ((MAX_BYTES - len(head)) // len(unit)))
    assert time.process_time() - start < 5.0
