"""What a lane waits for: a cool phone before a block, a lost one to come back. Every wait is seen and has an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.devices.base import Device
from harness.domain import DeviceSettings
from harness.events import Event, Waiting
from harness.lab.interrupt import Interrupt
from harness.units import format_duration

GATE_STEP_S = 1.0
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 20.0


@dataclass(frozen=True)
class Waiter:
    """Waits for one device. `sleep` takes seconds; `clock` gives them."""

    device: Device
    settings: DeviceSettings
    interrupt: Interrupt
    post: Callable[[Event], None]
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def for_gate(self) -> str:
        """Wait until the next block may begin; the reason it was begun without when patience ended, else empty."""
        begin, reason = self.clock(), self.device.wait_reason()
        shown = ""
        while reason and not self.interrupt.stop.is_set():
            if self.clock() - begin >= self.settings.gate.timeout_s:
                self._show("")
                waited = format_duration(self.settings.gate.timeout_s)
                return f"begun although the gate did not open within {waited} ({reason})"
            if reason != shown:
                self._show(reason)
                shown = reason
            self.sleep(GATE_STEP_S)
            reason = self.device.wait_reason()
        if shown:
            self._show("")
        return ""

    def for_device(self) -> bool:
        """Wait, ever longer between tries, until a lost device answers again; whether it did."""
        begin, step_s, limit_s = self.clock(), FIRST_RETRY_S, self.settings.offline_timeout_s
        self._show(f"offline: waiting up to {format_duration(limit_s)} for the device to come back")
        try:
            while not self.interrupt.stop.is_set():
                if self.device.recover(self.interrupt.cancel):
                    return True
                if self.clock() - begin + step_s > limit_s:
                    return False
                self._pause(step_s)
                step_s = min(2.0 * step_s, LONGEST_RETRY_S)
            return False
        finally:
            self._show("")

    def _pause(self, seconds: float) -> None:
        """Sleep in short steps, so that an interrupt is heard."""
        end = self.clock() + seconds
        while not self.interrupt.stop.is_set() and (left := end - self.clock()) > 0:
            self.sleep(min(GATE_STEP_S, left))

    def _show(self, reason: str) -> None:
        self.post(Waiting(self.device.device_id, reason, self.clock()))
