"""Measures one model in one process with whichever LiteRT this interpreter has.

One JSON request on standard input, JSON lines on standard output: ``hello``, then ``result`` or ``error``. It runs in
the user's interpreter: Python 3.7, standard library, numpy, and one of ai_edge_litert, tflite_runtime, tensorflow.
"""

import array
import base64
import gc
import json
import math
import os
import random
import sys
import time
from pathlib import Path

import clock_probe
import litert_outputs
import litert_profiler
from litert_models import PROTOCOL, RunnerError, load_library, make_engine, one_line

MAX_REQUEST_BYTES = 1 << 20
MAX_SAMPLES = 4000000
MAX_WARMUP_SAMPLES = 1 << 17
EMA_FAST, EMA_SLOW, EMA_BAND, EMA_RUN = 0.1, 0.02, 0.04, 20
TIMER_MARGIN = 100
MEMORY_INFERENCES = 5
SECOND_NS = 1000000000

clock = time.perf_counter_ns


# ---- protocol --------------------------------------------------------------------------------------------------------


class Channel(object):
    """Our lines on the original standard output; whatever native code prints there goes to standard error."""

    def __init__(self):
        sys.stdout.flush()
        self._stream = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def send(self, line_type, **fields):
        fields["type"] = line_type
        self._stream.write(json.dumps(fields, allow_nan=False).encode() + b"\n")
        self._stream.flush()


def read_request(stream):
    content = stream.read(MAX_REQUEST_BYTES + 1)
    if len(content) > MAX_REQUEST_BYTES:
        raise RunnerError("request", "the request is larger than %d bytes" % MAX_REQUEST_BYTES)
    try:
        request = json.loads(content.decode("utf-8"))
    except ValueError as error:
        raise RunnerError("request", "the request is not JSON: %s" % error)
    if not isinstance(request, dict) or request.get("protocol") != PROTOCOL:
        raise RunnerError("request", "the request is not of protocol %d" % PROTOCOL)
    return request


def pack_ns(values):
    """int64 little-endian in base64."""
    values = array.array("q", values)
    if sys.byteorder == "big":
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode("ascii")


# ---- process ---------------------------------------------------------------------------------------------------------


def pin(cpus):
    """Bind the process before any library makes threads, and read it back."""
    if not cpus:
        return
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError) as error:
        raise RunnerError("unsupported", "cannot be pinned to CPU %s: %s" % (",".join(map(str, cpus)), error))


def pinned(cpus, all_threads=True):
    """Whether every thread of the process, or only the calling one, may run on `cpus` only."""
    if not cpus:
        return False
    threads = [int(name) for name in os.listdir("/proc/self/task")] if all_threads else [0]
    seen = set()
    for thread in threads:
        try:
            seen |= os.sched_getaffinity(thread)
        except OSError:  # a thread ended meanwhile
            continue
    return seen == set(cpus)


# ---- timing ----------------------------------------------------------------------------------------------------------


