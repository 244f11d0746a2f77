"""Which case of one sweep is compared with which of another: two builds, or one build with itself.

Cases belong together when they agree in everything; what is left over is matched by its place in the two files, so that
``runtimes: [old]`` against ``runtimes: [new]`` compares the two. The candidate's model gets a name of its own: both
files are prepared side by side, and every report shows which is which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from harness.domain import BASE, CANDIDATE, Case, ModelRef, Pair
from harness.short_paths import telling_parts
from harness.sweep.model import Sweep
from harness.sweep.plan import default_runtime, expand

_SUFFIX = "-candidate"


@dataclass(frozen=True)
class Pairing:
    """The pairs in the order of the base, and the cases that have no counterpart (without an arm).

    `cases` are those of the two sweeps that the arms of each pair stand for.
    """

    pairs: tuple[Pair, ...]
    cases: tuple[tuple[Case, Case], ...]
    only_base: tuple[Case, ...] = ()
    only_candidate: tuple[Case, ...] = ()


def pair_sweeps(base: Sweep, candidate: Sweep) -> Pairing:
    """The pairs of two builds: every case of `base` with its counterpart in `candidate`."""
    left, right = list(expand(base).cases), list(expand(candidate).cases)
    matched: list[tuple[Case, Case]] = []
    for key_left, key_right in _keys(base, candidate):
        by_key: dict[Hashable, list[Case]] = {}
        for case in right:
            by_key.setdefault(key_right(case), []).append(case)
        for case in tuple(left):
            found = by_key.get(key_left(case), [])
            if found:
                matched.append((case, found.pop(0)))
                left.remove(case)
                right.remove(matched[-1][1])
    place = {case: number for number, case in enumerate(expand(base).cases)}
    matched.sort(key=lambda pair: place[pair[0]])
    return Pairing(_pairs(matched), tuple(matched), tuple(left), tuple(right))


def pair_with_itself(sweep: Sweep) -> Pairing:
    """A/A: every case of `sweep` against itself."""
    matched = tuple((case, case) for case in expand(sweep).cases)
    return Pairing(_pairs(matched), matched)


def series_label(case: Case) -> str:
    """What `case` measures, in words that stay the same from build to build: no paths, no versions. Pairs add what
    tells paths apart where nothing else does.

    ``mobilenet_v2 int8 · cpu xnnpack 1 thread · host``, with cores and runtime where they are not the usual ones.
    """
    backend = case.backend
    words = [backend.label, f"{backend.threads} thread{'s' if backend.threads != 1 else ''}"]
    if backend.cores_label != "big":
        words.append(f"on cores {backend.cores_label}")
    runtime = [] if case.runtime.name == default_runtime(case.target) else [case.runtime.name]
    return " · ".join([f"{case.model.name} {case.variant}", " ".join(words), case.target.label, *runtime])


def _keys(base: Sweep, candidate: Sweep) -> Sequence[tuple[Callable[[Case], Hashable], Callable[[Case], Hashable]]]:
    """Ways to tell what belongs together, the strictest first; each for the cases of the base and of the candidate."""
    return (
        (_everything, _everything),
        (_what_it_is, _what_it_is),
        (_by_place(base), _by_place(candidate)),
    )


def _everything(case: Case) -> Hashable:
    return case


def _what_it_is(case: Case) -> Hashable:
    """The same model by name, whatever file it comes from."""
    return (case.model.name, case.variant, case.target, case.backend, case.runtime)


def _by_place(sweep: Sweep) -> Callable[[Case], Hashable]:
    """The place of each part in its list of the sweep; a model goes by its name unless it is the only one."""
    runtimes = list(sweep.runtimes)

    def key(case: Case) -> Hashable:
        model = "" if len(sweep.models) == 1 else case.model.name
        variant: Hashable = 0 if len(sweep.variants) == 1 else case.variant
        target: Hashable = 0 if len(sweep.targets) == 1 else case.target
        runtime = runtimes.index(case.runtime) if runtimes else 0
        return (model, variant, target, list(sweep.backends).index(case.backend), runtime)

    return key


def _pairs(matched: Sequence[tuple[Case, Case]]) -> tuple[Pair, ...]:
    seen: Counter[str] = Counter()
    labels = _labels([base for base, _ in matched])
    taken = {case.model.name for pair in matched for case in pair}
    pairs: list[Pair] = []
    for (base, candidate), label in zip(matched, labels, strict=True):
        seen[label] += 1
        series = label if seen[label] == 1 else f"{label} · {seen[label]}"
        renamed = replace(candidate, model=_candidate_model(candidate.model, taken), arm=CANDIDATE)
        pairs.append(Pair(replace(base, arm=BASE), renamed, series))
    return tuple(pairs)


def _labels(cases: Sequence[Case]) -> list[str]:
    """The series label of each case; of those that differ by paths only with what tells the paths apart."""
    found = [series_label(case) for case in cases]
    for label, count in Counter(found).items():
        if count == 1:
            continue
        places = [place for place, one in enumerate(found) if one == label]
        for place, told in zip(places, _told_apart([cases[place] for place in places]), strict=True):
            found[place] = " · ".join([label, *told])
    return found


def _told_apart(cases: Sequence[Case]) -> list[list[str]]:
    """For each case the telling parts of the paths that are not the same in all of them."""
    paths = [_paths(case) for case in cases]
    told: list[list[str]] = [[] for _ in cases]
    for name in dict.fromkeys(name for one in paths for name in one):
        values = [one.get(name, "") for one in paths]
        if len(set(values)) > 1:
            for parts, part in zip(told, telling_parts(values), strict=True):
                parts.extend(filter(None, [part]))
    return told


def _paths(case: Case) -> dict[str, str]:
    """What a label leaves out: the interpreter, and the files of the runtime and of the delegate."""
    options = {f"backend {name}": value for name, value in case.backend.options if "/" in value}
    files = {f"runtime {name}": value for name, value in case.runtime.options}
    return {"python": case.runtime.python or "", **files, **options}


def _candidate_model(model: ModelRef, taken: set[str]) -> ModelRef:
    suffix = _SUFFIX
    while model.name + suffix in taken:
        suffix += "-"
    recipe = model.recipe or ("" if model.file else model.name)
    return replace(model, name=model.name + suffix, recipe=recipe)
