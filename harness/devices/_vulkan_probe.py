"""Prints the Vulkan devices as JSON ``[[name, is_cpu], …]``: ``python -I -S _vulkan_probe.py LOADER_LIBRARY``.

Structure layouts are those of the Vulkan 1.0 core specification (vkEnumeratePhysicalDevices,
vkGetPhysicalDeviceProperties).
"""

import ctypes
import json
import sys

_INSTANCE_CREATE_INFO = 1
_DEVICE_TYPE_CPU = 4
_NAME_OFFSET = 20  # after five 32-bit numbers: apiVersion, driverVersion, vendorID, deviceID, deviceType
_TYPE_OFFSET = 16
_PROPERTIES_BYTES = 4096  # VkPhysicalDeviceProperties is 824 bytes


class _CreateInfo(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    ]


def _devices(library: str) -> list[list[object]]:
    vulkan = ctypes.CDLL(library)
    instance = ctypes.c_void_p()
    if vulkan.vkCreateInstance(ctypes.byref(_CreateInfo(type=_INSTANCE_CREATE_INFO)), None, ctypes.byref(instance)):
        return []
    count = ctypes.c_uint32()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    handles = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    found: list[list[object]] = []
    for handle in handles:
        properties = ctypes.create_string_buffer(_PROPERTIES_BYTES)
        vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), properties)
        kind = ctypes.c_uint32.from_buffer(properties, _TYPE_OFFSET).value
        name = properties.raw[_NAME_OFFSET : _NAME_OFFSET + 256].split(b"\0")[0].decode("utf-8", "replace")
        found.append([name, kind == _DEVICE_TYPE_CPU])
    return found


if __name__ == "__main__":
    try:
        print(json.dumps(_devices(sys.argv[1])))
    except OSError:
        print("[]")
