"""How kernels are named, and the operators of a file that they compute. Pure."""

from __future__ import annotations

EDGE_TPU_OPERATOR = "edgetpu-custom-op"  # what edgetpu_compiler puts in the place of all that it maps

# How XNNPACK's names of kernels begin, or what they hold, and the operators that they compute. The first that fits.
_XNNPACK = (
    ("DWConv", "DEPTHWISE_CONV_2D"),
    ("Convolution", "CONV_2D"),
    ("Deconvolution", "TRANSPOSE_CONV"),
    ("Fully Connected", "FULLY_CONNECTED"),
    ("Batch Matrix Multiply", "BATCH_MATMUL"),
    ("Average Pooling", "AVERAGE_POOL_2D"),
    ("Mean", "MEAN"),
    ("Max Pooling", "MAX_POOL_2D"),
    ("Softmax", "SOFTMAX"),
    ("Sigmoid", "LOGISTIC"),
    ("HardSwish", "HARD_SWISH"),
    ("Add", "ADD"),
    ("Subtract", "SUB"),
    ("Multiply", "MUL"),
    ("Divide", "DIV"),
    ("Constant Pad", "PAD"),
    ("Resize Bilinear", "RESIZE_BILINEAR"),
    ("Transpose", "TRANSPOSE"),
    ("Reshape", "RESHAPE"),
    ("Static Reshape", "RESHAPE"),
    ("Copy", "RESHAPE"),
)


def operator_of(kernel: str) -> str:
    """The operator of a file that a kernel computes; the kernel's own name where that is not known."""
    if kernel.isupper():
        return kernel
    return next((name for mark, name in _XNNPACK if mark in kernel), kernel)
