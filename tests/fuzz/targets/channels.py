"""What Telegram, a heartbeat's address or a proxy before them may answer."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from hypothesis import strategies as st

from rigwatch.http import WAIT_MAX_S, HttpError, ask, wait_asked_for
from store.outbox import StoredNotification
from subscriber.notify.apprise import AppriseSender
from subscriber.notify.channel import NotSent
from subscriber.notify.telegram import Bot
from subscriber.notify.updates import Pressed, number_of, update_of
from tests.fuzz.answers import answering, answers
from tests.fuzz.target import Take, Target
from tests.mail import CLOSE, mail_server

TOKEN = "123456:fuzz-Token_of-this-test"
_SECRET = "fuzz-Secret-in-the-address"

_NUMBERS = st.one_of(st.integers(-(2**64), 2**64), st.floats(allow_nan=False, allow_infinity=False), st.none())
_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
_MAYBE = st.fixed_dictionaries(
    {},
    optional={
        "ok": st.one_of(st.booleans(), _ANY),
        "result": _ANY,
        "error_code": st.one_of(st.sampled_from([400, 401, 403, 429]), _ANY),
        "description": st.one_of(st.sampled_from(["Bad Request: chat not found", "Forbidden"]), _ANY),
        "parameters": st.one_of(
            _ANY, st.fixed_dictionaries({}, optional={"retry_after": _ANY, "migrate_to_chat_id": _ANY})
        ),
    },
)
_BOT_BODIES = st.one_of(_MAYBE, _ANY).map(msgspec.json.encode)


@contextmanager
def _telegram() -> Iterator[Take]:
    with answering() as server:
        bot = Bot(f"http://127.0.0.1:{server.port}", TOKEN)

        def take(answer: bytes) -> None:
            server.answer = answer
            refused = _refused(bot)
            if refused:
                assert str(refused).isprintable()
                assert TOKEN not in str(refused)
                assert 0 <= refused.retry_after <= WAIT_MAX_S

        yield take


def _refused(bot: Bot) -> NotSent | None:
    try:
        bot.call("getUpdates", 5)
    except NotSent as exc:
        return exc
    return None


@contextmanager
def _heartbeat() -> Iterator[Take]:
    with answering() as server:

        def take(answer: bytes) -> None:
            server.answer = answer
            with suppress(HttpError):
                ask(f"http://127.0.0.1:{server.port}/ping", timeout=5, most=0)

        yield take


@contextmanager
def _retry_after() -> Iterator[Take]:
    def take(asked: object) -> None:
        seconds = wait_asked_for(asked, 1_760_000_000.0)
        assert math.isfinite(seconds)
        assert 0 <= seconds <= WAIT_MAX_S

    yield take


@contextmanager
def _apprise() -> Iterator[Take]:
    with answering() as server:
        senders = [
            AppriseSender(url.format(f"127.0.0.1:{server.port}"), "x")
            for url in (f"json://{{}}/{_SECRET}", "ntfy://{}/t")
        ]

        def take(answer: bytes) -> None:
            server.answer = answer
            for sender in senders:
                _check(_tried(sender))

        yield take


@contextmanager
def _mail() -> Iterator[Take]:
    with mail_server() as server:
        sender = AppriseSender(server.url("ann@y.example"), "mail")

        def take(answers: dict[str, str]) -> None:
            server.answers = answers
            _check(_tried(sender))

        yield take


def _tried(sender: AppriseSender) -> NotSent | None:
    try:
        sender.send(StoredNotification(0, "x", "first", "info", "title", "body", (), 0), timeout=5)
    except NotSent as exc:
        return exc
    return None


def _check(refused: NotSent | None) -> None:
    if refused:
        assert str(refused).isprintable()
        assert _SECRET not in str(refused)
        assert 0 <= refused.retry_after <= WAIT_MAX_S


_SAID = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40),
    st.builds(
        "{}{}{}".format, st.integers(0, 999), st.sampled_from([" ", "-", ""]), st.text(st.characters(codec="ascii"))
    ),
    st.just(CLOSE),
)
_COMMANDS = ("EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", ".", "RSET", "QUIT")


@contextmanager
def _updates() -> Iterator[Take]:
    def take(raw: object) -> None:
        number, update = number_of(raw), update_of(raw)
        assert number is None or 0 <= number < 2**53
        if isinstance(update, Pressed):
            assert update.who.name.isprintable()
            assert update.incident < 2**63

    yield take


_CHAT = st.one_of(_ANY, st.fixed_dictionaries({}, optional={"id": _ANY}))
_PERSON = st.one_of(_ANY, st.fixed_dictionaries({}, optional={"id": _ANY, "username": _ANY, "first_name": _ANY}))
_MESSAGE = st.one_of(
    _ANY, st.fixed_dictionaries({}, optional={"chat": _CHAT, "text": _ANY, "from": _PERSON, "migrate_to_chat_id": _ANY})
)
_DATA = st.one_of(_ANY, st.from_regex(r"(ack|mute) \d*"))
_QUERY = st.one_of(
    _ANY, st.fixed_dictionaries({}, optional={"id": _ANY, "from": _PERSON, "message": _MESSAGE, "data": _DATA})
)
_UPDATE = st.one_of(
    _ANY, st.fixed_dictionaries({}, optional={"update_id": _ANY, "message": _MESSAGE, "callback_query": _QUERY})
)
_DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Wed", "Foo", ""]),
    st.integers(-1, 40),
    st.sampled_from(["Oct", "Feb", "x"]),
    st.integers(-1, 99_999),
    *(st.integers(-1, 99),) * 3,
    st.sampled_from(["GMT", "+9999", "-0000", "", "+99999999999999"]),
)

TARGETS = (
    Target("telegram-answer", answers(_BOT_BODIES), _telegram),
    Target("apprise-answer", answers(st.binary(max_size=60)), _apprise),
    Target("mail-answer", st.dictionaries(st.sampled_from(_COMMANDS), _SAID, max_size=4), _mail),
    Target("telegram-updates", _UPDATE, _updates),
    Target("heartbeat-answer", answers(st.binary(max_size=40)), _heartbeat),
    Target("retry-after", st.one_of(_DATES, st.text(max_size=60), _ANY, st.floats(), st.integers()), _retry_after),
)
