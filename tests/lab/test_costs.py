"""What calibrated devices cost, for estimates."""

from harness.domain import Backend, Case, ClassProfile, DeviceProfile, ModelRef, Target
from harness.lab.costs import startup_costs

HOST, PHONE = Target("host"), Target("adb")
PROFILE = DeviceProfile("host-x", "", classes=(ClassProfile("cpu 1 to 10 ms", 30, 0, 0.02, invocation_s=1.5),))


def test_costs_are_known_by_target_and_kind_of_backend() -> None:
    cases = [Case(ModelRef("m"), "int8", target, Backend(kind)) for target in (HOST, PHONE) for kind in ("cpu", "gpu")]
    assert startup_costs(cases, {HOST: PROFILE, PHONE: None}) == {(HOST, "cpu"): 1.5}
    assert startup_costs(cases, {}) == {}
