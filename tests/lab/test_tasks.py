from harness.domain import Backend, Case, MeasureSettings, ModelRef, Purpose, Status
from harness.lab.tasks import attempts_allowed, given_up, remaining, tasks_for

CASES = [Case(ModelRef(f"m{number}"), "int8", backend=Backend(threads=number + 1)) for number in range(5)]
MEASURE = MeasureSettings(blocks=4, seed=7)


def test_every_case_is_timed_once_in_every_block() -> None:
    tasks = [task for task in tasks_for(CASES, MEASURE) if task.purpose is Purpose.TIMING]
    for block in range(4):
        ids = [task.case.case_id for task in tasks if task.block == block]
        assert sorted(ids) == sorted(case.case_id for case in CASES)
    assert [task.block for task in tasks] == sorted(task.block for task in tasks), "blocks follow one another"


def test_the_order_differs_between_blocks_and_follows_the_seed() -> None:
    def orders(seed: int) -> list[tuple[str, ...]]:
        tasks = tasks_for(CASES, MeasureSettings(blocks=4, seed=seed))
        return [tuple(task.case.case_id for task in tasks if task.block == block) for block in range(1, 4)]

    assert orders(7) == orders(7)
    assert orders(7) != orders(8)
    assert len(set(orders(7))) > 1


def test_passes_are_separate_and_the_outputs_come_first() -> None:
    purposes = [task.purpose for task in tasks_for(CASES, MEASURE)]
    assert purposes[:5] == [Purpose.OUTPUTS] * 5
    assert purposes[-10:] == [Purpose.MEMORY] * 5 + [Purpose.PROFILE] * 5
    slim = MeasureSettings(blocks=1, memory=False, profile=False)
    assert {task.purpose for task in tasks_for(CASES, slim)} == {Purpose.OUTPUTS, Purpose.TIMING}


def test_the_sentinel_gets_no_sustained_pass() -> None:
    cases = [*CASES, Case(ModelRef("sentinel"), "float32")]
    sustained = [
        task for task in tasks_for(cases, MeasureSettings(sustained_s=60.0)) if task.purpose is Purpose.SUSTAINED
    ]
    assert [task.case for task in sustained] == CASES, "one after the other, in the order of the plan"


def test_a_resumed_run_does_what_is_left_in_the_same_order() -> None:
    tasks = tasks_for(CASES, MEASURE)
    done = {task.key for task in tasks[::3]}
    left = remaining(tasks, done)
    assert left == tuple(task for index, task in enumerate(tasks) if index % 3)


def test_only_what_may_pass_a_second_time_is_tried_again() -> None:
    assert attempts_allowed(Status.CRASHED) == 1
    assert attempts_allowed(Status.TIMEOUT) == 2
    assert attempts_allowed(Status.OFFLINE) == 3


def test_a_case_is_given_up_after_two_failures_that_outweigh_the_successes() -> None:
    assert not given_up([Status.CRASHED], Status.DONE)
    assert not given_up([Status.DONE, Status.DONE, Status.CRASHED, Status.CRASHED], Status.DONE)
    assert "2 of 2" in given_up([Status.CRASHED, Status.TIMEOUT], Status.DONE)
    assert "2 of 3" in given_up([Status.CRASHED, Status.DONE, Status.CRASHED], Status.DONE)
    assert given_up([], Status.CRASHED) == "the outputs pass failed"
    assert not given_up([], Status.UNSUPPORTED), "a tool that gives no outputs can still be timed"
