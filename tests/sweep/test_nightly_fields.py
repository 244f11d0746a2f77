"""The key `nightly` of a sweep file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from harness.domain import KnownFailure
from harness.sweep import NightlySettings, Priority, expand
from harness.sweep.nightly_fields import KnownFailureEntry, Nightly
from tests.sweep.sweeps import finding, parse

MODELS = "models: [digits_cnn]\n"
ENTRY = "{model: digits*, reason: driver, expires: 2026-12-31}"
FULL = """nightly:
  budget: 6h
  screen_blocks: 8
  threshold_pct: 2
  page_after: 3
  priorities: [{model: digits*, backend: gpu*}, {target: adb*}]
  known_failures: [{metric: latency, device: Pixel *, reason: driver, link: "https://x/1", expires: 2026-12-31}]
"""


def test_every_key_arrives() -> None:
    assert parse(MODELS + FULL).nightly == NightlySettings(
        budget_s=21600.0,
        screen_blocks=8,
        threshold_pct=2.0,
        page_after=3,
        priorities=(Priority(model="digits*", backend="gpu*"), Priority(target="adb*")),
        known_failures=(KnownFailure("driver", "2026-12-31", "https://x/1", device="Pixel *", metric="latency"),),
    )


def test_without_the_key_there_are_the_defaults_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sweep_file.md").read_text(encoding="utf-8")
    table = page.partition("### `nightly`")[2].partition("Names in both lists")[0]
    settings = parse(MODELS).nightly
    assert settings == NightlySettings()
    for key, value in {"screen_blocks": 6, "threshold_pct": 1.5, "page_after": 2}.items():
        assert getattr(settings, key) == value
        assert f"| `{key}` | {value} |" in table
    assert all(f"| `{key}` |" in table for key in Nightly.model_fields)


def test_what_is_only_about_nights_leaves_the_sweep_what_it_is() -> None:
    plain = parse(MODELS)
    assert parse(MODELS + FULL).sha256 == plain.sha256
    assert parse(f"{MODELS}nightly: {{known_failures: [{ENTRY}]}}").sha256 == plain.sha256
    assert "nightly" not in json.loads(plain.resolved_json)
    # as it was before there was the key, so that runs of then are continued
    assert set(json.loads(plain.resolved_json)) == {
        *("name", "models", "variants", "targets", "backends", "runtimes", "measure", "accuracy"),
        *("require_coverage", "exclude", "adb_server", "settings"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nightly: {budget: soon}", "nightly.budget: 'soon' is not a duration"),
        ("nightly: {budget: 0s}", "nightly.budget"),
        ("nightly: {screen_blocks: 1}", "nightly.screen_blocks: 1"),
        ("nightly: {page_after: 0}", "nightly.page_after: 0"),
        ("nightly: {threshold_pct: .nan}", "nightly.threshold_pct"),
        (
            "nightly: {priorities: [{}]}",
            "nightly.priorities.0: nothing is named; allowed: model, variant, backend, target",
        ),
        ("nightly: {priorities: [{modle: x}]}", "did you mean 'model'?"),
        ("nightly: {known_failures: [{reason: x, expires: 2026-12-31}]}", "nothing is named; allowed: model, variant"),
        ("nightly: {known_failures: [{model: x, expires: 2026-12-31}]}", "nightly.known_failures.0.reason"),
        ("nightly: {known_failures: [{model: x, reason: y}]}", "nightly.known_failures.0.expires"),
        ("nightly: {known_failures: [{model: x, reason: y, expires: 2026-13-01}]}", "'2026-13-01' is not a date"),
        ("nightly: {known_failures: [{model: x, reason: y, expires: 20261231}]}", "nightly.known_failures.0.expires"),
    ],
)
def test_faults_are_told_at_their_place(text: str, said: str) -> None:
    assert said in finding(MODELS + text)


def test_priorities_are_globs_over_the_names_of_a_case() -> None:
    sweep = parse("models: [digits_cnn]\nvariants: [int8]\nbackends: [cpu, {cpu: {xnnpack: false}}]\n")
    xnnpack, builtin = expand(sweep).cases
    assert Priority(backend="cpu").matches(xnnpack)
    assert Priority(backend="cpu x*").matches(xnnpack)
    assert not Priority(backend="cpu x*").matches(builtin)
    assert Priority(model="digits*", variant="int?", target="host").matches(builtin)
    assert not Priority(target="adb*").matches(builtin)


def test_an_editor_knows_what_a_date_is() -> None:
    entry = TypeAdapter(KnownFailureEntry).json_schema()
    assert entry["properties"]["expires"]["format"] == "date"
    assert set(entry["required"]) == {"reason", "expires"}
