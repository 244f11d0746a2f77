from harness.runtimes.benchmark_model_help import Flag, parse_help
from tests.runtimes.logs import recorded


def test_the_flags_of_a_recorded_help() -> None:
    flags = parse_help(recorded("amd64_help.log"))
    assert len(flags) == 45  # 46 lines; num_threads stands twice
    assert flags["num_threads"] == Flag("num_threads", "int32", "-1", False, "number of threads")
    assert flags["min_secs"].default == "1"
    assert flags["graph"] == Flag("graph", "string", "", False, "graph file name")
    assert flags["last_delegate_node_index"].default == "2147483647"
    assert {flag.kind for flag in flags.values()} == {"int32", "float", "bool", "string"}
    assert "use_gpu" not in flags


def test_old_and_new_spellings() -> None:
    text = (
        "usage: ./benchmark_model\r\nFlags:\r\n"
        "\t--num_runs=50                       \tint32\tnumber of runs\r\n"
        "--use_nnapi=false       bool    use nnapi api\r\n"
        "\t--gpu-precision=auto\tstring\toptional\tauto, fp16 or fp32\r\n"
        "\t--graph=\tstring\trequired\tgraph file name\r\n"
        "\t--hexagon_lib_path=/data/local/tmp\tstring\toptional\tpath\r\n"
    )
    flags = parse_help(text)
    assert list(flags) == ["num_runs", "use_nnapi", "gpu-precision", "graph", "hexagon_lib_path"]
    assert flags["num_runs"].text == "number of runs"
    assert flags["use_nnapi"] == Flag("use_nnapi", "bool", "false", False, "use nnapi api")
    assert flags["graph"].required
    assert flags["hexagon_lib_path"].default == "/data/local/tmp"


def test_text_without_flags() -> None:
    assert parse_help(recorded("amd64_tiny_f32.log")) == {}
    assert parse_help(b"\xff\x00--") == {}
