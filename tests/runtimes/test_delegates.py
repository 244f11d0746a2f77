"""The table of delegates, and what it says of one backend on one device."""

from dataclasses import replace

import pytest

from harness.domain import Backend
from harness.runtimes.delegate_options import accelerator, delegate_keys, device_problem, find, option_problem, settings
from harness.runtimes.delegates import LITERT, TABLE, TFLITE, Delegate
from tests.runtimes.local_device import PHONE


def row(backend: Backend, flavour: str = TFLITE) -> Delegate:
    found = find(backend, flavour)
    assert isinstance(found, Delegate), found
    return found


def problem(kind: str, **options: str) -> str | None:
    backend = Backend(kind, options=tuple(options.items()))
    return option_problem(row(backend), backend)


def flags(backend: Backend) -> dict[str, str]:
    return {setting.flag: setting.value for setting in settings(row(backend), backend)}


def test_rows_are_told_apart() -> None:
    assert len({(one.kind, one.flavour) for one in TABLE}) == len(TABLE)


@pytest.mark.parametrize("one", TABLE, ids=lambda one: f"{one.flavour} {one.kind}")
def test_every_row_is_consistent(one: Delegate) -> None:
    names = [option.name for option in one.options]
    assert len(set(names)) == len(names)
    for option in one.options:
        assert not (option.flag and option.key)
        assert not option.default or not option.values or option.default in dict(option.values)
    if one.folder_option:
        assert one.folder_option in names
    assert one.folder_option or not any("{folder}" in value for _, value in (*one.enable, *one.keys))


def test_the_cpu_says_xnnpack_or_not() -> None:
    assert flags(Backend()) == {"use_xnnpack": "true"}
    assert flags(Backend(xnnpack=False)) == {"use_xnnpack": "false"}
    assert "reference kernels" in str(find(Backend(kernels="reference", xnnpack=False), TFLITE))


def test_an_unknown_backend_names_those_that_there_are() -> None:
    assert "it has cpu xnnpack, cpu builtin, gpu, hexagon" in str(find(Backend("tpu"), TFLITE))
    assert str(find(Backend("hexagon"), LITERT)).startswith("LiteRT's benchmark_model has no backend `hexagon`")


def test_an_unknown_option_names_the_allowed_ones() -> None:
    assert problem("gpu", precison="float16") == (
        "the gpu backend does not know the option 'precison'; allowed: backend, precision, quantized, sustained, "
        "serialization, max_partitions, rest"
    )


@pytest.mark.parametrize("value", ["vulkan", "CL", ""])
def test_a_wrong_value_names_the_allowed_ones(value: str) -> None:
    assert problem("gpu", backend=value) == f"gpu: backend: {value!r} is not a value; allowed: cl, gl"


def test_nnapi_needs_a_real_accelerator() -> None:
    assert "needs the option accelerator" in str(problem("nnapi"))
    assert "CPU code" in str(problem("nnapi", accelerator="nnapi-reference"))
    assert problem("nnapi", accelerator="qti-dsp") is None
    assert flags(Backend("nnapi", options=(("accelerator", "qti-dsp"),)))["disable_nnapi_cpu"] == "true"


def test_hexagon_and_qnn_need_their_libraries() -> None:
    assert "needs the option libraries" in str(problem("hexagon"))
    assert "needs the option libraries" in str(problem("qnn"))


def test_qnn_has_a_row_for_each_processor() -> None:
    keys = dict(delegate_keys(row(Backend("qnn")), Backend("qnn")))
    assert keys["htp_precision"] == "1"
    gpu = Backend("qnn", options=(("backend", "gpu"), ("precision", "float32")))
    assert dict(delegate_keys(row(gpu), gpu)) == {
        "backend_type": "gpu",
        "library_path": "{folder}/libQnnGpu.so",
        "gpu_precision": "1",
        "gpu_performance_mode": "1",
    }
    dsp = Backend("qnn", options=(("backend", "dsp"), ("libraries", "/x"), ("precision", "float16")))
    assert "does not know the option 'precision'" in str(option_problem(row(dsp), dsp))
    assert "no backend `qnn tpu`" in str(find(Backend("qnn", options=(("backend", "tpu"),)), TFLITE))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("device", "usb:0", "has a ':'"),
        ("device", "a;b", "has a ';'"),
        ("a:b", "c", "has a ':'"),
        ("device=usb", "1", "has a '='"),
        ("device", "", "is empty"),
    ],
)
def test_what_the_tool_would_drop_silently_is_refused(name: str, value: str, words: str) -> None:
    backend = Backend("external", options=(("path", "/lib.so"), (name, value)))
    assert words in str(option_problem(row(backend), backend))


def test_an_external_delegate_keeps_the_order_of_its_options() -> None:
    backend = Backend("external", options=(("path", "/lib.so"), ("z", "1"), ("a", "x=y"), ("rest", "builtin")))
    assert option_problem(row(backend), backend) is None
    made = flags(backend)
    assert made["external_delegate_options"] == "z:1;a:x=y"
    assert made["use_xnnpack"] == "false"


def test_an_accelerator_stands_before_the_rest_on_the_command_line() -> None:
    order = [setting.flag for setting in settings(row(Backend("gpu")), Backend("gpu"))]
    assert order.index("use_gpu") < order.index("use_xnnpack")


def test_only_what_was_asked_for_is_marked_so() -> None:
    backend = Backend("gpu", options=(("precision", "float32"),))
    asked = {setting.flag: setting.asked for setting in settings(row(backend), backend)}
    assert asked["use_gpu"]
    assert asked["gpu_precision_loss_allowed"]
    assert not asked["gpu_experimental_enable_quant"]


@pytest.mark.parametrize(
    ("soc", "refused"),
    [("Qualcomm SM8650", True), ("Qualcomm SM8250", True), ("Qualcomm SM8150", False), ("Google Tensor G3", False)],
)
def test_the_old_hexagon_delegate_is_for_old_chips(soc: str, refused: bool) -> None:
    hexagon = next(one for one in TABLE if one.kind == "hexagon")
    assert (device_problem(hexagon, replace(PHONE, soc=soc)) is not None) == refused


def test_nnapi_accelerators_by_name_need_android_10() -> None:
    nnapi = next(one for one in TABLE if one.kind == "nnapi")
    old = replace(PHONE, details=(("android", "9 (API 28)"),))
    assert device_problem(nnapi, old) == "nnapi needs Android API 29; this phone has 28"
    assert device_problem(nnapi, replace(PHONE, details=())) is None


@pytest.mark.parametrize(
    ("flavour", "log", "name"),
    [
        (TFLITE, "INFO: Initialized OpenGL-based API.", "OpenGL"),
        (TFLITE, "Initialized OpenCL-based API from serialized data.", "OpenCL"),
        (TFLITE, "Falling back to OpenGL", ""),
        (
            LITERT,
            "Dynamically loaded GPU accelerator(libLiteRtClGlAccelerator.so) registered.",
            "libLiteRtClGlAccelerator.so",
        ),
    ],
)
def test_the_gpus_api_is_what_the_log_says(flavour: str, log: str, name: str) -> None:
    assert accelerator(row(Backend("gpu"), flavour), Backend("gpu"), PHONE, log) == name
