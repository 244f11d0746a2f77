"""Models behind one interface, whichever LiteRT library and accelerator computes them. Python 3.7.

An engine has ``inputs`` and ``outputs`` (tensors in the order of the file), ``write``, ``call``, ``reader``,
``output``, ``coverage`` and ``init_ns``. numpy is imported late, so that an interpreter without it gets a sentence and
not a traceback.
"""

import importlib
import sys
import time
from pathlib import Path

PROTOCOL = 1
LIBRARIES = ("ai_edge_litert", "tflite_runtime", "tensorflow.lite")
RESOLVERS = {"xnnpack": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}

clock = time.perf_counter_ns


class RunnerError(Exception):
    """An expected failure. `kind` is unsupported, model, delegate, request, library, memory, offline, busy."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


# ---- libraries -------------------------------------------------------------------------------------------------------


class Library:
    """The inference library of this interpreter."""

    def __init__(self, name):
        self.name = name
        self.package = importlib.import_module(name)
        if name == "tensorflow.lite":
            self.interpreter = self.package.Interpreter
            self.resolvers = getattr(self.package.experimental, "OpResolverType", None)
            self.load_delegate = getattr(self.package.experimental, "load_delegate", None)
            self.version = importlib.import_module("tensorflow").__version__
        else:
            module = importlib.import_module(name + ".interpreter")
            self.interpreter = module.Interpreter
            self.resolvers = getattr(module, "OpResolverType", None)
            self.load_delegate = getattr(module, "load_delegate", None)
            self.version = getattr(self.package, "__version__", "") or self._distribution_version()

    def _distribution_version(self):
        try:
            from importlib import metadata

            return metadata.version(self.name.replace("_", "-"))
        except Exception:  # Python 3.7 has no importlib.metadata, and a library may have no metadata
            return "unknown"

    @property
    def features(self):
        """``resolver`` (a choice of kernels), ``delegates`` and ``gpu`` (CompiledModel), where the library has them."""
        found = ["resolver"] if self.resolvers is not None else []
        found += ["delegates"] if self.load_delegate is not None else []
        if self.name == "ai_edge_litert":
            path = Path(self.package.__file__).with_name("compiled_model.py")
            found += ["gpu"] if path.exists() else []
        return found

    def hello(self):
        """The introduction of this interpreter."""
        return {
            "protocol": PROTOCOL,
            "python": ".".join(map(str, sys.version_info[:3])),
            "library": self.name,
            "version": self.version,
            "features": self.features,
        }


def load_library():
    """The first library of LIBRARIES that can be imported."""
    problems = []
    for name in LIBRARIES:
        try:
            return Library(name)
        except ImportError as error:
            problems.append(f"{name} ({error})")
    raise RunnerError("library", "no inference library can be imported: " + "; ".join(problems))


# ---- models ----------------------------------------------------------------------------------------------------------


class Tensor:
    """One input or output. `scale` is 0.0 for a tensor that is not quantized."""

    def __init__(self, details):
        import numpy as np

        self.name = details["name"]
        self.index = int(details["index"])
        self.shape = tuple(int(size) for size in details["shape"])
        self.signature = tuple(int(size) for size in details.get("shape_signature", details["shape"]))
        self.is_string = details["dtype"] in (np.bytes_, np.str_, np.object_)
        self.dtype = np.dtype("S") if self.is_string else np.dtype(details["dtype"])
        self.scale, self.zero_point = self._quantization(details)

    @staticmethod
    def _quantization(details):
        parameters = details.get("quantization_parameters")
        if parameters is not None and len(parameters["scales"]) == 1:
            return float(parameters["scales"][0]), int(parameters["zero_points"][0])
        scale, zero_point = details.get("quantization", (0.0, 0))
        return float(scale), int(zero_point)

    def describe(self):
        """The tensor as JSON."""
        return {
            "name": self.name,
            "dtype": "string" if self.is_string else self.dtype.name,
            "shape": list(self.shape),
            "scale": self.scale,
            "zero_point": self.zero_point,
        }

    def random(self, generator):
        """Values that are safe for the operator behind: integers without a scale may be indices, so they are 0."""
        import numpy as np

        if self.dtype.kind == "f":
            return generator.uniform(-1.0, 1.0, self.shape).astype(self.dtype)
        if self.dtype.kind in "iu" and self.scale:
            limits = np.iinfo(self.dtype)
            return generator.randint(limits.min, limits.max + 1, self.shape, dtype=self.dtype)
        return np.zeros(self.shape, self.dtype)

    def quantize(self, values):
        """float32 values as this tensor's type: rounded to nearest, clipped to the type's range."""
        import numpy as np

        if self.dtype.kind == "f":
            return values.astype(self.dtype, copy=False)
        exact = values.astype(np.float64)
        if self.scale:
            exact /= self.scale
            exact += self.zero_point
        np.rint(exact, out=exact)
        if self.dtype.kind == "b":
            return exact != 0
        limits = np.iinfo(self.dtype)
        above = exact > limits.max if self.dtype.itemsize < 8 else exact >= limits.max  # as a double: one too large
        exact[above] = 0
        rounded = np.maximum(exact, limits.min, out=exact).astype(self.dtype)
        rounded[above] = limits.max
        return rounded

    def dequantize(self, values):
        """float32 of values of this type."""
        import numpy as np

        if self.dtype.kind == "f" or not self.scale:
            return values.astype(np.float32, copy=False)
        return ((values.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)


def check_tensors(tensors):
    """Raise RunnerError for tensors that cannot be filled."""
    for tensor in tensors:
        if tensor.is_string:
            raise RunnerError("unsupported", f"tensor {tensor.name!r} holds strings; only numbers can be measured")
        if any(size < 0 for size in tensor.signature[1:]):
            shape = ",".join(map(str, tensor.signature))
            text = "tensor %r has dynamic dimensions [%s]; export the model with a static shape"
            raise RunnerError("unsupported", text % (tensor.name, shape))


class Engine:
    """What the engines have in common."""

    accelerator = ""

    def notes(self):
        """What a reader of the result must know of this engine."""
        return []

    def explain(self, library, error):
        """The RunnerError for an exception of an inference."""
        return RunnerError("model", f"{library.name} cannot run the model: {one_line(error)}")


class InterpreterEngine(Engine):
    """The TensorFlow Lite interpreter: XNNPACK, built-in kernels, or reference kernels."""

    def __init__(self, library, request):
        delegate = request["delegate"]
        options = {"model_path": request["model"], "num_threads": request["threads"]}
        if library.resolvers is not None:
            resolver = getattr(library.resolvers, RESOLVERS[delegate], None)
            if resolver is None:
                raise self._no_resolver(library, delegate)
            options["experimental_op_resolver_type"] = resolver
        elif delegate != "xnnpack":
            raise self._no_resolver(library, delegate)
        self._open(library, lambda: library.interpreter(**options))

    def _open(self, library, make):
        import numpy as np

        begin = clock()
        try:
            self._interpreter = make()
            self.inputs = [Tensor(details) for details in self._interpreter.get_input_details()]
            check_tensors(self.inputs)
            self._interpreter.allocate_tensors()
        except SystemError as error:  # what a binding for numpy 1 raises under numpy 2
            text = "%s fails inside its binding to numpy %s: %s"
            raise RunnerError("library", text % (library.name, np.__version__, one_line(error))) from error
        except (ValueError, RuntimeError, TypeError) as error:
            raise self._refused(library, error) from error
        self.init_ns = clock() - begin
        self.inputs = [Tensor(details) for details in self._interpreter.get_input_details()]
        self.outputs = [Tensor(details) for details in self._interpreter.get_output_details()]
        check_tensors(self.outputs)
        # The wrapper's own method is a tenth of a microsecond slower; its native object does the same.
        native = getattr(self._interpreter, "_interpreter", None)
        self.call = getattr(native, "Invoke", None) or self._interpreter.invoke
        self._get = getattr(native, "GetTensor", None)

    @staticmethod
    def _refused(library, error):
        return RunnerError("model", f"{library.name} cannot load the model: {one_line(error)}")

    @staticmethod
    def _no_resolver(library, delegate):
        text = "%s %s has no choice of kernels, which %r needs; ai-edge-litert has"
        return RunnerError("unsupported", text % (library.name, library.version, delegate))

    def write(self, arrays):
        """Set the inputs."""
        for tensor, values in zip(self.inputs, arrays):  # noqa: B905 - Python 3.7
            self._interpreter.set_tensor(tensor.index, values)

    def reader(self):
        """A function that copies every output to the CPU through the runtime, waiting for it where it must."""
        get, indices = self._get_output(), [tensor.index for tensor in self.outputs]
        if len(indices) == 1:
            only = indices[0]
            return lambda: get(only)

        def read():
            for index in indices:
                get(index)

        return read

    def _get_output(self):
        if self._get is None:
            return self._interpreter.get_tensor
        index = self.outputs[0].index
        native = self._get
        try:
            native(index)
        except TypeError:  # some bindings want the subgraph, too
            return lambda tensor: native(tensor, 0)
        except ValueError:  # accepted; an output of dynamic size has no data before the first inference
            pass
        return native

    def output(self, position):
        """A copy of one output."""
        return self._interpreter.get_tensor(self.outputs[position].index)

    def coverage(self):
        """Delegated nodes, all nodes, partitions and operators, or None."""
        details = getattr(self._interpreter, "_get_ops_details", None)
        if details is None:
            return None
        try:
            nodes = details()
        except (ValueError, RuntimeError):
            return None
        plain = [(str(node["op_name"]), ints(node["inputs"]), ints(node["outputs"])) for node in nodes]
        return count_coverage(plain)


class CompiledEngine(Engine):
    """LiteRT's CompiledModel on its GPU accelerator, with the CPU for what the accelerator refuses."""

    def __init__(self, library, request):
        if "gpu" not in library.features:
            text = "%s %s has no CompiledModel, which the gpu backend needs; ai-edge-litert 2 has"
            raise RunnerError("unsupported", text % (library.name, library.version))
        options = request.get("options") or {}
        self.accelerator = request.get("accelerator") or "GPU"
        self._total = self._specs(library, request)
        compiled, hardware = self._modules(library)
        self._hardware = hardware.HardwareAccelerator

        def compile_for(choice):
            gpu = compiled.GpuOptions(enforce_f32=options.get("precision") == "float32")
            cpu = compiled.CpuOptions(num_threads=request["threads"])
            chosen = compiled.Options(hardware_accelerators=choice, gpu_options=gpu, cpu_options=cpu)
            return compiled.CompiledModel.from_file(request["model"], options=chosen)

        self._compile_for = compile_for
        begin = clock()
        try:
            self._model = compile_for(self._hardware.GPU | self._hardware.CPU)
            self._in = self._model.create_input_buffers(0)
            self._out = self._model.create_output_buffers(0)
        except (ValueError, RuntimeError, TypeError, AttributeError) as error:
            raise RunnerError(
                "unsupported", f"the GPU accelerator cannot compile the model: {one_line(error)}"
            ) from error
        self.init_ns = clock() - begin
        self._arrange()
        model, ins, outs = self._model, self._in, self._out
        self.call = lambda: model.run_by_index(0, ins, outs)

    @staticmethod
    def _modules(library):
        compiled = importlib.import_module(library.name + ".compiled_model")
        return compiled, importlib.import_module(library.name + ".hardware_accelerator")

    def _specs(self, library, request):
        """Tensor parameters and the operator count come from the interpreter: CompiledModel does not tell them."""
        plain = InterpreterEngine(library, dict(request, delegate="builtin"))
        self.inputs, self.outputs = plain.inputs, plain.outputs
        for tensor in self.inputs + self.outputs:
            if tensor.dtype.name not in ("float32", "float16", "int32", "int8", "uint8", "bool"):
                text = "the GPU accelerator's buffers cannot hold %s (tensor %r)"
                raise RunnerError("unsupported", text % (tensor.dtype.name, tensor.name))
        coverage = plain.coverage()
        return None if coverage is None else coverage["total_nodes"]

    def _arrange(self):
        """Tensors in the order of the signature, which is the order of the buffers and, in LiteRT, that of the file."""
        key = next(iter(self._model.get_signature_list()))
        names = self._model.get_signature_list()[key]
        for side, details in (
            ("inputs", self._model.get_input_tensor_details(key)),
            ("outputs", self._model.get_output_tensor_details(key)),
        ):
            by_index = {tensor.index: tensor for tensor in getattr(self, side)}
            setattr(self, side, [by_index[details[name]["index"]] for name in names[side]])

    def write(self, arrays):
        """Set the inputs."""
        for buffer, values in zip(self._in, arrays):  # noqa: B905 - Python 3.7
            buffer.write(values)

    def reader(self):
        """A function that copies every output to the CPU, waiting for it."""
        plan = [(buffer, elements(tensor), tensor.dtype) for buffer, tensor in zip(self._out, self.outputs)]  # noqa: B905 - Python 3.7

        def read():
            for buffer, count, dtype in plan:
                buffer.read(count, dtype)

        return read

    def output(self, position):
        """A copy of one output."""
        tensor = self.outputs[position]
        return self._out[position].read(elements(tensor), tensor.dtype).reshape(tensor.shape)

    def coverage(self):
        """Full when the GPU alone can compute the model; otherwise the runtime's log has the numbers.

        Where the CPU may help, "fully accelerated" counts what XNNPACK took: it is true even when no GPU was found.
        """
        if self._total is None:
            return None
        if self._gpu_alone():
            return {"delegated_nodes": self._total, "total_nodes": self._total, "partitions": 1, "operators": []}
        return {"delegated_nodes": None, "total_nodes": self._total, "partitions": None, "operators": []}

    def _gpu_alone(self):
        try:
            return self._compile_for(self._hardware.GPU).is_fully_accelerated()
        except (ValueError, RuntimeError):  # "some ops are not accelerated"
            return False


