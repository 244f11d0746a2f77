from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness.domain as domain
from harness.domain import Case, InvocationResult, ResultRow, Status
from harness.store.codec import CodecError, decode, from_json, to_json
from tests.store import build


@pytest.mark.parametrize(
    "value",
    [
        build.run(),
        build.case(),
        replace(build.case(), backend=domain.Backend(cores="little")),
        build.facts(),
        build.variant_file(),
        domain.VariantFile("m", "int8", Status.FAILED, "the converter crashed"),
        build.row(build.case(), clock_ghz=None),
        domain.MeasureSettings(blocks=3),
        domain.AccuracySettings(None),
        build.outcome(),
        build.noise(),
        build.profile(),
        build.baseline(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_record_survives(value: object) -> None:
    assert from_json(type(value), to_json(value)) == value


def test_nested_non_finite_and_surrogates_survive_as_strict_json() -> None:
    bare = replace(build.result(), samples_ns=None, warmup_ns=None)
    text = to_json(bare)
    text.encode("ascii")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    back = from_json(InvocationResult, text)
    assert math.isnan(back.operators[1].share)
    assert replace(back, operators=bare.operators[:1]) == replace(bare, operators=bare.operators[:1])
    assert back.log == bare.log
    check = from_json(domain.OutputsCheck, to_json(build.check()))
    assert check == build.check()


def test_all_domain_dataclasses_that_are_stored_can_be_decoded() -> None:
    """A field whose annotation the codec does not know would otherwise be found by the first sweep that sets it."""
    stored = [domain.RunRecord, Case, domain.VariantFile, domain.DeviceFacts, InvocationResult, domain.OutputsCheck]
    stored += [domain.PairOutcome, domain.NoiseRecord, domain.DeviceProfile, domain.Baseline]
    for kind in [*stored, ResultRow, domain.MeasureSettings]:
        with pytest.raises(CodecError, match="is not an object"):
            from_json(kind, "[]")


def test_unknown_fields_are_ignored_and_missing_ones_take_the_default() -> None:
    plain = json.loads(to_json(build.row(build.case(), clock_ghz=None)))
    plain["written_by_a_later_version"] = {"deep": [1, 2]}
    del plain["latency_p50_ms"], plain["remedy"]
    back = decode(ResultRow, plain)
    assert back == build.row(build.case(), clock_ghz=None, latency_p50_ms=None)


def test_a_missing_field_without_default_is_named() -> None:
    with pytest.raises(CodecError, match=r"RunRecord\.sweep_text is missing"):
        from_json(domain.RunRecord, '{"run_id": "a", "name": "b"}')


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Case, "{", "not JSON"),
        (Case, "7", "is not an object"),
        (Case, '{"model": {"name": 7}, "variant": "int8"}', r"Case\.model: ModelRef\.name: 7 is not str"),
        (InvocationResult, '{"status": "SPLENDID"}', "'SPLENDID' is not a Status"),
        (InvocationResult, '{"status": ["DONE"]}', "is not a Status"),
        (InvocationResult, '{"status": "DONE", "init_us": "fast"}', "'fast' is not a number"),
        (InvocationResult, '{"status": "DONE", "init_us": true}', "True is not a number"),
        (InvocationResult, '{"status": "DONE", "samples_ns": [1]}', "cannot be read as"),
        (domain.Backend, '{"threads": 1.5}', "1.5 is not a whole number"),
        (domain.Backend, '{"threads": true}', "True is not a whole number"),
        (domain.Backend, '{"options": [["a"]]}', "is not a list of 2"),
        (domain.Backend, '{"cores": [1, "x"]}', "'x' is not a whole number"),
        (domain.AccuracyResult, '{"metric": "a", "value": 1, "samples": 1, "metrics": []}', "is not an object"),
    ],
)
def test_what_does_not_fit_is_refused(kind: type, text: str, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        from_json(kind, text)


def test_whole_numbers_are_numbers_too() -> None:
    assert from_json(domain.AccuracyResult, '{"metric": "a", "value": 1, "samples": 2}').value == 1.0


def test_numpy_scalars_are_stored_as_numbers() -> None:
    assert to_json({"a": np.float64(0.5), "b": np.int64(3), "c": np.bool_(True)}) == '{"a":0.5,"b":3,"c":true}'


@pytest.mark.parametrize("value", [np.arange(3), {1, 2}, b"bytes", object()])
def test_anything_else_is_an_error_of_the_caller(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be stored as JSON"):
        to_json({"value": value})


class _Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class _Inner:
    numbers: tuple[float, ...] = ()
    pair: tuple[int, str] = (0, "")
    colour: _Colour | None = None


@dataclass(frozen=True)
class _Outer:
    name: str
    inner: _Inner = _Inner()
    many: tuple[_Inner, ...] = ()
    choice: str | tuple[int, ...] = ""
    flags: dict[str, bool] = field(default_factory=dict)


_texts = st.text(max_size=8)
_inners = st.builds(
    _Inner,
    st.lists(st.floats(allow_nan=False), max_size=3).map(tuple),
    st.tuples(st.integers(), _texts),
    st.one_of(st.none(), st.sampled_from(_Colour)),
)
_outers = st.builds(
    _Outer,
    _texts,
    _inners,
    st.lists(_inners, max_size=3).map(tuple),
    st.one_of(_texts, st.lists(st.integers(), max_size=3).map(tuple)),
    st.dictionaries(_texts, st.booleans(), max_size=3),
)


@given(_outers)
def test_any_nest_survives(value: _Outer) -> None:
    assert from_json(_Outer, to_json(value)) == value


def test_the_builders_leave_no_stored_field_at_its_default() -> None:
    """Otherwise a codec that loses a field would pass the tests above."""
    exempt = {"status", "error", "reason", "virtual_machine", "clock_end_ghz", "clock_share", "temp_start_c"}
    made = (build.result(), build.facts(), build.variant_file(), build.check(), *_compared())
    for value in made:
        assert is_dataclass(value)
        kept = {f.name for f in fields(value) if isinstance(getattr(value, f.name), np.ndarray)}
        same = {f.name for f in fields(value) if f.name not in kept | exempt and getattr(value, f.name) == f.default}
        assert same == set(), type(value).__name__


def _compared() -> tuple[object, ...]:
    """What comparisons store, with every part of its own."""
    outcome, profile, baseline = build.outcome(), build.profile(), build.baseline()
    parts = (outcome.changes[0], outcome.differs[0], profile.classes[0], baseline.links[0])
    return (outcome, build.noise(), profile, baseline, *parts)
