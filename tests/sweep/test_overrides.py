import pytest

from harness.domain import Backend, ModelRef
from tests.sweep.sweeps import finding, findings, parse

TEXT = "models: [digits_cnn]\nbackends: [cpu, gpu]\nmeasure: {blocks: 3}\n"


def test_override_wins_over_the_file_and_the_last_over_the_first() -> None:
    sweep = parse(TEXT, ["measure.blocks=4", "measure.blocks=5", "measure.min_s=500ms"])
    assert (sweep.measure.blocks, sweep.measure.min_s) == (5, 0.5)


def test_override_makes_what_the_file_lacks() -> None:
    sweep = parse(TEXT, ["accuracy.samples=7", "require.coverage=any"])
    assert (sweep.accuracy.samples, sweep.require_coverage) == (7, "any")


def test_override_of_whole_lists_and_of_entries() -> None:
    sweep = parse(TEXT, ["models=[mobilenet_v1, {file: x.tflite}]", "models.0=mobilenet_v2", "variants=[int8]"])
    assert sweep.models == (ModelRef("mobilenet_v2"), ModelRef("x", "dir/x.tflite"))
    assert sweep.variants == ("int8",)


def test_plain_name_grows_options() -> None:
    assert parse(TEXT, ["backends.0.cpu.threads=4"]).backends == (Backend(threads=4), Backend("gpu"))


def test_override_mends_a_fault_of_the_file() -> None:
    assert parse("models: [digits_cn]\nmeasure: {blocks: x}", ["models.0=digits_cnn", "measure.blocks=2"]).models


def test_equals_sign_in_the_value() -> None:
    assert parse(TEXT, ["models=[{file: 'a=b.tflite', name: ab}]"]).models == (ModelRef("ab", "dir/a=b.tflite"),)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("measure.blokcs=3", "--set measure.blokcs=3: measure.blokcs: unknown key; allowed: blocks, min_s"),
        ("measur.blocks=3", "--set measur.blocks=3: measur: unknown key; allowed: name, models"),
        ("models.1=x", "--set models.1=x: models.1: models is a list; allowed: a number from 0 to 0"),
        ("models.-1=x", "--set models.-1=x: models.-1: models is a list"),
        ("models.x=x", "--set models.x=x: models.x: models is a list"),
        ("targets.0=host", "--set targets.0=host: targets.0: the file has no list targets to pick from"),
        ("measure.blocks.x=1", "--set measure.blocks.x=1: measure.blocks.x: measure.blocks is 3, which has no keys"),
        ("measure.0=1", "--set measure.0=1: measure.0: measure is no list"),
        ("measure.blocks=0", "--set measure.blocks=0: measure.blocks: 0 is too small; allowed: a whole number from 1"),
        ("measure={blocks: 0}", "--set measure={blocks: 0}: measure.blocks: 0 is too small"),
        ("measure={blocks: 1, x: 2}", "--set measure={blocks: 1, x: 2}: measure.x: unknown key"),
        ("blocks", "--set blocks: not an override; write path=value"),
        ("=3", "--set =3: not an override"),
        ("a..b=3", "--set a..b=3: not an override"),
        ("models=[", "--set models=[: not valid YAML"),
        ("models=*x", "--set models=*x: the alias *x is not supported"),
        (
            "backends.0.cpu={threads: 1, threads: 2}",
            "--set backends.0.cpu={threads: 1, threads: 2}: threads: duplicate",
        ),
        ("models.0={file: 123}", "--set models.0={file: 123}: models.0.file: 123 is a whole number; allowed: text"),
    ],
)
def test_a_wrong_override_is_its_own_place(override: str, expected: str) -> None:
    assert finding(TEXT, [override]).startswith(expected)


def test_suggestion_for_a_misspelt_path() -> None:
    assert finding(TEXT, ["measure.blokcs=3"]).endswith("; did you mean 'blocks'?")


def test_quoted_number_keeps_its_zeros_in_the_message() -> None:
    line = finding(TEXT, ["targets=[{adb: {serial: 0123}}]"])
    assert line.endswith('targets.0.adb.serial: 0123 is a whole number; allowed: text; quote it: "0123"')


def test_file_findings_come_before_overrides_in_order() -> None:
    lines = findings("models: [nope]\n", ["measure.x=1", "accuracy.y=2"])
    assert [line.split(":")[0] for line in lines] == ["1", "--set measure.x=1", "--set accuracy.y=2"]


def test_override_on_an_empty_file() -> None:
    assert parse("", ["models=[digits_cnn]"]).models == (ModelRef("digits_cnn"),)
