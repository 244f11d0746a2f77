from __future__ import annotations

from harness.store import Store
from tests.store import build


def test_a_name_means_the_version_that_was_pinned_last_and_all_are_kept(store: Store) -> None:
    first, second = build.baseline(reason="release 2.3"), build.baseline(reason="release 2.4", links=())
    other = build.baseline("nightly ü'; --")
    for baseline in (first, other, second):
        store.save_baseline(baseline)
    assert store.baseline("main") == second
    assert store.baseline("nightly ü'; --") == other
    assert store.baselines() == (first, other, second)


def test_a_name_that_nobody_pinned(store: Store) -> None:
    assert store.baseline("main") is None
    assert store.baselines() == ()


def test_an_older_version_can_be_pinned_again(store: Store) -> None:
    for reason in ("a", "b", "a"):
        store.save_baseline(build.baseline(reason=reason))
    found = store.baseline("main")
    assert found is not None
    assert found.reason == "a"
    assert len(store.baselines()) == 3
