"""Models on external delegates: shared libraries that export ``tflite_plugin_create_delegate``. Python 3.7.

Whatever such a library does, it crashes or hangs only this process.
"""

import ctypes
import os

from litert_models import InterpreterEngine, RunnerError, one_line

CREATE, DESTROY = "tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate"
CUSTOM_OPERATOR = "edgetpu-custom-op"
RESTS = {"": "AUTO", "xnnpack": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}


class ExternalEngine(InterpreterEngine):
    """The interpreter with a delegate of the user's; `rest` of the request says what computes what it leaves."""

    def __init__(self, library, request):
        external = request["external"]
        self._path, self._rest = external["path"], external.get("rest") or ""
        self._own_options = external.get("options") or {}
        # The interpreter uses the delegate until its own end; both live as long as the process.
        self._delegate = self._own = None
        options = {"model_path": request["model"], "num_threads": request["threads"]}
        options.update(self._kernels(library))
        self._open(library, lambda: self._make(library, options))

    @property
    def _name(self):
        return os.path.basename(self._path)

    def _kernels(self, library):
        resolver = getattr(library.resolvers, RESTS[self._rest], None)
        if resolver is not None:
            return {"experimental_op_resolver_type": resolver}
        if self._rest == "builtin":
            raise self._no_resolver(library, "rest: builtin")
        return {}

    def _make(self, library, options):
        native = open_library(self._path)
        self._delegate = self._load(library, native)
        self._interpreter = library.interpreter(experimental_delegates=[self._delegate], **options)
        # XNNPACK comes with the tensors' allocation, behind the delegates that were asked for.
        self._own = super().coverage()
        return self._interpreter

    def _load(self, library, native):
        if library.load_delegate is None:
            text = "%s %s cannot load external delegates; ai-edge-litert and tflite-runtime can"
            raise RunnerError("unsupported", text % (library.name, library.version))
        try:
            return library.load_delegate(self._path, self._delegate_options(library, native))
        except ValueError as error:
            raise self._not_made(error)

    def _delegate_options(self, library, native):
        return self._own_options

    def _not_made(self, error):
        """The delegate's library returned NULL; what it reported stands behind the first line of the message."""
        said = " ".join(str(error).split("\n")[1:]).strip()
        how = "saying: %s" % said[:500] if said else "without saying why"
        return RunnerError("delegate", "%s made no delegate of its options, %s" % (self._name, how))

    def _refused(self, library, error):
        if self._delegate is None:
            return super()._refused(library, error)
        text = one_line(error)
        if CUSTOM_OPERATOR in text and "unresolved" in text:
            text += " (%s left the operator of a model that was compiled for the Edge TPU)" % self._name
        return RunnerError("delegate", "%s cannot load the model with %s: %s" % (library.name, self._name, text))

    def explain(self, library, error):
        return RunnerError("delegate", "an inference failed with %s: %s" % (self._name, one_line(error)))

    def coverage(self):
        """What the external delegate took; XNNPACK's share of the rest is none of its."""
        return self._own

    def notes(self):
        """What computed what, in words."""
        own, everything = self._own, super().coverage()
        if own is None or everything is None:
            return ["the library does not tell which nodes %s took" % self._name]
        taken, total, parts = own["delegated_nodes"], own["total_nodes"], own["partitions"]
        xnnpack = everything["delegated_nodes"] - taken
        text = "%s took %d of %d nodes in %d partition%s" % (self._name, taken, total, parts, "" if parts == 1 else "s")
        if taken == total:
            return [text]
        others = "; of the rest XNNPACK ran %d and other CPU kernels %d" % (xnnpack, total - taken - xnnpack)
        asked = "rest: %s" % self._rest if self._rest else "the library's default"
        return ["%s%s (%s)" % (text, others, asked)]


def open_library(path):
    """The library as ctypes sees it.

    The interpreter's own loader, when it fails, leaves a half-made object whose end prints a traceback; so whatever can
    be wrong is found here first.
    """
    try:
        native = ctypes.CDLL(path)
    except OSError as error:
        raise RunnerError("unsupported", "the delegate's library cannot be loaded: %s" % one_line(error))
    for name in (CREATE, DESTROY):
        if not hasattr(native, name):
            raise RunnerError("unsupported", "%s is no external delegate: it does not export %s" % (path, name))
    return native