def one_line(error):
    """The message of an exception on one line."""
    return " ".join(str(error).split())[:500] or type(error).__name__


def elements(tensor):
    """How many numbers a tensor holds."""
    count = 1
    for size in tensor.shape:
        count *= size
    return count


def ints(values):
    """Plain integers of numpy ones."""
    return [int(value) for value in values]


def count_coverage(nodes):
    """Which nodes lie in a delegate's partitions. `nodes` is [(name, inputs, outputs)] with tensor indices.

    After delegation the runtime lists the original nodes and, behind them, one DELEGATE node for each partition. A
    partition holds the nodes met on the way back from its outputs to its inputs.
    """
    delegates = [node for node in nodes if node[0].upper() == "DELEGATE"]
    originals = [node for node in nodes if node[0].upper() != "DELEGATE"]
    producer = {tensor: position for position, node in enumerate(originals) for tensor in node[2]}
    taken = set()
    for _, inputs, outputs in delegates:
        stops, stack = set(inputs), list(outputs)
        while stack:
            tensor = stack.pop()
            position = producer.get(tensor)
            if position is None or tensor in stops or position in taken:
                continue
            taken.add(position)
            stack += originals[position][1]
    operators = [[node[0], position in taken] for position, node in enumerate(originals)]
    return {
        "delegated_nodes": len(taken),
        "total_nodes": len(originals),
        "partitions": len(delegates),
        "operators": operators,
    }


def make_engine(library, request):
    """The engine for the delegate of a request."""
    delegate = request["delegate"]
    if delegate == "external":
        from litert_delegates import ExternalEngine

        return ExternalEngine(library, request)
    if delegate == "edgetpu":
        from edgetpu_delegate import EdgeTpuEngine

        return EdgeTpuEngine(library, request)
    return CompiledEngine(library, request) if delegate == "gpu" else InterpreterEngine(library, request)
