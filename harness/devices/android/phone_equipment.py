"""What a phone is equipped with: storage, memory, binaries that run, accelerators and their libraries. Pure."""

from __future__ import annotations

from harness.devices.android.facts import NNAPI_DEPRECATED_SDK, NNAPI_FIRST_SDK, PhoneFacts
from harness.devices.android.soc import (
    FIRST_HTP,
    hexagon_architecture,
    hexagon_libraries,
    qnn_libraries,
    takes_hexagon_delegate,
)
from harness.devices.preflight import Finding

MIN_FREE_MIB = 500.0
MIN_MEMORY_MIB = 700.0
BUSY_LOAD_PER_CORE = 1.5  # Android's load counts threads of drivers that only wait, so an idle phone shows some
OPENCL = ("libOpenCL.so", "libOpenCL-pixel.so")
# Mali's and PowerVR's drivers have OpenCL inside; some phones come without the library that is named after it.
OPENCL_INSIDE = ("libGLES_mali.so", "libGLES_meow.so")
NEURON = ("libneuronusdk_adapter.mtk.so", "libneuronusdk_adapter.so", "libneuron_adapter.so")
_NEEDED_TOOLS = ("cat", "chmod", "kill", "mkdir", "mv", "rm", "sleep")
_USED_TOOLS = ("df", "nohup", "setsid", "taskset", "timeout")


def equipment(facts: PhoneFacts) -> tuple[Finding, ...]:
    """The findings on what the phone is equipped with."""
    return (
        _storage(facts),
        _memory(facts),
        _load(facts),
        _abi(facts),
        _tools(facts),
        _gpu(facts),
        _npu(facts),
        _nnapi(facts),
    )


def _storage(facts: PhoneFacts) -> Finding:
    if not facts.storage_writable:
        text = "/data/local/tmp cannot be written"
        return Finding("problem", "storage", text, "Check `adb shell ls -ld /data/local/tmp`; it must be shell's own.")
    if facts.storage_free_mib is None:
        text = f"free space not known: {facts.why('storage_free_mib')}"
        return Finding("warning", "storage", text, "Check `adb shell df -k /data/local/tmp`.")
    text = f"{facts.storage_free_mib:.0f} MiB free"
    if facts.storage_free_mib < MIN_FREE_MIB:
        return Finding("problem", "storage", text, f"Free {MIN_FREE_MIB:.0f} MiB: harness devices --clean")
    return Finding("ok", "storage", text)


def _memory(facts: PhoneFacts) -> Finding:
    if facts.memory_available_mib is None:
        text = f"not known: {facts.why('memory_available_mib')}"
        return Finding("warning", "memory", text, "Check `adb shell cat /proc/meminfo`.")
    text = f"{facts.memory_available_mib:.0f} MiB available"
    if facts.memory_total_mib is not None:
        text += f" of {facts.memory_total_mib:.0f}"
    if facts.memory_available_mib < MIN_MEMORY_MIB:
        return Finding("warning", "memory", f"{text}: a large model may be killed", "adb shell am kill-all")
    return Finding("ok", "memory", text)


def _load(facts: PhoneFacts) -> Finding:
    if facts.load_1min is None:
        text = f"not known: {facts.why('load_1min')}"
        return Finding("warning", "load", text, "Look at `adb shell top -n 1 -m 10`; a quiet phone shows itself only.")
    text = f"{facts.load_1min:.1f} over the last minute"
    online = sum(core.online for core in facts.cores) or 1
    if facts.load_1min > BUSY_LOAD_PER_CORE * online:
        return Finding(
            "warning", "load", text, "adb shell am kill-all, then wait a minute; adb shell top shows who it is."
        )
    return Finding("ok", "load", text)


def _abi(facts: PhoneFacts) -> Finding:
    if not facts.abis:
        text = f"not known: {facts.why('abis')}"
        return Finding("warning", "abi", text, "Check `adb shell getprop ro.product.cpu.abilist`.")
    if not facts.abis_64:
        remedy = "Build the tools for armeabi-v7a and name that binary in the sweep; 64-bit ones do not start here."
        return Finding("warning", "abi", f"{', '.join(facts.abis)}: no 64-bit binaries", remedy)
    if "arm64-v8a" not in facts.abis_64:
        remedy = "Name x86-64 binaries in the sweep; its figures say nothing of phones."
        return Finding("warning", "abi", f"{', '.join(facts.abis_64)}: not an ARM phone, an emulator perhaps", remedy)
    return Finding("ok", "abi", facts.abis_64[0])


