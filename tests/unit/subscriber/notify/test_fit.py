"""Messages cut to the room there is."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.notification import COPY, NotificationText
from subscriber.notify.fit import Measure, MessageLimits, fit, utf8, utf16

measures = st.sampled_from([len, utf8, utf16])
texts = st.text(st.characters(), max_size=400)
LINES = "\n".join(f"line {number}" for number in range(100))


@given(st.builds(NotificationText, texts, texts), st.integers(40, 300), st.integers(0, 200), measures)
def test_it_fits_whatever_it_is(text: NotificationText, most: int, title_most: int, measure: Measure) -> None:
    fitted = fit(text, MessageLimits(title_most, most, shared=True, measure=measure))
    assert measure(fitted.title) + (2 if fitted.body else 0) + measure(fitted.body) <= most
    assert not title_most or measure(fitted.title) <= max(title_most, 40)


@given(texts, texts)
def test_what_fits_is_left_as_it_is(title: str, body: str) -> None:
    assert fit(
        NotificationText(title, body), MessageLimits(4000, 4000, shared=False, measure=utf8)
    ) == NotificationText(title, body)


def test_whole_lines_are_kept_and_the_rest_is_counted() -> None:
    fitted = fit(NotificationText("title", LINES), MessageLimits(0, 60, shared=False, measure=len))
    assert fitted.body == "line 0\nline 1\nline 2\nline 3\n… and 96 more lines"


def test_what_is_said_about_copies_stays_when_the_title_is_cut() -> None:
    fitted = fit(NotificationText(f"{'t' * 200} {COPY}", "body"), MessageLimits(100, 1000, shared=False, measure=len))
    assert fitted.title.endswith(f"t… {COPY}")
    assert len(fitted.title) <= 100


def test_an_emoji_is_two_to_telegram_and_four_bytes() -> None:
    assert (utf16("😀a"), utf8("😀a")) == (3, 5)
