"""One rounding rule for inputs: the host's for `benchmark_model`, the Python runner's and the C runner's."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from functools import cache

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from harness.assets import folder
from harness.domain import TensorInfo
from harness.runtimes.benchmark_model_outputs import to_bytes
from tests.runtimes.runner_program import need_compiler, scratch

sys.path.insert(0, str(folder("device_scripts")))

import litert_models

TYPES = {"int8": 9, "uint8": 3, "int16": 7, "int32": 2}  # the C runner's numbers


class CTensor(ctypes.Structure):
    """`struct tensor` of device_scripts/runner/tensor.h."""

    _fields_ = (
        ("name", ctypes.c_char * 128),
        ("type", ctypes.c_int),
        ("rank", ctypes.c_int),
        ("dims", ctypes.c_int32 * 16),
        ("elements", ctypes.c_size_t),
        ("bytes", ctypes.c_size_t),
        ("scale", ctypes.c_float),
        ("zero_point", ctypes.c_int32),
        ("dynamic", ctypes.c_bool),
        ("copy", ctypes.c_void_p),
    )


@cache
def c_runner() -> ctypes.CDLL:
    source, built = folder("device_scripts") / "runner", scratch() / "libtensor.so"
    files = [str(source / name) for name in ("tensor.c", "report.c")]
    argv = [need_compiler(), "-std=gnu11", "-O2", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", str(built), *files, "-lm"]
    subprocess.run(argv, check=True)
    return ctypes.CDLL(str(built))


def by_c_runner(values: np.ndarray, tensor: TensorInfo) -> bytes:
    into = np.zeros(values.size, tensor.dtype)
    described = CTensor(type=TYPES[tensor.dtype], scale=tensor.scale, zero_point=tensor.zero_point)
    arguments = (values.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(values.size))
    c_runner().tensor_quantize(ctypes.byref(described), *arguments, into.ctypes.data_as(ctypes.c_void_p))
    return into.tobytes()


def by_python_runner(values: np.ndarray, tensor: TensorInfo) -> bytes:
    details = {
        "name": "t",
        "index": 0,
        "shape": tensor.shape,
        "dtype": np.dtype(tensor.dtype).type,
        "quantization": (tensor.scale, tensor.zero_point),
    }
    quantized: np.ndarray = litert_models.Tensor(details).quantize(values)
    return quantized.tobytes()


@given(
    st.sampled_from(sorted(TYPES)),
    st.one_of(st.just(0.0), st.integers(-20, 4).map(lambda power: 2.0**power), st.floats(2.0**-20, 10.0, width=32)),
    st.integers(-128, 255),
    st.lists(st.one_of(st.integers(-600, 600).map(lambda half: half / 2), st.floats(-1e9, 1e9, width=32)), min_size=1),
)
@example("int8", 0.5, -3, [1.25, 0.75, 0.25, -0.25])  # ties in the stored type, with an odd zero point
@example("int8", 1.0, 0, [0.5, 1.5, 2.5, -0.5, -1.5, 1e30, -1e30])
def test_all_three_store_the_same(dtype: str, scale: float, zero_point: int, values: list[float]) -> None:
    array = np.array([values], np.float32)
    tensor = TensorInfo("t", dtype, array.shape, scale, zero_point if scale else 0)
    assert by_python_runner(array, tensor) == to_bytes(array, tensor)
    assert by_c_runner(array, tensor) == to_bytes(array, tensor)
