"""What a sweep file says of Edge TPUs: targets, their backend and runtimes, and how models are compiled."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from harness.domain import Backend, EdgeTpuCompiler, RuntimeRef, Target
from harness.sweep import expand
from harness.sweep.runtime_fields import EdgeTpuCompilerOptions
from tests.sweep.sweeps import finding, parse
from tests.sweep.test_schema import PAGE, defaults_in

MODELS = "models: [digits_cnn]\n"


def test_targets_are_told_by_device_and_number() -> None:
    sweep = parse(f"{MODELS}targets: [edgetpu, {{edgetpu: {{device: usb, count: 4}}}}, {{edgetpu: {{count: 2}}}}]")
    assert sweep.targets == (
        Target("edgetpu"),
        Target("edgetpu", (("device", "usb"), ("count", "4"))),
        Target("edgetpu", (("count", "2"),)),
    )


def test_the_backend_and_its_library() -> None:
    given = (
        f"{MODELS}backends: [edgetpu, {{edgetpu: {{library: lib/libedgetpu.so.1}}}}, {{edgetpu: {{library: x.so}}}}]"
    )
    assert parse(given).backends == (
        Backend("edgetpu"),
        Backend("edgetpu", options=(("library", "dir/lib/libedgetpu.so.1"),)),
        Backend("edgetpu", options=(("library", "x.so"),)),
    )


def test_the_interpreter_of_pycoral() -> None:
    given = f"{MODELS}runtimes: [pycoral, {{pycoral: {{python: env/bin/python}}}}, {{pycoral: {{python: python3.9}}}}]"
    assert parse(given).runtimes == (
        RuntimeRef("pycoral"),
        RuntimeRef("pycoral", "dir/env/bin/python"),
        RuntimeRef("pycoral", "python3.9"),
    )


@pytest.mark.parametrize(
    ("command", "resolved"),
    [
        ("bin/edgetpu_compiler", "dir/bin/edgetpu_compiler"),
        ("./on_build.sh {folder} {arguments}", "dir/on_build.sh {folder} {arguments}"),
        ("~/bin/edgetpu_compiler", "~/bin/edgetpu_compiler"),
        ("/opt/edgetpu_compiler", "/opt/edgetpu_compiler"),
        ("ssh build edgetpu_compiler {arguments}", "ssh build edgetpu_compiler {arguments}"),
    ],
)
def test_the_compiler_lies_beside_the_sweep_file(command: str, resolved: str) -> None:
    given = f"{MODELS}edgetpu_compiler: {{command: {json.dumps(command)}}}"
    assert parse(given).edgetpu_compiler.command == resolved


def test_every_setting_of_the_compiler() -> None:
    sweep = parse(
        f"""{MODELS}
edgetpu_compiler:
  command: bin/edgetpu_compiler
  min_runtime_version: 13
  intermediate_tensors: [a/b, "c:0"]
  several_subgraphs: true
  num_segments: 2
  search_delegate: true
  search_step: 4
  timeout_s: 10min
  together: true
"""
    )
    assert sweep.edgetpu_compiler == EdgeTpuCompiler(
        "dir/bin/edgetpu_compiler", 13, ("a/b", "c:0"), True, 2, True, 4, 600.0, True
    )
    assert parse(MODELS).edgetpu_compiler == EdgeTpuCompiler()
    assert set(EdgeTpuCompilerOptions.model_fields) == {field.name for field in fields(EdgeTpuCompiler)}


@pytest.mark.parametrize("command", ["edgetpu_compiler", "ssh lab /opt/run.sh {arguments}", "/opt/edgetpu_compiler"])
def test_a_name_and_a_command_are_no_paths_of_the_sweeps_folder(command: str) -> None:
    given = f"{MODELS}edgetpu_compiler: {{command: {json.dumps(command)}}}"
    assert parse(given).edgetpu_compiler.command == command


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("edgetpu_compiler: {num_segments: 0}", "0 is too small"),
        ("edgetpu_compiler: {comand: x}", "did you mean 'command'?"),
        ("edgetpu_compiler: {timeout_s: 0}", "0 is too small; allowed: seconds"),
        ("targets: [{edgetpu: {count: 65}}]", "65 is too large; allowed: a whole number from 1 to 64"),
        ("backends: [{edgetpu: {libary: x}}]", "did you mean 'library'?"),
        ("together: true", "'together' belongs under edgetpu_compiler"),
    ],
)
def test_what_is_wrong_is_said(line: str, said: str) -> None:
    assert said in finding(f"{MODELS}{line}")


def test_sweeps_of_before_keep_their_hashes_and_the_compiler_is_part_of_new_ones() -> None:
    """The text was written by the version before this section."""
    plain = parse(f"name: s\n{MODELS}")
    assert "edgetpu" not in plain.resolved_json
    assert plain.sha256 == "f9122c6e8330781f0bd0d53fd455110534a15bdeb159c8fdd1127ed1c3f554a7"
    assert parse(f"name: s\n{MODELS}edgetpu_compiler: {{}}").sha256 == plain.sha256
    assert parse(f"name: s\n{MODELS}edgetpu_compiler: {{together: true}}").sha256 != plain.sha256


def test_the_page_has_the_defaults() -> None:
    told = defaults_in(PAGE.partition("### `edgetpu_compiler`")[2])
    for field in fields(EdgeTpuCompiler):
        default = "none" if field.default == () else json.dumps(field.default).strip('"').removesuffix(".0")
        assert told[field.name] == default, field.name


def test_the_example_of_several_targets_is_what_the_page_says() -> None:
    (example,) = [block for block in PAGE.split("```") if block.startswith("yaml\n") and "{device: usb}" in block]
    plan = expand(parse(example.removeprefix("yaml\n")))
    assert [(case.target.kind, case.variant, case.backend.kind) for case in plan.cases] == [
        ("host", "float32", "cpu"),
        ("host", "float32", "gpu"),
        ("host", "int8", "cpu"),
        ("host", "int8", "gpu"),
        ("edgetpu", "edgetpu", "edgetpu"),
    ]
    assert [(skip.case.target.kind, skip.case.variant) for skip in plan.skips] == [("edgetpu", "float32")]
