"""Per-operator times from LiteRT's own profiler, which has a C interface (``libLiteRt.so``) but none in Python.

It runs in a forked child: the C structures are those of LiteRT 2.x, and another version may crash on them. Standard
library and numpy, Python 3.7.
"""

import ctypes
import json
import os
import signal
import time
from pathlib import Path

_LIBRARY = "libLiteRt.so"
_PROFILED_VERSIONS = ("2.",)
_PR_SET_PDEATHSIG = 1
_CPU = 1
_LOCK_WRITE = 1
_OPERATOR = 2
_DELEGATE_OPERATORS = (4, 8)
_EVENT_TYPES = {1 << bit for bit in range(10)}
_MAX_EVENTS = 1 << 20
_DELEGATE_PREFIX = "Delegate/"
_KERNEL_MODES = {"xnnpack": "xnnpack", "builtin": "builtin"}


class ProfilerError(Exception):
    """No operator times; the message says why."""


class _Event(ctypes.Structure):
    # ProfiledEventData of litert/c/litert_profiler_event.h; a memory usage is three 64-bit numbers.
    _fields_ = [
        ("tag", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_int64 * 6),
        ("index", ctypes.c_uint64),
        ("subgraph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    ]


class _Library:
    """Calls into libLiteRt.so that turn a status into an exception."""

    def __init__(self, path):
        self._library = ctypes.CDLL(path)

    def __getattr__(self, name):
        function = getattr(self._library, name)

        def call(*arguments):
            status = function(*arguments)
            if status != 0:
                raise ProfilerError(f"{name} returned status {status}")

        return call

    def handle(self, name, *arguments):
        """Call a function whose last parameter is a handle to fill, and return the handle."""
        result = ctypes.c_void_p()
        getattr(self, name)(*arguments, ctypes.byref(result))
        return result


def _add_options(library, options, identifier, text, keep):
    payload = ctypes.create_string_buffer(text.encode())
    leave = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    keep += [payload, leave]
    handle = library.handle("LiteRtCreateOpaqueOptions", identifier.encode(), payload, leave)
    library.LiteRtAddOpaqueOptions(options, handle)


class _Profiled:
    """One compiled model with profiling on and buffers for its first signature."""

    def __init__(self, path, model_path, kernels, threads):
        self._keep = []
        self._library = library = _Library(path)
        self._environment = library.handle("LiteRtCreateEnvironment", 0, None)
        model = library.handle("LiteRtCreateModelFromFile", self._environment, os.fsencode(model_path))
        options = library.handle("LiteRtCreateOptions")
        library.LiteRtSetOptionsHardwareAccelerators(options, _CPU)
        _add_options(library, options, "runtime_options_string", "enable_profiling = true\n", self._keep)
        cpu = f'kernel_mode = "{_KERNEL_MODES[kernels]}"\nnum_threads = {threads}\n'
        _add_options(library, options, "xnnpack", cpu, self._keep)
        self._compiled = library.handle("LiteRtCreateCompiledModel", self._environment, model, options)
        self._profiler = library.handle("LiteRtCompiledModelGetProfiler", self._compiled)
        if not self._profiler:
            raise ProfilerError("the library was built without its profiler")
        signature = library.handle("LiteRtGetModelSignature", model, ctypes.c_size_t(0))
        self._inputs = self._buffers(signature, "Input")
        self._outputs = self._buffers(signature, "Output")

    def _buffers(self, signature, side):
        count = ctypes.c_size_t()
        getattr(self._library, f"LiteRtGetNumSignature{side}s")(signature, ctypes.byref(count))
        buffers = (ctypes.c_void_p * count.value)()
        for position in range(count.value):
            at = ctypes.c_size_t(position)
            tensor = self._library.handle(f"LiteRtGetSignature{side}TensorByIndex", signature, at)
            tensor_type = ctypes.create_string_buffer(512)
            self._library.LiteRtGetRankedTensorType(tensor, tensor_type)
            needs = self._library.handle(
                f"LiteRtGetCompiledModel{side}BufferRequirements", self._compiled, ctypes.c_size_t(0), at
            )
            buffers[position] = self._library.handle(
                "LiteRtCreateManagedTensorBufferFromRequirements", self._environment, tensor_type, needs
            ).value
        return buffers

    def write(self, arrays):
        """Fill the inputs; the arrays are in the order of the signature."""
        if len(arrays) != len(self._inputs):
            raise ProfilerError(f"the signature has {len(self._inputs)} inputs, the graph {len(arrays)}")
        for position, array in enumerate(arrays):
            buffer, size = ctypes.c_void_p(self._inputs[position]), ctypes.c_size_t()
            self._library.LiteRtGetTensorBufferSize(buffer, ctypes.byref(size))
            address = ctypes.c_void_p()
            self._library.LiteRtLockTensorBuffer(buffer, ctypes.byref(address), _LOCK_WRITE)
            content = array.tobytes()
            ctypes.memmove(address, content, min(len(content), size.value))
            self._library.LiteRtUnlockTensorBuffer(buffer)

    def run(self):
        """One inference; the CPU is synchronous."""
        zero = ctypes.c_size_t(0)
        sizes = ctypes.c_size_t(len(self._inputs)), ctypes.c_size_t(len(self._outputs))
        self._library.LiteRtRunCompiledModel(self._compiled, zero, sizes[0], self._inputs, sizes[1], self._outputs)

    def start(self):
        """Begin to record."""
        self._library.LiteRtStartProfiler(self._profiler)

    def events(self):
        """Stop, and return (name, event type, node index, microseconds) of every operator invocation."""
        self._library.LiteRtStopProfiler(self._profiler)
        count = ctypes.c_int()
        self._library.LiteRtGetNumProfilerEvents(self._profiler, ctypes.byref(count))
        if not 0 < count.value <= _MAX_EVENTS:
            raise ProfilerError(f"the profiler recorded {count.value} events")
        events = (_Event * count.value)()
        self._library.LiteRtGetProfilerEvents(self._profiler, count.value, events)
        for event in events:
            if event.type not in _EVENT_TYPES or not event.tag or not 0 <= event.source <= 2:
                raise ProfilerError("the profiler's events have another layout than LiteRT 2.3's")
        operators = [event for event in events if event.type == _OPERATOR or event.type in _DELEGATE_OPERATORS]
        return [
            (ctypes.string_at(event.tag).decode("utf-8", "replace"), event.type, event.index, event.elapsed_us)
            for event in operators
        ]


def aggregate(events, runs):
    """Mean microseconds an inference of each operator, in run order.

    A delegate's node is left out when the delegate reported its own operators: its time is theirs.
    """
    inner = any(kind in _DELEGATE_OPERATORS for _, kind, _, _ in events)
    table = {}
    for name, kind, index, elapsed_us in events:
        if kind == _OPERATOR and inner and "elegate" in name:
            continue
        delegated = kind in _DELEGATE_OPERATORS
        clean = name[len(_DELEGATE_PREFIX) :] if delegated and name.startswith(_DELEGATE_PREFIX) else name
        row = table.setdefault((kind, index, name), {"name": clean, "delegated": delegated, "us": 0.0})
        row["us"] += elapsed_us / float(runs)
    return [dict(row, index=key[1]) for key, row in table.items()]


def profile(package_dir, version, model_path, arrays, kernels, threads, min_s=0.5):
    """[{name, index, delegated, us}], with the number of inferences. Timestamps are whole microseconds; means are not.

    Raises ProfilerError with the reason when there are no times.
    """
    path = Path(package_dir) / _LIBRARY
    if not path.exists() or not version.startswith(_PROFILED_VERSIONS):
        raise ProfilerError("this library has no operator profiler that Python can reach (ai-edge-litert 2 has one)")
    if kernels not in _KERNEL_MODES:
        raise ProfilerError(f"the profiler cannot be used with the {kernels} kernels")
    model = _Profiled(str(path), model_path, kernels, threads)
    model.write(arrays)
    begin = time.perf_counter()
    for _ in range(3):
        model.run()
    one_s = (time.perf_counter() - begin) / 3
    runs = max(10, min(int(min_s / max(one_s, 1e-6)), 500))
    model.start()
    for _ in range(runs):
        model.run()
    return {"runs": runs, "operators": aggregate(model.events(), runs)}


def profile_in_child(*arguments):
    """``profile`` in a forked child, to be called before this process has threads; its crash is a ProfilerError."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        try:
            answer = profile(*arguments)
        except Exception as error:  # whatever it is, it is the answer
            answer = {"error": str(error) or type(error).__name__}
        with os.fdopen(send, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        content = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        raise ProfilerError(f"the profiler crashed ({signal.Signals(os.WTERMSIG(status)).name})")
    answer = json.loads(content.decode())
    if "error" in answer:
        raise ProfilerError(answer["error"])
    return answer
