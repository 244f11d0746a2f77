import os
import signal

from harness.lab.interrupt import Interrupt, handle_signals


def test_once_stops_after_the_invocation_in_flight_and_twice_cancels_it() -> None:
    said: list[str] = []
    interrupt = Interrupt()
    with handle_signals(interrupt, said.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.stop.is_set()
        assert not interrupt.cancel.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.cancel.is_set()
    assert len(said) == 2
    assert "again" in said[0]


def test_the_handlers_of_before_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with handle_signals(Interrupt(), lambda text: None):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
