"""Why an Edge TPU cannot be opened or used, in sentences with their remedies. Python 3.7.

libedgetpu itself says nothing, or the same for every cause: what the system shows tells them apart.
"""

import os
import re

from edgetpu_system import BOOT_ID, holders
from litert_models import RunnerError, one_line

GET_RUNTIME = (
    "install libedgetpu1-std (https://coral.ai/software) or a build from https://github.com/feranick/libedgetpu"
)
_UNFIT = "%s: libedgetpu and %s %s do not fit together; " + GET_RUNTIME + " that was built for this version"
_NEWER_MODEL = re.compile(r"requires runtime version \((\d+)\), which is newer than this runtime version \((\d+)\)")
_OF_THE_DEVICE = re.compile(r"Failed to execute request|Failed to retrieve TPU context|USB transfer error|HIB Error")


def not_there(request):
    """The Edge TPU that was asked for by name is gone; that there is none at all is no passing thing."""
    named = " ".join(filter(None, (request.get("device"), request.get("device_path"))))
    text = "there is no Edge TPU%s: look at its plug and its power, and at lsusb or lspci"
    return RunnerError("offline" if named else "unsupported", text % (" " + named if named else ""))


def why_not_opened(tpu, error):
    """libedgetpu opens nothing and says nothing: what the system shows tells apart why."""
    label, node = "the Edge TPU %s" % tpu.name, tpu.node
    if not tpu.present:
        return RunnerError("offline", "%s was listed and is gone (%s)" % (label, tpu.path))
    if node is not None and node.exists() and not os.access(str(node), os.R_OK | os.W_OK):
        return RunnerError("unsupported", "%s: no permission to open %s; %s" % (label, node, permission_remedy(tpu)))
    others = holders(node) if node is not None else []
    if others:
        text = "%s is used by %s: an Edge TPU serves one process; end it, or name another device"
        return RunnerError("busy", text % (label, ", ".join(others)))
    if tpu.in_boot_mode:
        text = "%s stays in its boot (DFU) mode %s, its firmware was not accepted: plug it in again, into a port with "
        text += "power of its own; a container or a virtual machine must pass on both 1a6e:089a and 18d1:9302"
        return RunnerError("offline", text % (label, BOOT_ID))
    text = "%s is there and cannot be opened (%s): a process of another user may hold it, or it hangs; plug it in again"
    return RunnerError("busy", text % (label, one_line(error)))


def permission_remedy(tpu):
    if tpu.kind == "usb":
        return "install the udev rule of libedgetpu1-std and join its group: sudo usermod -aG plugdev $USER"
    return (
        'add a udev rule (SUBSYSTEM=="apex", MODE="0660", GROUP="apex") and join the group: sudo usermod -aG apex $USER'
    )


def explain(library, engine, error):
    """The RunnerError for an exception of the interpreter of `engine`.

    `library` lists the ``devices()`` and knows its `tflite` by name and version, `engine` the `tpu` that it runs on.
    """
    text, tflite = one_line(error), library.tflite
    newer = _NEWER_MODEL.search(text)
    if newer:
        remedy = "compile it with min_runtime_version %s, or install a newer libedgetpu" % newer.group(2)
        return RunnerError("unsupported", "the model wants runtime %s, this is %s; %s" % (newer.groups() + (remedy,)))
    if "unresolved custom op" in text or "Unsupported data type in custom op handler" in text:
        return RunnerError("unsupported", _UNFIT % (text, tflite.name, tflite.version))
    if is_gone(library, engine.tpu) or _OF_THE_DEVICE.search(text):
        return RunnerError("offline", "the Edge TPU %s was lost: %s" % (engine.tpu.name, text))
    return RunnerError("model", "the interpreter cannot run the model: %s" % text)


def is_gone(library, tpu):
    """Whether the Edge TPU that was used is not listed any more."""
    return all(each["path"] != tpu.path for each in library.devices())