def timer_cost_ns():
    count = 2000
    begin = clock()
    for _ in range(count):
        clock()
    return max((clock() - begin) // count, 1)


class SteadyRule(object):
    """Warm when a fast and a slow moving average of the samples agree within 4 % for 20 samples in a row."""

    def __init__(self):
        self._fast = self._slow = None
        self._run = 0

    def add(self, value):
        if self._fast is None:
            self._fast = self._slow = float(value)
            return False
        self._fast += EMA_FAST * (value - self._fast)
        self._slow += EMA_SLOW * (value - self._slow)
        agree = abs(self._fast - self._slow) <= EMA_BAND * self._slow
        self._run = self._run + 1 if agree else 0
        return self._run >= EMA_RUN


def warm_up(call, read, measure):
    """(samples in ns, capped). Discards max(iterations, seconds), then waits for the steady rule, up to a cap."""
    kept, last, count = array.array("q"), 0, 0
    rule = SteadyRule()
    floor_ns, cap_ns = measure["warmup_min_s"] * SECOND_NS, measure["warmup_max_s"] * SECOND_NS
    begin = clock()
    while True:
        start = clock()
        call()
        read()
        end = clock()
        last, elapsed = end - start, end - begin
        count += 1
        if len(kept) < MAX_WARMUP_SAMPLES:
            kept.append(last)
        past_floor = count > measure["warmup_min_iterations"] and elapsed >= floor_ns
        if past_floor and rule.add(last):
            return kept, False
        if elapsed >= cap_ns:
            return kept, True


def inner_batch(warm, cost_ns):
    """Inferences in one sample: more than one only when the timer would be over a hundredth of it."""
    recent = sorted(warm[-1000:])
    typical = recent[len(recent) // 2]
    return max(int(math.ceil(TIMER_MARGIN * cost_ns / float(max(typical, 1)))), 1)


def window(call, read, samples, batch, measure):
    """Fill `samples` (preallocated) and return how many; each is the time from the call until the outputs were read."""
    min_ns, max_ns = int(measure["min_s"] * SECOND_NS), int(measure["max_s"] * SECOND_NS)
    enough, capacity = measure["min_iterations"], len(samples)
    again = range(batch - 1)
    count = 0
    begin = clock()
    while True:
        start = clock()
        call()
        read()
        for _ in again:
            call()
            read()
        end = clock()
        samples[count] = (end - start) // batch
        count += 1
        elapsed = end - begin
        if (elapsed >= min_ns and count >= enough) or elapsed >= max_ns or count == capacity:
            return count


def capacity(warm, batch, measure):
    fastest = max(min(warm), 1) * batch
    most = max(measure["max_s"] * SECOND_NS / fastest * 1.5, measure["min_iterations"])
    return int(min(most + 16, MAX_SAMPLES))


def split_times(call, read):
    """(median microseconds of the call alone, of the read after it) of a few inferences outside the window."""
    calls, reads = [], []
    limit = clock() + SECOND_NS
    while len(calls) < 15 and (clock() < limit or not calls):
        start = clock()
        call()
        called = clock()
        read()
        reads.append(clock() - called)
        calls.append(called - start)
    middle = len(calls) // 2
    return sorted(calls)[middle] / 1e3, sorted(reads)[middle] / 1e3


def first_inference(engine, generator):
    engine.write([tensor.random(generator) for tensor in engine.inputs])
    read = engine.reader()
    start = clock()
    engine.call()
    read()
    return clock() - start, read


def run_timing(engine, request, generator, observer):
    measure = request["measure"]
    first_ns, read = first_inference(engine, generator)
    call = engine.call
    gc.collect()
    gc.disable()
    warm, capped = warm_up(call, read, measure)
    batch = inner_batch(warm, timer_cost_ns())
    samples = array.array("q", bytes(8 * capacity(warm, batch, measure)))
    observer.before()
    observer.open_window()
    count = window(call, read, samples, batch, measure)
    observer.close_window()
    observer.after()
    call_us, read_us = split_times(call, read)
    gc.enable()
    evidence = observer.report()
    evidence["output_read_us"] = read_us
    evidence["notes"] += timing_notes(batch, call_us, read_us, len(warm), count)
    return {
        "first_inference_ns": first_ns,
        "samples": pack_ns(samples[:count]),
        "warmup": pack_ns(warm),
        "warmup_capped": capped,
        "timed": "call+read",
        "evidence": evidence,
    }


def timing_notes(batch, call_us, read_us, warm_count, count):
    notes = []
    if batch > 1:
        notes.append("each sample is the mean of %d inferences: one is too short for the timer" % batch)
    if read_us > max(0.5 * call_us, 20.0):
        text = "the call alone returns after %.3f ms, the outputs are there %.3f ms later: samples include the wait"
        notes.append(text % (call_us / 1e3, read_us / 1e3))
    if warm_count == MAX_WARMUP_SAMPLES:
        notes.append("only the first %d warm-up samples were kept" % warm_count)
    if count == MAX_SAMPLES:
        notes.append("the window ended at the limit of %d samples" % count)
    return notes


# ---- memory, profile -------------------------------------------------------------------------------------------------


def status_kib(field):
    for line in (clock_probe.read_text(Path("/proc/self/status")) or "").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return None


def pss_kib():
    for line in (clock_probe.read_text(Path("/proc/self/smaps_rollup")) or "").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return None


def run_memory(make_engine, generator):
    """Peak resident memory of the whole process, and how much of it the model added to interpreter and library."""
    base_rss, base_pss = status_kib("VmRSS"), pss_kib()
    engine = make_engine()
    engine.write([tensor.random(generator) for tensor in engine.inputs])
    read, highest = engine.reader(), pss_kib()
    for _ in range(MEMORY_INFERENCES):
        engine.call()
        read()
        now = pss_kib()
        highest = now if highest is None or (now is not None and now > highest) else highest
    peak = status_kib("VmHWM")
    notes = []
    if peak is not None and base_rss is not None:
        mib = ((peak - base_rss) / 1024.0, base_rss / 1024.0)
        notes.append("the model added %.1f MiB to %.1f MiB of interpreter and library" % mib)
    fields = {"peak_rss_kib": peak, "pss_kib": highest, "base_rss_kib": base_rss, "base_pss_kib": base_pss}
    return engine, dict(fields, notes=notes)


def profile_operators(library_dir, version, request, arrays):
    """Times by operator, or why there are none: {"operators": …} or {"error": …}."""
    if request["delegate"] == "gpu":
        return {"error": "an asynchronous accelerator has no operator times here"}
    try:
        return litert_profiler.profile_in_child(
            library_dir, version, request["model"], arrays, request["delegate"], request["threads"]
        )
    except litert_profiler.ProfilerError as error:
        return {"error": str(error)}


def run_profile(engine, library, request, generator):
    # Runs in a forked child, so it must come after the tensors are known and before inference makes threads.
    arrays = [tensor.random(generator) for tensor in engine.inputs]
    directory = os.path.dirname(library.package.__file__)
    answer = profile_operators(directory, library.version, request, arrays)
    notes = []
    if "error" in answer:
        notes.append("no operator times: %s" % answer["error"])
    else:
        notes.append("operator times are the runtime's own, in whole microseconds, over %d inferences" % answer["runs"])
    return {"operator_times": answer.get("operators", []), "notes": notes}


# ---- main ------------------------------------------------------------------------------------------------------------


class LiteRt(object):
    """What this runner computes with. A runner for something else overrides what it has otherwise."""

    name = "litert"
    failures = (RuntimeError,)  # exceptions of an inference that `explain` turns into a RunnerError
    engine = None

    def load(self, request):
        return load_library()

    def make_engine(self, library, request):
        self.engine = make_engine(library, request)
        return self.engine

    def observer(self, library, request):
        chain, tpu = clock_probe.AddChain.create(), getattr(self.engine, "tpu", None)
        if tpu is None:
            return clock_probe.Observer(request["cpus"], chain=chain)
        from edgetpu_system import TpuObserver

        return TpuObserver(request["cpus"], tpu, chain=chain)

    def profile(self, engine, library, request, generator):
        return run_profile(engine, library, request, generator)

    def explain(self, library, error):
        return RunnerError("model", one_line(error)) if self.engine is None else self.engine.explain(library, error)

    def run(self, library, request, send, generator):
        """The engine, and the fields of the result for the purpose of the request."""
        purpose = request["purpose"]
        if purpose == "memory":
            return run_memory(lambda: self.make_engine(library, request), generator)
        engine = self.make_engine(library, request)
        if purpose == "profile":
            return engine, self.profile(engine, library, request, generator)
        if purpose == "accuracy":
            return engine, litert_outputs.run_stream(engine, request, send)
        if purpose == "outputs":
            return engine, litert_outputs.run_outputs(engine, request)
        return engine, run_timing(engine, request, generator, self.observer(library, request))


def measure(way, library, request, send):
    import numpy as np

    try:
        engine, fields = way.run(library, request, send, np.random.RandomState(request["seed"] % (1 << 32)))
    except way.failures as error:
        raise way.explain(library, error)
    evidence = fields.setdefault("evidence", {"notes": []})
    evidence["notes"] += fields.pop("notes", []) + engine.notes()
    if any(size < 0 for tensor in engine.inputs for size in tensor.signature):
        evidence["notes"].append("the batch dimension is dynamic and ran as 1")
    evidence["cpus"] = request["cpus"]
    # A GPU driver places its own threads; what we pin is the thread that calls it.
    evidence["cpus_verified"] = pinned(request["cpus"], all_threads=request["delegate"] != "gpu")
    fields.update(
        init_ns=engine.init_ns,
        accelerator=engine.accelerator,
        coverage=engine.coverage(),
        inputs=[tensor.describe() for tensor in engine.inputs],
        outputs=[tensor.describe() for tensor in engine.outputs],
    )
    return fields


def preload(path):
    """Make a Vulkan loader that is not in the linker's path the one that the accelerator finds by name."""
    if path:
        import ctypes

        ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)


def serve(channel, way):
    request = read_request(sys.stdin.buffer)
    random.seed(request.get("seed", 1))
    pin(request.get("cpus") or [])
    preload(request.get("vulkan_loader"))
    library = way.load(request)
    introduction = library.hello()
    if request.get("purpose") == "hello" and request.get("external"):
        from edgetpu_delegate import introduce

        introduction["external"] = introduce(request["external"]["path"])
    channel.send("hello", **introduction)
    if request.get("purpose") != "hello":
        channel.send("result", **measure(way, library, request, channel.send))


def main(way):
    channel = Channel()
    try:
        serve(channel, way)
    except RunnerError as error:
        channel.send("error", runner=way.name, kind=error.kind, message=str(error))
    except MemoryError:
        channel.send("error", runner=way.name, kind="memory", message="the process ran out of memory")
    except OSError as error:
        channel.send("error", runner=way.name, kind="request", message=one_line(error))
    # Accelerators crash in their own teardown; the result is already written.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(LiteRt())
