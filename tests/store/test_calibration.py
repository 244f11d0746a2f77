from __future__ import annotations

from harness.store import Store
from tests.store import build


def test_noise_is_kept_whole_and_told_from_the_oldest_on(store: Store) -> None:
    late, early = build.noise(at="2026-05-02T02:00:00+00:00"), build.noise(at="2026-05-01T02:00:00+00:00")
    store.add_noise([late])
    store.add_noise([early, build.noise("adb-7")])
    store.add_noise([])
    assert store.noise(build.DEVICE) == (early, late)
    assert store.noise("adb-7") == (build.noise("adb-7"),)
    assert store.noise("gone") == ()


def test_equal_noise_of_two_calls_counts_twice(store: Store) -> None:
    store.add_noise([build.noise(), build.noise()])
    store.add_noise([build.noise()])
    assert store.noise(build.DEVICE) == (build.noise(),) * 3


def test_noise_since(store: Store) -> None:
    days = [build.noise(at=f"2026-05-0{day}T02:00:00+00:00") for day in (1, 2, 3)]
    store.add_noise(days)
    assert store.noise(build.DEVICE, since="2026-05-02") == tuple(days[1:])
    assert store.noise(build.DEVICE, since="2026-05-02T04:00:00+02:00") == tuple(days[1:])
    assert store.noise(build.DEVICE, since="2026-05-02T02:00:01Z") == (days[2],)


def test_the_profile_that_was_saved_last_counts_also_when_a_clock_went_backwards(store: Store) -> None:
    future = build.profile(at="2031-01-01T00:00:00.000+00:00", quarantine="")
    store.save_profile(future)
    store.save_profile(build.profile("adb-7"))
    assert store.profile(build.DEVICE) == future
    store.save_profile(build.profile())
    assert store.profile(build.DEVICE) == build.profile()
    assert store.profiles() == (build.profile(), build.profile("adb-7"))
    assert store.profile("gone") is None


def test_the_profile_in_force_at_a_time_is_the_last_one_made_by_then(store: Store) -> None:
    march, june = (build.profile(at=f"2026-0{month}-01T00:00:00.000+00:00") for month in (3, 6))
    wrong_clock = build.profile(at="2031-01-01T00:00:00.000+00:00")
    for one in (march, june, build.profile("adb-7", at="2026-02-01T00:00:00Z"), wrong_clock):
        store.save_profile(one)
    assert store.profile(build.DEVICE, at="2026-02-28T00:00:00Z") is None
    assert store.profile(build.DEVICE, at="2026-05-31T23:00:00.000+00:00") == march
    assert store.profile(build.DEVICE, at="2026-06-01T02:00:00+02:00") == june, "the very moment, in another zone"
    assert store.profile(build.DEVICE, at="2026-12-31T00:00:00Z") == june, "one of the future hides none"
    assert [one.device_id for one in store.profiles(at="2026-04-01T00:00:00Z")] == [build.DEVICE, "adb-7"]
    assert store.profiles(at="no time at all") == ()


def test_older_profiles_are_kept(store: Store) -> None:
    for _ in range(2):
        store.save_profile(build.profile())
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM device_profile").scalar() == 2
