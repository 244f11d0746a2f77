"""The delegates of `benchmark_model` as data: flags, options, files, environment, proof in the log, and what they need.

There are two tools of that name: TensorFlow Lite's (flavour ``tflite``) and LiteRT's, on the CompiledModel API (flavour
``litert``), with different flags. `{folder}` in a value is the folder on the device that holds the delegate's files,
`{library}` the delegate's own file in it, `{work}` a folder that may be written, `{token}` a name for the model.
"""

from __future__ import annotations

from dataclasses import dataclass

TFLITE, LITERT = "tflite", "litert"
Pairs = tuple[tuple[str, str], ...]

_BOOL: Pairs = (("true", "true"), ("false", "false"))
_DSP_FOLDERS = "/system/lib/rfsa/adsp;/system/vendor/lib/rfsa/adsp;/vendor/lib/rfsa/adsp;/dsp"
# fastrpc takes a list with `:` for one folder's name, so the separator is `;`.
_DSP_ENVIRONMENT: Pairs = (("LD_LIBRARY_PATH", "{folder}"), ("ADSP_LIBRARY_PATH", "{folder};" + _DSP_FOLDERS))
_LIBRARY_FOLDER: Pairs = (("LD_LIBRARY_PATH", "{folder}"),)


@dataclass(frozen=True)
class Option:
    """One option of a backend.

    Attributes:
        flag: the tool's flag that it becomes; empty when it becomes none.
        key: the external delegate's own option that it becomes.
        values: each allowed value and how the tool spells it; empty for any text.
        default: passed when the option is not given; empty leaves it out.
        local: a file or folder of this host that is brought to the device.
    """

    name: str
    flag: str = ""
    key: str = ""
    values: Pairs = ()
    default: str = ""
    required: bool = False
    local: bool = False

    @property
    def allowed(self) -> str:
        """``true, false``, or what kind of text."""
        if self.values:
            return ", ".join(value for value, _ in self.values)
        return "a path on this host" if self.local else "text"

    def spelled(self, value: str) -> str:
        """`value` as the tool writes it."""
        return dict(self.values).get(value, value)


@dataclass(frozen=True)
class Delegate:
    """One row of the table.

    Attributes:
        log_name: what the tool calls it in ``Explicitly applied X delegate``.
        enable: flags that switch it on, in the order in which they stand on the command line.
        keys: options that the external delegate always gets.
        files: name patterns, each of which must match a file of the folder in `folder_option`.
        folder_option: the option that names its folder (or, for `external`, its library) on the host.
        environment: variables of the process.
        accelerators: expressions over the log and the accelerator that a match names (``\\1`` for a group).
        needs_sdk: Android's first API level with it; deprecated_sdk: the level from which on it is deprecated.
        legacy_dsp: only for the chips that the old Hexagon delegate was made for.
        soc_libraries: its files depend on the SoC's HTP architecture.
        full_proves: success with `require_full_delegation` proves that it took every node.
        own_options: options that are not in the table go to the delegate itself.
    """

    kind: str
    flavour: str
    log_name: str
    enable: Pairs
    options: tuple[Option, ...] = ()
    keys: Pairs = ()
    files: tuple[str, ...] = ()
    folder_option: str = ""
    environment: Pairs = ()
    accelerators: Pairs = ()
    needs_sdk: int = 0
    deprecated_sdk: int = 0
    legacy_dsp: bool = False
    soc_libraries: bool = False
    full_proves: bool = False
    own_options: bool = False


_REST = Option("rest", "use_xnnpack", values=(("xnnpack", "true"), ("builtin", "false")), default="xnnpack")
SERIALIZATION: Pairs = (("delegate_serialize_dir", "{work}"), ("delegate_serialize_token", "{token}"))
_PARTITIONS = Option("max_partitions", "max_delegated_partitions")
_GPU_ACCELERATORS: Pairs = (
    (r"Initialized OpenCL-based API", "OpenCL"),
    (r"Initialized OpenGL-based API", "OpenGL"),
)
_PERFORMANCE: Pairs = (
    ("default", "0"),
    ("sustained_high", "1"),
    ("burst", "2"),
    ("high", "3"),
    ("power_saver", "4"),
    ("low_power_saver", "5"),
    ("high_power_saver", "6"),
    ("low_balanced", "7"),
    ("balanced", "8"),
)
_EXTERNAL: Pairs = (("external_delegate_path", "{library}"),)
QNN_BACKEND = Option("backend", values=(("htp", "htp"), ("gpu", "gpu"), ("dsp", "dsp")), default="htp")
_QNN_FOLDER = Option("libraries", required=True, local=True)
_LOG_LEVEL = Option("log_level", key="log_level", values=tuple((str(level), str(level)) for level in range(6)))
_ALLOW_PARTIAL = Option(
    "allow_partial", "require_full_delegation", values=(("true", "false"), ("false", "true")), default="false"
)


def _qnn(backend: str, library: str, *options: Option, skel: bool = True) -> Delegate:
    """One backend of Qualcomm's delegate. Its precision is always set: the default differs between releases."""
    keys: Pairs = (("backend_type", backend), ("library_path", "{folder}/" + library))
    return Delegate(
        kind=f"qnn {backend}",
        flavour=TFLITE,
        log_name="EXTERNAL",
        enable=_EXTERNAL,
        options=(QNN_BACKEND, _QNN_FOLDER, *options, _LOG_LEVEL, _REST),
        keys=(*keys, ("skel_library_dir", "{folder}")) if skel else keys,
        files=("libQnnTFLiteDelegate.so", "libQnnSystem.so", library),
        folder_option="libraries",
        environment=_DSP_ENVIRONMENT if skel else _LIBRARY_FOLDER,
        soc_libraries=True,
    )


