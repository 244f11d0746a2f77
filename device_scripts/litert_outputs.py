"""Outputs of many inputs: of one .npy file, or of chunk after chunk that is put into a folder. Python 3.7.

A sample holds all inputs, or all outputs, one tensor after another in the order of the file, as float32.
"""

import errno
import os
import time

from litert_models import RunnerError, elements, one_line

MAX_OUTPUT_BYTES = 4 << 30
LOOK_AGAIN_S = 0.002


class Packing(object):
    """How samples of an engine travel: ``batch`` in one inference, ``in_count`` and ``out_count`` numbers each."""

    def __init__(self, engine):
        self._engine = engine
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self.batch = self._batch()
        self._check()
        self._in_counts = [elements(tensor) // self.batch for tensor in self.inputs]
        self._out_counts = [elements(tensor) // self.batch for tensor in self.outputs]
        self.in_count, self.out_count = sum(self._in_counts), sum(self._out_counts)

    def _batch(self):
        """The first dimension that all inputs share; 1 when they have none in common: each is one sample as a whole."""
        firsts = {tensor.shape[:1] for tensor in self.inputs}
        return max(next(iter(firsts))[0], 1) if len(firsts) == 1 and firsts != {()} else 1

    def _check(self):
        if not self.inputs or not self.outputs:
            counts = (len(self.inputs), len(self.outputs))
            raise RunnerError("unsupported", "the model has %d inputs and %d outputs" % counts)
        for tensor in self.inputs + self.outputs:
            if elements(tensor) == 0:
                raise RunnerError("unsupported", "tensor %r has no elements" % tensor.name)
            if self.batch > 1 and tensor.shape[:1] != (self.batch,):
                text = "the first dimension of output %r is not that of the inputs, %d"
                raise RunnerError("unsupported", text % (tensor.name, self.batch))

    def sample_shape(self, tensor):
        """A tensor's shape without the batch."""
        return tensor.shape[1:] if tensor.shape[:1] == (self.batch,) else tensor.shape

    def run(self, samples, results):
        """Fill `results` (n, out_count) with the outputs of `samples` (n, in_count)."""
        for begin in range(0, len(samples), self.batch):
            part = samples[begin : begin + self.batch]
            self._write(part)
            self._engine.call()
            self._read(results[begin : begin + len(part)])

    def _write(self, part):
        import numpy as np

        if len(part) < self.batch:
            part = np.concatenate([part, part[-1:].repeat(self.batch - len(part), 0)])
        arrays, offset = [], 0
        for tensor, count in zip(self.inputs, self._in_counts):  # noqa: B905 - Python 3.7
            arrays.append(tensor.quantize(part[:, offset : offset + count].reshape(tensor.shape)))
            offset += count
        self._engine.write(arrays)

    def _read(self, into):
        offset = 0
        for position, (tensor, count) in enumerate(zip(self.outputs, self._out_counts)):  # noqa: B905 - Python 3.7
            values = tensor.dequantize(self._engine.output(position)).reshape(self.batch, count)
            into[:, offset : offset + count] = values[: len(into)]
            offset += count


# ---- one file --------------------------------------------------------------------------------------------------------


def run_outputs(engine, request):
    """The outputs pass: ``request["inputs"]``, an .npy, to ``request["outputs"]``."""
    import numpy as np

    packing = Packing(engine)
    inputs = open_inputs(np, request["inputs"], packing)
    shape = (len(inputs),) + outputs_shape(packing)
    if len(inputs) * packing.out_count * 4 > MAX_OUTPUT_BYTES:
        size = len(inputs) * packing.out_count * 4
        raise RunnerError("request", "the outputs would take %d bytes, over the limit; use fewer samples" % size)
    partial = request["outputs"] + ".partial"
    results = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=shape)
    samples, flat = inputs.reshape(len(inputs), -1), results.reshape(len(inputs), -1)
    for begin in range(0, len(inputs), packing.batch):
        part = np.asarray(samples[begin : begin + packing.batch])
        if not np.isfinite(part).all():
            raise RunnerError("request", "inputs %d to %d are not all finite" % (begin, begin + len(part) - 1))
        packing.run(part, flat[begin : begin + len(part)])
    results.flush()
    os.replace(partial, request["outputs"])
    return {"output_samples": len(inputs)}


def inputs_shape(packing):
    """The shape of one sample: that of the only input, or (all numbers,)."""
    only = len(packing.inputs) == 1
    return packing.sample_shape(packing.inputs[0]) if only else (packing.in_count,)


def outputs_shape(packing):
    """The same of the outputs."""
    only = len(packing.outputs) == 1
    return packing.sample_shape(packing.outputs[0]) if only else (packing.out_count,)


def open_inputs(np, path, packing):
    try:
        inputs = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RunnerError("request", "inputs %s cannot be read: %s" % (path, one_line(error)))
    shape = inputs_shape(packing)
    if inputs.dtype != np.float32 or inputs.ndim < 1 or inputs.shape[1:] != shape or not len(inputs):
        got = "%s of shape %s" % (inputs.dtype, inputs.shape)
        wanted = "float32 of shape (n, %s)" % ", ".join(map(str, shape))
        raise RunnerError("request", "inputs %s are %s; the model wants %s" % (path, got, wanted))
    return inputs


# ---- chunk after chunk -----------------------------------------------------------------------------------------------


class Chunks(object):
    """The folder of a stream: raw little-endian float32 in files that appear whole, ``inputs-000000.raw`` and so on."""

    def __init__(self, folder, idle_s):
        self._folder, self._idle_s = folder, idle_s

    def _path(self, name):
        return os.path.join(self._folder, name)

    def wait_for(self, number):
        """The path of the next inputs, None when a file ``end`` is there and no more inputs are."""
        path, end = self._path("inputs-%06d.raw" % number), self._path("end")
        give_up = time.monotonic() + self._idle_s
        while True:
            ended = os.path.exists(end)  # before the inputs, which are put in place before it
            if os.path.exists(path):
                return path
            if ended:
                return None
            if not os.path.isdir(self._folder):
                raise RunnerError("request", "the folder %s is gone" % self._folder)
            if time.monotonic() > give_up:
                raise RunnerError("request", "no inputs came for %g s" % self._idle_s)
            time.sleep(LOOK_AGAIN_S)

    def write(self, number, results):
        """Put outputs in place."""
        path = self._path("outputs-%06d.raw" % number)
        results.tofile(path + ".partial")
        os.replace(path + ".partial", path)


def run_stream(engine, request, send):
    """Serve the folder ``request["stream"]``; `send` takes a line of the report. Inputs are removed when computed.

    That inputs are finite is for the other side to see: here it would cost time of the core that computes.
    """
    import numpy as np

    packing = Packing(engine)
    send(
        "ready",
        inputs=[tensor.describe() for tensor in packing.inputs],
        outputs=[tensor.describe() for tensor in packing.outputs],
    )
    chunks, done, number = Chunks(request["stream"], request["idle_s"]), 0, 0
    path = chunks.wait_for(0)
    while path is not None:
        values = np.fromfile(path, dtype="<f4")
        if not values.size or values.size % packing.in_count:
            text = "inputs %s have %d numbers; the model wants a positive multiple of %d"
            raise RunnerError("request", text % (path, values.size, packing.in_count))
        samples = values.reshape(-1, packing.in_count)
        results = np.empty((len(samples), packing.out_count), dtype="<f4")
        packing.run(samples, results)
        chunks.write(number, results)
        remove(path)
        done += len(samples)
        send("chunk", number=number, samples=len(samples))
        number += 1
        path = chunks.wait_for(number)
    return {"output_samples": done}


def remove(path):
    try:
        os.unlink(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
