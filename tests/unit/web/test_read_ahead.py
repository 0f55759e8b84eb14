"""Reading ahead, and the end of it."""

import threading

from tests.waiting import promised
from web.read_ahead import ReadAhead


def test_closing_waits_for_what_is_being_read_and_lets_nothing_begin() -> None:
    ahead, begun, told, read = ReadAhead(), threading.Event(), threading.Event(), []

    def slowly() -> None:
        begun.set()
        if told.wait(promised(5)):
            read.append("the fleet")

    assert ahead.start(slowly)
    assert begun.wait(promised(5))
    closing = threading.Thread(target=ahead.close)
    closing.start()
    while ahead.start(lambda: None):
        pass
    assert closing.is_alive()
    told.set()
    closing.join(promised(5))
    assert read == ["the fleet"]
    assert not ahead.start(slowly)
