import os
from pathlib import Path

import pytest

from harness.domain import (
    VARIANTS,
    AccuracySettings,
    Backend,
    DeviceSettings,
    Gate,
    MeasureSettings,
    ModelRef,
    Target,
)
from harness.errors import SweepFileError
from harness.prepare import recipe_names
from harness.sweep import ExcludeRule, load_sweep, parse_sweep
from harness.sweep.load import MAX_BYTES
from tests.sweep.sweeps import KNOWN, finding, findings, parse

ROOT = Path(__file__).resolve().parent.parent.parent


def fault(line: str) -> str:
    """`line` as the whole of an otherwise right file, its only finding."""
    return finding(f"models: [digits_cnn]\n{line}\n")


# ---- what is right ---------------------------------------------------------------------------------------------------


def test_a_sustained_pass_is_off_unless_its_length_is_given() -> None:
    assert parse("models: [digits_cnn]\n").measure.sustained_s == 0.0
    assert parse("models: [digits_cnn]\nmeasure: {sustained: 20min}\n").measure.sustained_s == 1200.0
    assert parse("models: [digits_cnn]\nmeasure: {sustained: 0}\n").measure.sustained_s == 0.0


def test_defaults() -> None:
    sweep = parse("models: [digits_cnn]")
    assert sweep.name == "s"
    assert sweep.models == (ModelRef("digits_cnn"),)
    assert sweep.variants == VARIANTS
    assert sweep.targets == (Target(),)
    assert sweep.backends == (Backend(),)
    assert sweep.runtimes == (), "each target has its own"
    assert (sweep.adb_server, sweep.settings) == ("", DeviceSettings())
    assert sweep.measure == MeasureSettings()
    assert sweep.accuracy == AccuracySettings()
    assert (sweep.require_coverage, sweep.exclude) == ("partial", ())


def test_a_full_file() -> None:
    sweep = parse(
        """
name: vision
models:
  - mobilenet_v1
  - {file: sub/detector.tflite}
  - {file: /abs/other.keras, name: other2}
  - {recipe: mobilenet_v2, weights: w/net.keras}
  - {recipe: digits_cnn, weights: random}
variants: [int8, float32, int8]
targets: [host, adb, {adb: {model: Pixel 8}}, {adb: {serial: "0123"}}, edgetpu, {edgetpu: {device: "usb:0"}}]
backends:
  - cpu
  - cpu:
  - cpu: {threads: 2, cores: [3, 0], xnnpack: false}
  - cpu: {kernels: reference}
  - cpu: {kernels: reference, xnnpack: false}
  - gpu
  - qnn: {}
runtimes: [litert, {litert: {python: /opt/old/bin/python}}, {litert: {python: env/bin/python}}, {litert: {python: py}}]
measure: {blocks: 4, min_s: 500ms, max_s: 1min, timeout_s: 5 min, gap_s: 1, memory: false}
accuracy: {samples: 0}
require: {coverage: full}
exclude:
  - {variant: float32, backend: [gpu, cpu builtin], threads: 2}
"""
    )
    assert sweep.models == (
        ModelRef("mobilenet_v1"),
        ModelRef("detector", "dir/sub/detector.tflite"),
        ModelRef("other2", "/abs/other.keras"),
        ModelRef("mobilenet_v2", options=(("weights", "dir/w/net.keras"),)),
        ModelRef("digits_cnn", options=(("weights", "random"),)),
    )
    assert sweep.variants == ("int8", "float32")
    assert [target.label for target in sweep.targets] == [
        "host",
        "adb",
        "adb model=Pixel 8",
        "adb serial=0123",
        "edgetpu",
        "edgetpu device=usb:0",
    ]
    assert sweep.backends == (
        Backend(),
        Backend(threads=2, cores=(0, 3), xnnpack=False),
        Backend(kernels="reference", xnnpack=False),
        Backend("gpu"),
        Backend("qnn"),
    )
    assert [runtime.python for runtime in sweep.runtimes] == [None, "/opt/old/bin/python", "dir/env/bin/python", "py"]
    assert sweep.measure == MeasureSettings(blocks=4, min_s=0.5, max_s=60.0, timeout_s=300.0, gap_s=1, memory=False)
    assert sweep.accuracy == AccuracySettings(0)
    assert sweep.exclude == (
        ExcludeRule((("variant", ("float32",)), ("backend", ("gpu", "cpu builtin")), ("threads", (2,)))),
    )