TABLE: tuple[Delegate, ...] = (
    Delegate(
        "cpu xnnpack",
        TFLITE,
        "XNNPACK",
        (("use_xnnpack", "true"),),
    ),
    Delegate("cpu builtin", TFLITE, "", (("use_xnnpack", "false"),)),
    Delegate(
        "gpu",
        TFLITE,
        "GPU",
        (("use_gpu", "true"),),
        (
            # Unset, the delegate tries OpenCL and falls back to OpenGL; any other text is silently ignored.
            Option("backend", "gpu_backend", values=(("cl", "cl"), ("gl", "gl"))),
            Option(
                "precision",
                "gpu_precision_loss_allowed",
                values=(("float16", "true"), ("float32", "false")),
                default="float16",
            ),
            Option("quantized", "gpu_experimental_enable_quant", values=_BOOL, default="true"),
            Option("sustained", "gpu_inference_for_sustained_speed", values=_BOOL, default="false"),
            # Compiled kernels kept between processes make later initialisations incomparable, so it is asked for.
            Option("serialization", values=_BOOL, default="false"),
            _PARTITIONS,
            _REST,
        ),
        accelerators=_GPU_ACCELERATORS,
        needs_sdk=21,
    ),
    Delegate(
        "hexagon",
        TFLITE,
        "Hexagon",
        (("use_hexagon", "true"), ("hexagon_lib_path", "{folder}")),
        (Option("libraries", required=True, local=True), _PARTITIONS, _REST),
        files=("libhexagon_interface.so", "libhexagon_nn_skel*.so"),
        folder_option="libraries",
        environment=_DSP_ENVIRONMENT,
        legacy_dsp=True,
        accelerators=((r"Explicitly applied Hexagon delegate", "Hexagon DSP"),),
    ),
    _qnn(
        "htp",
        "libQnnHtp.so",
        Option("precision", key="htp_precision", values=(("quantized", "0"), ("float16", "1")), default="float16"),
        Option("performance", key="htp_performance_mode", values=_PERFORMANCE, default="burst"),
        Option("session", key="htp_pd_session", values=tuple((s, s) for s in ("unsigned", "signed", "adaptive"))),
        Option("optimization", key="htp_optimization_strategy"),
    ),
    _qnn(
        "gpu",
        "libQnnGpu.so",
        Option(
            "precision",
            key="gpu_precision",
            values=(("model", "0"), ("float32", "1"), ("float16", "2"), ("hybrid", "3")),
            default="float16",
        ),
        Option(
            "performance",
            key="gpu_performance_mode",
            values=(("default", "0"), ("high", "1"), ("normal", "2"), ("low", "3")),
            default="high",
        ),
        skel=False,
    ),
    _qnn(
        "dsp",
        "libQnnDsp.so",
        Option("performance", key="dsp_performance_mode", values=_PERFORMANCE, default="burst"),
        Option("session", key="dsp_pd_session", values=tuple((s, s) for s in ("unsigned", "signed", "adaptive"))),
    ),
    Delegate(
        "nnapi",
        TFLITE,
        "NNAPI",
        (("use_nnapi", "true"), ("disable_nnapi_cpu", "true")),
        (
            # Without a name NNAPI may choose the CPU, and the log does not say what it chose.
            Option("accelerator", "nnapi_accelerator_name", required=True),
            Option("fp16", "nnapi_allow_fp16", values=_BOOL, default="false"),
            Option(
                "preference",
                "nnapi_execution_preference",
                values=tuple((name, name) for name in ("fast_single_answer", "sustained_speed", "low_power")),
            ),
            Option(
                "priority",
                "nnapi_execution_priority",
                values=tuple((name, name) for name in ("default", "low", "medium", "high")),
            ),
            Option("burst", "nnapi_use_burst_mode", values=_BOOL, default="false"),
            _PARTITIONS,
            _REST,
        ),
        needs_sdk=29,
        deprecated_sdk=35,
    ),
    Delegate(
        "external",
        TFLITE,
        "EXTERNAL",
        _EXTERNAL,
        (Option("path", required=True, local=True), Option("libraries", local=True), _REST),
        folder_option="path",
        environment=_DSP_ENVIRONMENT,
        own_options=True,
    ),
    Delegate("cpu xnnpack", LITERT, "XNNPACK", (("use_cpu", "true"), ("use_gpu", "false"))),
    Delegate(
        "gpu",
        LITERT,
        "GPU",
        (("use_gpu", "true"), ("use_cpu", "false")),
        (
            Option("backend", "gpu_backend", values=(("cl", ""), ("gl", "gl"), ("webgpu", "webgpu"))),
            Option(
                "precision",
                "gpu-precision",
                values=(("float16", "fp16"), ("float32", "fp32"), ("auto", "auto")),
                default="float16",
            ),
            _ALLOW_PARTIAL,
        ),
        accelerators=((r"Dynamically loaded GPU accelerator\(([^)]+)\) registered", r"\1"), *_GPU_ACCELERATORS),
        needs_sdk=21,
        full_proves=True,
    ),
    Delegate(
        "qnn htp",
        LITERT,
        "NPU",
        # The library paths are folders, and read only with use_npu.
        (
            ("use_npu", "true"),
            ("use_cpu", "false"),
            ("dispatch_library_path", "{folder}"),
            ("compiler_plugin_library_path", "{folder}"),
        ),
        (QNN_BACKEND, _QNN_FOLDER, _ALLOW_PARTIAL),
        files=("libLiteRtDispatch_Qualcomm.so", "libQnnSystem.so", "libQnnHtp.so"),
        folder_option="libraries",
        environment=_DSP_ENVIRONMENT,
        soc_libraries=True,
        full_proves=True,
    ),
)
