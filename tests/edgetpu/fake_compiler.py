#!/usr/bin/env python3
"""A stand-in for ``edgetpu_compiler``: its flags, what it prints in the published forms, and what it writes.

What it does is chosen by ``EDGETPU_COMPILER_MODE``, one of `MODES`. The files that it writes really carry the custom
operator (`tests.edgetpu.embedded`). `install` puts an executable of the compiler's name into a folder.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

MODES = (
    *("success", "partial", "nothing", "internal_error", "internal_error_once", "invalid_model", "hang", "crash"),
    *("wrong_arch", "disk_full", "timeout", "garbage", "version15"),
    # Forms beyond the usual ones.
    *("op_version", "op_range", "custom_op", "dynamic", "activations", "uncaught", "silent", "failed"),
    *("lying", "empty_claim", "truncated", "other_outputs", "runtime"),
)
VERSION, OLD_VERSION = "16.0.384591198", "15.0.340273435"
UNMAPPED = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
PARTIAL = (
    "Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will "
    "instead run on the CPU, which is slower. If possible, consider updating your model to use only operations "
    "supported by the Edge TPU. For details, visit g.co/coral/model-reqs."
)
NEWER = "An older version of this builtin might be supported. Are you using an old TFLite binary with a newer model?"
_NOT_LOADED = (
    "Compilation failed: Model failed in Tflite interpreter. Please ensure model can be loaded/run in Tflite "
    "interpreter."
)


def install(folder: Path, name: str = "edgetpu_compiler") -> Path:
    """An executable in `folder` that runs this stand-in."""
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def main(argv: Sequence[str]) -> int:
    mode = os.environ.get("EDGETPU_COMPILER_MODE", "success")
    if mode == "wrong_arch":
        return fail_with(126, f"/bin/sh: 1: {sys.argv[0]}: Exec format error")
    if mode == "garbage":
        return garbage()
    options = parser().parse_args(argv)
    version = OLD_VERSION if mode == "version15" else VERSION
    print(f"Edge TPU Compiler version {version}", flush=True)
    if options.version:
        return 0
    options.timed = version == VERSION
    if mode in FAILURES:
        return FAILURES[mode](options)
    return compiled(options, mode)


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="edgetpu_compiler")
    flags.add_argument("-i", "--intermediate_tensors", default="")
    flags.add_argument("-o", "--out_dir", default=".")
    flags.add_argument("-s", "--show_operations", action="store_true")
    flags.add_argument("-m", "--min_runtime_version", type=int, default=14)
    flags.add_argument("-n", "--num_segments", type=int, default=1)
    flags.add_argument("-d", "--search_delegate", action="store_true")
    flags.add_argument("-k", "--delegate_search_step", type=int, default=1)
    flags.add_argument("-t", "--timeout_sec", type=int, default=180)
    flags.add_argument("-a", "--enable_multiple_subgraphs", action="store_true")
    flags.add_argument("-v", "--version", action="store_true")
    flags.add_argument("models", nargs="*", type=Path)
    return flags


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def fail_with(code: int, *lines: str) -> int:
    print("\n".join(lines), file=sys.stderr, flush=True)
    return code


def started(options: argparse.Namespace) -> None:
    if options.timed:
        print(f"Started a compilation timeout timer of {options.timeout_sec} seconds.", flush=True)


def refused(*lines: str) -> Callable[[argparse.Namespace], int]:
    """The form of version 16: its child fails, and the parent says so."""

    def fail(options: argparse.Namespace) -> int:
        started(options)
        print("\n".join(lines), file=sys.stderr, flush=True)
        print("Compilation child process completed within timeout period.\nCompilation failed! ", flush=True)
        return 1

    return fail


def internal_error(_: argparse.Namespace) -> int:
    print("\nInternal compiler error. Aborting! ", flush=True)
    return 1


def invalid_model(options: argparse.Namespace) -> int:
    print(f"Invalid model: {options.models[0]}\nModel not quantized", flush=True)
    return 1


def hang(_: argparse.Namespace) -> int:
    """Hangs with a child of its own, as the real one has; their numbers go to ``EDGETPU_COMPILER_PIDS``."""
    child = os.fork()
    if child and (book := os.environ.get("EDGETPU_COMPILER_PIDS")):
        Path(book).write_text(f"{os.getpid()} {child}", encoding="utf-8")
    while True:
        time.sleep(1.0)


def crash(options: argparse.Namespace) -> int:
    started(options)
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def disk_full(options: argparse.Namespace) -> int:
    started(options)
    name = Path(options.out_dir) / f"{options.models[0].stem}_edgetpu.tflite"
    name.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    return fail_with(1, f"{name}: No space left on device")


def timeout(options: argparse.Namespace) -> int:
    started(options)
    print("Compilation timeout. This is usually caused by large activations.\nCompilation failed! ", flush=True)
    return 1


def garbage() -> int:
    sys.stdout.buffer.write(bytes(range(256)) * 64 + b"\nOperator  1  \xff\n" + b"x" * 100_000)
    sys.stderr.buffer.write(b"\x1b[31mInput model: \0\nTotal number of operations: 99999999999999999999\n")
    return 0


FAILURES: dict[str, Callable[[argparse.Namespace], int]] = {
    "internal_error": internal_error,
    "invalid_model": invalid_model,
    "hang": hang,
    "crash": crash,
    "disk_full": disk_full,
    "timeout": timeout,
    "silent": lambda _: 0,
    "failed": refused(""),
    "op_version": refused(
        f"ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. {NEWER}",
        "ERROR: Registration failed.",
        _NOT_LOADED,
    ),
    "op_range": refused(
        "ERROR: Op builtin_code out of range: 150. Are you using old TFLite binary with newer model?",
        "ERROR: Registration failed.",
        _NOT_LOADED,
    ),
    "custom_op": refused(
        "ERROR: Encountered unresolved custom op: Atan.",
        "ERROR: Node number 1 (Atan) failed to prepare.",
        "",
        _NOT_LOADED,
    ),
    "dynamic": refused(
        "ERROR: Attempting to use a delegate that only supports static-sized tensors with a graph that has "
        "dynamic-sized tensors.",
        _NOT_LOADED,
    ),
    "activations": refused(
        "ERROR: Restored original execution plan after delegate application failure.",
        "Compilation failed: Compilation failed due to large activation tensors in model.",
    ),
    "uncaught": refused("libc++abi: terminating with uncaught exception of type std::out_of_range: vector"),
}


# ---- what succeeds ---------------------------------------------------------------------------------------------------


def compiled(options: argparse.Namespace, mode: str) -> int:
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    if mode == "internal_error_once":
        tried = options.models[0].with_suffix(".tried")
        if not tried.exists():
            tried.touch()
            return internal_error(options)
    if options.search_delegate:
        searched(options)
    else:
        started(options)
    print(f"\n{'Models' if len(options.models) > 1 else 'Model'} compiled successfully in 141 ms.", flush=True)
    for model in options.models:
        for stem in stems(model, options.num_segments):
            one(model, stem, options, mode)
    if options.timed:
        print("Compilation child process completed within timeout period.\nCompilation succeeded! ", flush=True)
    return 0


def searched(options: argparse.Namespace) -> None:
    """A search for a cut: an attempt that fails, then one that does not."""
    print(f"Searching for valid delegate with step {options.delegate_search_step}\nTry to compile segment with 4 ops")
    started(options)
    print("Compilation child process completed within timeout period.\nCompilation failed! ")
    print("Try to compile segment with 3 ops\nIntermediate tensors: a/b;c,d")
    started(options)


def stems(model: Path, segments: int) -> list[str]:
    if segments == 1:
        return [model.stem]
    return [f"{model.stem}_segment_{number}_of_{segments}" for number in range(segments)]


def one(model: Path, stem: str, options: argparse.Namespace, mode: str) -> None:
    """Write and print one model, or one segment; a segment has the whole model in it here."""
    source = model.read_bytes()
    operators = operators_of(source)
    total = sum(operators.values())
    on_cpu = {"partial": 1, "nothing": total}.get(mode, 0)
    result = Path(options.out_dir) / f"{stem}_edgetpu.tflite"
    content = content_of(source, options, mode)
    if content is not None:
        result.write_bytes(content)
    table = table_of(operators, on_cpu)
    head = f"Edge TPU Compiler version {VERSION}\nInput: {model}\nOutput: {result}\n"
    result.with_suffix(".log").write_text(f"{head}\n{table}", encoding="utf-8")
    print(f"\nInput model: {model.with_name(stem)}.tflite\nInput size: {size(len(source))}")
    print(f"Output model: {result}\nOutput size: {size(len(content or b''))}")
    print(f"On-chip memory used for caching model parameters: {size(0 if on_cpu == total else 4_414_505)}")
    print("On-chip memory remaining for caching model parameters: 3.29MiB")
    print("Off-chip memory used for streaming uncached model parameters: 0.00B")
    print(f"Number of Edge TPU subgraphs: {0 if on_cpu == total else 1}\nTotal number of operations: {total}")
    print(f"Operation log: {result.with_suffix('.log')}")
    if on_cpu:
        print(f"\n{PARTIAL}\nNumber of operations that will run on Edge TPU: {total - on_cpu}")
        print(f"Number of operations that will run on CPU: {on_cpu}")
    print(f"\n{table}" if options.show_operations else "See the operation log file for individual operation details.")


def content_of(source: bytes, options: argparse.Namespace, mode: str) -> bytes | None:
    from tests.edgetpu.embedded import embed

    if mode == "lying":
        return None
    whole = embed(
        source if mode != "other_outputs" else narrowed(source),
        partial=mode == "partial",
        whole=mode not in ("nothing", "empty_claim"),
        runtime_version=options.min_runtime_version + (mode == "runtime"),
    )
    return whole[: len(whole) // 3] if mode == "truncated" else whole


def narrowed(source: bytes) -> bytes:
    """The model with another shape of its output."""
    from ai_edge_litert.tools import flatbuffer_utils

    model: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(source))
    output = model.subgraphs[0].tensors[model.subgraphs[0].outputs[0]]
    output.shape = [*output.shape[:-1], 1]
    output.shapeSignature = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def operators_of(source: bytes) -> Counter[str]:
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    model: Any = schema.Model.GetRootAs(source, 0)
    graph = model.Subgraphs(0)
    codes = [model.OperatorCodes(graph.Operators(index).OpcodeIndex()) for index in range(graph.OperatorsLength())]
    return Counter(names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())] for code in codes)


def table_of(operators: Counter[str], on_cpu: int) -> str:
    lines = [f"{'Operator':<31}{'Count':<11}Status", ""]
    for name, count in operators.items():
        left = min(count, on_cpu)
        on_cpu -= left
        if left:
            lines.append(f"{name:<31}{left:<11}{UNMAPPED}")
        if count - left:
            lines.append(f"{name:<31}{count - left:<11}Mapped to Edge TPU")
    return "\n".join(lines) + "\n"


def size(count: float) -> str:
    for unit in ("B", "KiB"):
        if count < 1024:
            return f"{count:.2f}{unit}"
        count /= 1024
    return f"{count:.2f}MiB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