def test_hash_is_of_the_meaning_not_of_the_spelling() -> None:
    plain = parse("name: s\nmodels: [digits_cnn]\nmeasure: {min_s: 2}\n")
    other = parse("# a comment\nmeasure:\n  min_s: 2000ms\nbackends:\n  - cpu: {threads: 1}\nmodels:\n- digits_cnn\n")
    assert plain.resolved_json == other.resolved_json
    assert plain.sha256 == other.sha256
    assert len(plain.sha256) == 64
    assert plain.text != other.text
    assert parse("models: [digits_cnn]\nmeasure: {min_s: 2.1}").sha256 != plain.sha256
    assert parse("models: [digits_cnn]", ["measure.seed=2"]).sha256 != plain.sha256


def test_load_resolves_paths_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "night.yaml").write_text("models: [{file: m.tflite}]", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    sweep = load_sweep(Path("night.yaml"), known_models=())
    assert sweep.name == "night"
    assert sweep.models == (ModelRef("m", str(tmp_path / "m.tflite")),)
    assert sweep == load_sweep(tmp_path / "night.yaml", known_models=())


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_examples_are_right(path: Path) -> None:
    assert load_sweep(path, known_models=recipe_names()).models


def test_phones_their_server_settings_and_delegates() -> None:
    sweep = parse(
        """models: [digits_cnn]
adb_server: lab-pi:5038
targets: [{any: {model: Pixel 8, count: 3}}]
backends:
  - {gpu: {precision: float32, backend: gl, quantized: false}}
  - {qnn: {libraries: qairt/lib, performance: burst}}
  - {external: {path: my.so, options: {level: "2", cache: "x"}}}
runtimes: [{benchmark_model: {binary: tools/bm, release: v2.1.0}}, {device_runner: {library: /opt/libLiteRt.so}}]
settings: {governor: performance, stay_awake: null, gate: {rise_c: 2, timeout_s: 15min}}
"""
    )
    assert sweep.adb_server == "lab-pi:5038"
    assert sweep.targets == (Target("any", (("model", "Pixel 8"), ("count", "3"))),)
    gpu, qnn, external = sweep.backends
    assert gpu.options == (("backend", "gl"), ("precision", "float32"), ("quantized", "false"))
    assert (gpu.label, gpu.threads) == ("gpu backend=gl precision=float32 quantized=false", 1)
    assert qnn == Backend("qnn", options=(("libraries", "dir/qairt/lib"), ("performance", "burst")))
    assert qnn.label == "qnn performance=burst", "paths are left out"
    assert external.options == (("path", "dir/my.so"), ("level", "2"), ("cache", "x"))
    assert [runtime.options for runtime in sweep.runtimes] == [
        (("binary", "dir/tools/bm"), ("release", "v2.1.0")),
        (("library", "/opt/libLiteRt.so"),),
    ]
    assert sweep.settings == DeviceSettings(
        stay_awake=None, governor="performance", gate=Gate(rise_c=2.0, timeout_s=900.0)
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("adb_server: lab pi", "adb_server: 'lab pi' is not accepted; allowed: host:port, such as lab-pi:5037"),
        ("settings: {brightness: 300}", "settings.brightness: 300 is too large; allowed: a whole number from 0 to 255"),
        ("settings: {goverment: x}", "did you mean 'governor'?"),
        ("backends: [{gpu: {precision: half}}]", "backends.0.gpu.precision: unknown value 'half'"),
        ("backends: [{external: {}}]", "backends.0.external.path: is missing"),
        ("backends: [{external: {path: a.so, options: {rest: x}}}]", "has the name of a key of external"),
        ("targets: [{any: {count: 0}}]", "targets.0.any.count: 0 is too small"),
    ],
)
def test_what_is_said_of_phones(line: str, said: str) -> None:
    assert said in fault(line)


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def test_every_fault_at_once_in_the_order_of_the_file() -> None:
    lines = findings(
        """name: two words
models: [mobilenet_v3, {fil: x.tflite}, mobilenet_v2, mobilenet_v2]
variants: [int-8]
targets: [host, {adb: {serial: 0123}}]
backends:
  - cpu: {treads: 1, cores: bigg, xnnpack: yes}
  - cpu: {threads: 4, cores: [1, 2]}
  - gpu: {threads: 4}
measure: {min_s: 20s, max_s: 10, warmup_min_s: 9, timeout_s: 12, blocks: 0}
measure: {}
mesure: {}
exclude: [{backend: hexagone}, {}, {model: mobilenet_v4}]
runtime: litert
runtimes: [litert]
"""
    )
    assert [line.split(": ")[:2] for line in lines] == [
        ["1:7", "name"],
        ["2:10", "models.0"],
        ["2:25", "models.1.fil"],
        ["2:55", "models.3"],
        ["3:12", "variants.0"],
        ["4:32", "targets.1.adb.serial"],
        ["6:11", "backends.0.cpu.treads"],
        ["6:29", "backends.0.cpu.cores"],
        ["6:44", "backends.0.cpu.xnnpack"],
        ["7:20", "backends.1.cpu.threads"],
        ["8:11", "backends.2.gpu.threads"],
        ["9:18", "measure.min_s"],
        ["9:48", "measure.warmup_min_s"],
        ["9:62", "measure.timeout_s"],
        ["9:74", "measure.blocks"],
        ["10:1", "measure"],
        ["11:1", "mesure"],
        ["12:21", "exclude.0.backend"],
        ["12:32", "exclude.1"],
        ["12:44", "exclude.2.model"],
        ["14:11", "runtimes"],
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "mesure: {}",
            "2:1: mesure: unknown key; allowed: name, models, variants, targets, backends, runtime, runtimes, "
            "measure, accuracy, require, exclude, adb_server, settings, edgetpu_compiler, nightly; did you mean "
            "'measure'?",
        ),
        ("threads: 4", "'threads' belongs under backends.cpu or exclude"),
        (
            "variants: [int-8]",
            "2:12: variants.0: 'int-8' is not a variant; did you mean 'int8'?; allowed: float32, dynamic_range, "
            "float16, full_integer, int8, int16x8, weight_only_int8, weight_only_int4, dynamic_range_int4, edgetpu, or "
            "qat, pruned, clustered, pruned_clustered, pruned_qat, clustered_qat, pruned_clustered_qat, these also "
            "with a mode, as pruned+int8",
        ),
        ("variants: int8", "2:11: variants: 'int8' is text; allowed: a list, each one of float32,"),
        ("variants: []", "2:11: variants: it is empty; allowed: a list, each one of"),
        ("variants:", "2:1: variants: nothing is given; allowed: a list"),
        (
            "targets: [hots]",
            "2:11: targets.0: unknown value 'hots'; allowed: one of host, adb, edgetpu or a mapping with one "
            "of the keys host, adb, any, edgetpu; did you mean 'host'?",
        ),
        ("targets: [{adb: {serial: 0123}}]", '0123 is a whole number; allowed: text; quote it: "0123"'),
        ("targets: [{edgetpu: {device: tpu0}}]", "'tpu0' is not accepted; allowed: usb, pci, usb:0"),
        (
            "targets: [{host: {}, adb: {}}]",
            "2:11: targets.0: 2 keys where one belongs; allowed: one of host, adb, any, edgetpu",
        ),
        ("targets: [{}]", "targets.0: 0 keys where one belongs"),
        (
            "backends: [[cpu]]",
            "2:12: backends.0: a list is given; allowed: one of cpu, gpu, hexagon, qnn, nnapi, edgetpu or a mapping",
        ),
        (
            'backends: [{cpu: {threads: "4"}}]',
            "2:28: backends.0.cpu.threads: '4' is text; allowed: a whole number from 1 to 256",
        ),
        ("backends: [{cpu: {threads: 257}}]", "257 is too large; allowed: a whole number from 1 to 256"),
        ("backends: [{cpu: {threads: true}}]", "true is true or false; allowed: a whole number"),
        ("backends: [{cpu: {threads: 2.0}}]", "2.0 is a decimal number; allowed: a whole number"),
        ("backends: [{cpu: {xnnpack: no}}]", "'no' is text; allowed: true or false; did you mean 'false'?"),
        ("backends: [{cpu: {cores: [1, 1]}}]", "backends.0.cpu.cores: a core is named twice"),
        ("backends: [{cpu: {cores: []}}]", "backends.0.cpu.cores: it is empty"),
        (
            "backends: [{cpu: {cores: 3}}]",
            "3 is a whole number; allowed: one of big, big_cluster, little, all or a list, each",
        ),
        ("backends: [{cpu: {threads: 3, cores: [0, 1]}}]", "threads: threads 3 on 2 listed cores"),
        (
            "backends: [{cpu: {kernels: reference, xnnpack: true}}]",
            "cpu.xnnpack: reference kernels run without XNNPACK",
        ),
        ("backends: [{gpu: {threads: 4}}]", "backends.0.gpu.threads: unknown key; allowed: backend, precision"),
        (
            "runtime: litret",
            "unknown value 'litret'; allowed: one of litert, benchmark_model, device_runner, pycoral or a mapping",
        ),
        ("runtimes: []", "runtimes: it is empty"),
        ("runtime: {litert: {pyhton: x}}", "did you mean 'python'?"),
        ("measure: {min_s: 2 sec}", "'2 sec' is not a duration; allowed: seconds, or text such as 2s, 500ms, 1min"),
        ("measure: {min_s: .nan}", "measure.min_s: .nan is not a finite number; allowed: seconds"),
        ("measure: {gap_s: -1}", "-1 is too small; allowed: seconds, or text such as 2s, 500ms, 1min, from 0 to 3600"),
        (
            "measure: {sustained: 5s}",
            "2:22: measure.sustained: sustained 5 is too short to show anything; allowed: 0, or 10 to 21600",
        ),
        ("measure: {sustained: 7h}", "measure.sustained: 7h is too large; allowed: seconds, or text such as 2s"),
        ("measure: {sustained: true}", "measure.sustained: true is true or false; allowed: seconds"),
        ("measure: {max_s: 1}", "2:18: measure.max_s: min_s 2 is longer than max_s 1; allowed: min_s at most max_s"),
        ("measure: {timeout_s: 18}", "timeout_s 18 would kill a process"),
        (
            "measure: {seed: 99999999999999999999}",
            "is too large; allowed: a whole number from 0 to 9223372036854775807",
        ),
        ("measure: fast", "measure: 'fast' is text; allowed: a mapping with the keys blocks,"),
        ("accuracy: {samples: -1}", "-1 is too small; allowed: a whole number from 0"),
        ("require: {coverage: al}", "unknown value 'al'; allowed: one of full, partial, any"),
        ("exclude: {backend: cpu}", "exclude: a mapping is given; allowed: a list"),
        ("exclude: [{}]", "exclude.0: an empty rule would exclude every case"),
        ("exclude: [{backend: hexagone}]", "did you mean 'hexagon'?"),
        ("exclude: [{variant: [int8, int9]}]", "exclude.0.variant.1: 'int9' is not a variant"),
        (
            "exclude: [{model: [digits_cnn, digits_cn]}]",
            "2:32: exclude.0.model.1: no model is called 'digits_cn'; allowed:",
        ),
        ("exclude: [{target: hosts}]", "did you mean 'host'?"),
        (
            "exclude: [{runtime: litertt}]",
            "no runtime is called 'litertt'; allowed: benchmark_model, device_runner, litert, pycoral; did you mean "
            "'litert'?",
        ),
        ("exclude: [{threads: 0}]", "0 is too small"),
        ("name: ../x", "'../x' is not accepted; allowed: up to 64 letters, digits"),
        (f"name: {'x' * 65}", "is too long; allowed: up to 64 letters"),
    ],
)
def test_what_is_said(line: str, expected: str) -> None:
    assert expected in fault(line)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "mobilenet_v3",
            "unknown model 'mobilenet_v3'; allowed: digits_cnn, mobilenet_v1, mobilenet_v2, or {file: PATH}; "
            "did you mean 'mobilenet_v",
        ),
        ("net.tflite", "did you mean {file: net.tflite}?"),
        ("{recipe: digits_cn}", "did you mean 'digits_cnn'?"),
        ("{recipe: digits_cnn, file: x.py}", "either a file or a recipe"),
        ("{name: x}", "either a file or a recipe"),
        ("{recipe: digits_cnn, representative: x.npy}", "models.0.representative: a recipe brings its own"),
        ("{recipe: digits_cnn, data: {path: x}}", "models.0.data.reader: is missing"),
        ("{recipe: digits_cnn, data: {reader: imagnet, path: x}}", "did you mean 'imagenet'?"),
        ("{recipe: digits_cnn, task: {name: detecting}}", "did you mean 'detection'?"),
        ("{recipe: digits_cnn, options: {points: 68}}", "models.0.options.points: "),
        ("{file: x.tflite, weights: random}", "models.0.weights: a model file carries its weights"),
        ("{recipe: digits_cnn, weights: imagnet}", "did you mean 'imagenet'?"),
        ("{file: a b.tflite}", "models.0.file: the file's stem 'a b' cannot be a name"),
        ("{file: ''}", "models.0.file: it is empty"),
        ("{file: x.tflite, name: 'a/b'}", "models.0.name: 'a/b' is not accepted"),
    ],
)
def test_what_is_said_of_a_model(entry: str, expected: str) -> None:
    assert expected in finding(f"models: [{entry}]")


