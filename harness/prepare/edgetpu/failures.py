"""The compiler's known refusals: what each text means and what to do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.domain import Status
from harness.prepare.edgetpu.log import printable

OLDER = (
    "The compiler is of 2021 and knows no newer operator versions: convert the model with an older converter "
    "(TensorFlow 2.5 to 2.8), or with one that can be told to write old operators."
)
INSTALL = (
    "Install edgetpu-compiler from Coral's apt repository (https://coral.ai/docs/edgetpu/compiler; x86-64 Debian or "
    "Ubuntu; it is not on PyPI), or say in `edgetpu_compiler: command` how to run it in a container or on another host."
)
QUANTIZE = "Prepare it as int8 (integer weights, activations, inputs and outputs, with representative data)."


@dataclass(frozen=True)
class Failure:
    """Why there is no result. `transient`: the same call may succeed."""

    status: Status
    what: str
    remedy: str = ""
    transient: bool = False

    @property
    def sentence(self) -> str:
        """What and remedy as running text."""
        what = self.what if self.what.endswith((".", "!", "?")) else f"{self.what}."
        return f"{what} {self.remedy}".strip()


@dataclass(frozen=True)
class _Rule:
    """`what` may use the groups of `pattern`."""

    pattern: str
    what: str
    remedy: str = ""
    status: Status = Status.FAILED
    transient: bool = False


# The first that fits: causes before the sentences that only say that something failed.
_RULES = (
    _Rule(
        r"No space left on device|Disk quota exceeded|ENOSPC",
        "the disk is full: {line}",
        "Free space there, or give another folder.",
    ),
    _Rule(
        r"Exec format error|cannot execute binary file|qemu-\S+: Could not open",
        "what was started is not for this processor ({line}); edgetpu_compiler is for x86-64, this host is {machine}",
        "Run it on an x86-64 host by a command template (edgetpu_compiler: command), over ssh or in a container there.",
    ),
    _Rule(r"Model not quantized", "the compiler says that the model is not quantized", QUANTIZE),
    _Rule(
        r"Didn't find op for builtin opcode '?(?P<op>\w{1,60})'? version '?(?P<version>\d{1,6})'?",
        "the compiler does not know version {version} of {op}",
        OLDER,
    ),
    _Rule(
        r"Op builtin_code out of range: (?P<op>\d{1,9})",
        "the compiler does not know the operator with code {op}: it is newer than the compiler",
        OLDER,
    ),
    _Rule(
        r"unresolved custom op: (?P<op>[^\n]{1,80}?)\.?\s*(?:$|\n|See )",
        "the compiler does not know the custom operator {op}",
        "Take it out of the model and compute it outside, or end the Edge TPU's part before it (intermediate_tensors).",
    ),
    _Rule(
        r"only supports static-sized tensors|dynamic-sized tensors",
        "the model has tensors of open size",
        "Convert it with a fixed input shape, with a batch of 1.",
    ),
    _Rule(
        r"Compilation timeout",
        "the compiler gave up at its own timeout: {line}",
        "Raise timeout_s of edgetpu_compiler, make the model's input smaller, or try search_delegate.",
        Status.TIMEOUT,
    ),
    _Rule(
        r"large activation",
        "the model's activations are too large for the Edge TPU",
        "Make its input smaller, or end the Edge TPU's part earlier (intermediate_tensors, search_delegate).",
    ),
    _Rule(
        r"Model failed in Tflite interpreter",
        "the compiler's interpreter of 2021 cannot run the model",
        OLDER,
    ),
    _Rule(
        r"terminating with uncaught exception|terminate called after|std::\w+: ",
        "the compiler broke off: {line}",
        "Try search_delegate or intermediate_tensors: one operator of the model is what it stumbles over.",
        Status.CRASHED,
    ),
    _Rule(
        r"Internal compiler error",
        "internal compiler error, {attempts}",
        "The compiler is not deterministic, but fails too often here: try search_delegate, intermediate_tensors, or "
        "the model without its last operators.",
        transient=True,
    ),
    _Rule(
        r"Invalid model",
        "the compiler says that the model is invalid: {line}",
        "See whether LiteRT loads it (harness inspect) and whether all of it is int8.",
    ),
    _Rule(
        r"(?i)(?:unrecogni[sz]ed|unknown) (?:command line )?(?:flag|option)|invalid option",
        "this edgetpu_compiler does not take an argument: {line}",
        "Leave the option away, or install edgetpu-compiler 16.0.",
    ),
    _Rule(
        r"Compilation failed",
        "the compiler says that compilation failed, and not why",
        "Try search_delegate or intermediate_tensors; `harness inspect` shows the operators that the Edge TPU is not "
        "expected to take.",
    ),
)


def failure_in(text: str, *, machine: str = "another", attempts: str = "once") -> Failure | None:
    """What `text` says went wrong; None when it names nothing that is known. The last attempt of a search counts."""
    for rule in _RULES:
        found = list(re.finditer(rule.pattern, text))
        if found:
            match = found[-1]
            words = {"line": _line_of(text, match.start()), "machine": machine, "attempts": attempts}
            return Failure(rule.status, _filled(rule.what, {**words, **match.groupdict()}), rule.remedy, rule.transient)
    return None


def _filled(sentence: str, words: dict[str, str | None]) -> str:
    """`sentence` with its words, each put in once: what they hold is not looked at again."""
    return printable(re.sub(r"\{(\w+)\}", lambda match: str(words.get(match[1]) or ""), sentence))


def _line_of(text: str, at: int) -> str:
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return " ".join(text[begin : end if end >= 0 else len(text)].split())[:200]