def _tools(facts: PhoneFacts) -> Finding:
    hashes = () if facts.tools & {"sha256sum", "md5sum"} else ("sha256sum",)
    missing = [name for name in (*_NEEDED_TOOLS, *_USED_TOOLS) if name not in facts.tools]
    missing += hashes
    if not missing:
        return Finding("ok", "shell tools", "all there")
    state = "problem" if set(missing) & set(_NEEDED_TOOLS) else "warning"
    remedy = "Use Android 8 or later with its own toybox; `adb shell toybox` lists what it has."
    return Finding(state, "shell tools", f"missing: {', '.join(missing)}", remedy)


def _gpu(facts: PhoneFacts) -> Finding:
    name = facts.gpu or "unnamed GPU"
    opencl = facts.has_library(*OPENCL)
    if opencl is not None:
        return Finding("ok", "gpu", f"{name}, OpenCL in {opencl}")
    inside = facts.has_library(*OPENCL_INSIDE)
    if inside is not None:
        return Finding("ok", "gpu", f"{name}, OpenCL perhaps in its driver {inside}")
    if not facts.libraries and (facts.gpu is None or "denies" in facts.why("libraries")):
        text = f"not known: {facts.why('libraries') or facts.why('gpu')}"
        return Finding("warning", "gpu", text, "Check `adb shell dumpsys SurfaceFlinger | grep GLES`.")
    text = f"{name}, no OpenCL library found: the delegate has only {facts.gpu_api or 'OpenGL ES'}"
    return Finding(
        "warning", "gpu", text, "Choose it by name, so that it is the same on all phones: `gpu: {backend: gl}`."
    )


def _npu(facts: PhoneFacts) -> Finding:
    architecture = hexagon_architecture(facts.soc)
    if architecture is not None:
        return _hexagon(facts, architecture)
    neuron = facts.has_library(*NEURON)
    if neuron is not None:
        return Finding("ok", "npu", f"MediaTek's adapter {neuron}; its delegate comes with NeuroPilot")
    edgetpu = next((path for path in facts.libraries if "/libedgetpu" in path), None)
    if edgetpu is not None:
        return Finding("ok", "npu", f"Google's {edgetpu}: models are compiled for it ahead of time")
    if _rpc(facts) is not None:
        text = f"{facts.soc or 'this chip'} has a Hexagon of unknown architecture ({_rpc(facts)})"
        remedy = "Take `backend: gpu`, or report what `adb shell getprop ro.soc.model` prints so that it can be listed."
        return Finding("warning", "npu", text, remedy)
    return Finding("ok", "npu", "no Hexagon and no other accelerator known: `hexagon` and `qnn` are skipped here")


def _hexagon(facts: PhoneFacts, architecture: int) -> Finding:
    kind = "HTP" if architecture >= FIRST_HTP else "DSP"
    needs = f"`qnn` needs, of one QAIRT release, {', '.join(qnn_libraries(architecture))}"
    if takes_hexagon_delegate(facts.soc):
        needs += f"; `hexagon` needs {', '.join(hexagon_libraries(architecture))}"
    text = f"{facts.soc}: Hexagon v{architecture} ({kind}); {needs}"
    if _rpc(facts) is None:
        text += "; the way to it, libcdsprpc.so, was not found"
        return Finding("warning", "npu", text, "Check `adb shell ls /vendor/lib64/libcdsprpc.so`.")
    return Finding("ok", "npu", text)


def _rpc(facts: PhoneFacts) -> str | None:
    return facts.has_library("libcdsprpc.so", "libadsprpc.so")


def _nnapi(facts: PhoneFacts) -> Finding:
    if facts.sdk is None:
        return Finding("warning", "nnapi", "Android's version is not known", "adb shell getprop ro.build.version.sdk")
    if facts.sdk < NNAPI_FIRST_SDK:
        return Finding("ok", "nnapi", "none before Android 8.1: `nnapi` is skipped here")
    if facts.sdk >= NNAPI_DEPRECATED_SDK:
        text = "deprecated since Android 15: it may be gone, or be the reference implementation on the CPU"
        return Finding("warning", "nnapi", text, "Take `gpu`, `qnn` or the maker's own delegate in the sweep.")
    return Finding("ok", "nnapi", f"there (API {facts.sdk})")