def test_two_models_of_one_name() -> None:
    assert "1:29: models.1: a second model is called 'a'" in finding("models: [{file: x/a.keras}, {file: y/a.tflite}]")


def test_recipe_file_takes_weights() -> None:
    (model,) = parse("models: [{file: mine.py, weights: w.npz}]").models
    assert model == ModelRef("mine", "dir/mine.py", (("weights", "dir/w.npz"),))


def test_known_values_an_override_removed_stay_allowed_in_exclude() -> None:
    text = "models: [digits_cnn, mobilenet_v1]\nbackends: [cpu, gpu]\nexclude: [{backend: gpu, model: mobilenet_v1}]\n"
    assert parse(text, ["backends=[cpu]", "models=[digits_cnn]"]).exclude


def test_a_sweep_too_large_to_mean() -> None:
    models = ", ".join(f"{{file: m{n}.tflite}}" for n in range(400))
    backends = ", ".join(f"{{cpu: {{threads: {n}}}}}" for n in range(1, 101))
    assert "the sweep has 240000 cases; allowed: at most 100000" in finding(
        f"models: [{models}]\nbackends: [{backends}]"
    )


def test_missing_models_and_name() -> None:
    assert finding("name: x").startswith("1:1: models: is missing; allowed: a list, each ")
    with pytest.raises(SweepFileError, match=r"<stdin>:1:1: name: is missing, and '<stdin>' cannot be one"):
        parse_sweep("models: [digits_cnn]", "<stdin>", known_models=KNOWN)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~"])
