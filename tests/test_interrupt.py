import os
import signal
from collections.abc import Iterator

import pytest

from tunegrid.interrupt import Interrupted, deferred, install, requested


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_raises_at_once_outside_a_deferred_block():
    with pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143


def test_a_deferred_signal_waits_for_the_end_of_the_block(capsys: pytest.CaptureFixture[str]):
    steps = []
    with pytest.raises(Interrupted) as caught, deferred():
        for step in range(5):
            steps.append(step)
            if step == 2:
                os.kill(os.getpid(), signal.SIGINT)
            if requested():
                steps.append("saved")
                break
    assert steps == [0, 1, 2, "saved"] and caught.value.exit_code == 130
    assert "once more stops at once" in capsys.readouterr().err
    assert not requested()


def test_a_second_signal_does_not_wait():
    with pytest.raises(Interrupted), deferred():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("still running")
