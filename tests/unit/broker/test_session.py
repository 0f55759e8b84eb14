from typing import Any

from amqtt.session import Session

from broker.counters import Counters
from broker.outgoing import Outgoing
from broker.rights import Account, Role
from broker.session import ClientSession
from rigwatch.settings.server import BrokerLimits


def session() -> ClientSession:
    account = Account("ann", Role.ADMIN)
    outgoing = Outgoing(BrokerLimits(), Counters(), name="ann:1")
    return ClientSession("ann:1", account, expiry=0, outgoing=outgoing)


def test_it_has_everything_that_amqtts_session_has() -> None:
    ours, theirs = session(), Session()
    for name, value in vars(theirs).items():
        mine = getattr(ours, name)
        if name not in {"transitions", "client_id", "username", "clean_session"}:
            assert type(mine) is type(value), name
            assert name.endswith("_queue") or name == "retained_messages" or mine == value, name


def test_it_answers_amqtts_questions_about_its_state() -> None:
    ours = session()
    assert (ours.transitions.state, ours.transitions.is_connected()) == ("disconnected", False)

    class Line:
        writable = True

        def send(self, packet: bytes) -> None: ...

    ours.outgoing.resume(Line())
    assert (ours.transitions.state, ours.transitions.is_connected()) == ("connected", True)
    assert (ours.inflight_out_count, ours.inflight_in_count, ours.retained_messages_count) == (0, 0, 0)


def test_what_nobody_asks_for_is_not_made() -> None:
    made: dict[str, Any] = vars(session())
    assert not {"transitions", "retained_messages", "inflight_out", "attributes"} & set(made)


def test_two_sessions_of_one_client_id_are_two() -> None:
    assert session() != session()
    assert len({session(), session()}) == 2