def test_empty(text: str) -> None:
    assert "the file is empty; allowed: a mapping that has at least models" in finding(text)


@pytest.mark.parametrize("text", ["- a\n", "just text", "3"])
def test_not_a_mapping(text: str) -> None:
    assert finding(text).startswith("1:1: the file is not a mapping")


def test_a_flood_of_faults_is_cut() -> None:
    lines = findings("models: [digits_cnn]\n" + "".join(f"key{n}: 1\n" for n in range(5000)))
    assert len(lines) == 101
    assert lines[-1] == "and 4900 more"


def test_hostile_text_stays_on_its_line() -> None:
    lines = findings('models: [digits_cnn]\n"a\\nb\\e[2J": 1\nname: "\\x07"\n')
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_error(path: Path) -> str:
    with pytest.raises(SweepFileError) as caught:
        load_sweep(path, known_models=KNOWN)
    assert str(path)[:60] in str(caught.value)  # a long path is shortened
    return str(caught.value)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    assert "no such file" in read_error(tmp_path / "none.yaml")
    assert "a directory" in read_error(tmp_path)
    assert "cannot be read" in read_error(tmp_path / ("x" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("models: [digits_cnn]", encoding="utf-8")
    path.chmod(0)
    assert "cannot be read" in read_error(path)


def test_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"# " + b"x" * 10 * 1024 * 1024)
    assert f"larger than {MAX_BYTES // 1024} KiB" in read_error(path)
    assert f"larger than {MAX_BYTES // 1024} KiB" in read_error(Path("/dev/zero"))


def test_binary_and_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"models: [x]\nname: caf\xe9\n")
    assert f"{path}:2:10: byte 0xe9 is not UTF-8 text" in read_error(path)
    path.write_bytes("models: [digits_cnn]".encode("utf-16"))
    assert "is not UTF-8 text" in read_error(path)
    path.write_bytes(b"TFL3\x00\x01\x02")
    assert "not valid YAML: special characters" in read_error(path)


def test_crlf_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbfmodels: [digits_cnn]\r\nvariants: [int8]\r\n")
    assert load_sweep(path, known_models=KNOWN).variants == ("int8",)
