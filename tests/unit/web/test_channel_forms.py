"""From what people have to the address that Apprise takes; each is tried on Apprise itself."""

from typing import Any

import apprise
import pytest

from web.admin.channel_forms import KINDS, WrongField, kind_label, kind_of

MAIL = {
    "host": "smtp.example.org",
    "port": "587",
    "security": "starttls",
    "user": "ada@example.org",
    "password": "p/#&x=",
    "from": "rig@example.org",
    "to": "a@example.org, b@example.org",
}
MAIL_ADDRESS = (
    "mailtos://smtp.example.org:587?user=ada%40example.org&pass=p%2F%23%26x%3D&from=rig%40example.org"
    "&to=a%40example.org%2Cb%40example.org&mode=starttls"
)
HOOK = "https://discord.com/api/webhooks/123456789012345678/AbC-dEf_0123456789abcdef"
RIGHT = [
    ("ntfy", {"topic": "my-topic", "server": "https://ntfy.sh", "token": ""}, "ntfy://my-topic"),
    (
        "ntfy",
        {"topic": "rigs", "server": "https://ntfy.example:8443/", "token": "tk_abc"},
        "ntfys://ntfy.example:8443/rigs?token=tk_abc",
    ),
    ("ntfy", {"topic": "rigs", "server": "http://10.0.0.2", "token": ""}, "ntfy://10.0.0.2/rigs"),
    (
        "mail",
        MAIL,
        MAIL_ADDRESS,
    ),
    (
        "mail",
        {**MAIL, "user": "", "password": "", "security": "insecure", "port": "25", "to": "a@example.org"},
        "mailto://smtp.example.org:25?from=rig%40example.org&to=a%40example.org&mode=insecure",
    ),
    ("discord", {"webhook": HOOK}, "discord://123456789012345678/AbC-dEf_0123456789abcdef"),
    (
        "slack",
        {"webhook": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"},
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    ),
    (
        "webhook",
        {"url": "https://u:p@h.example/x/?key=a b&n=1".replace(" ", "%20")},
        "jsons://u:p@h.example/x/?-key=a+b&-n=1",
    ),
    ("webhook", {"url": "http://127.0.0.1:8000/hook"}, "json://127.0.0.1:8000/hook"),
    ("other", {"url": "json://h/x"}, "json://h/x"),
]
WRONG = [
    ("ntfy", {"topic": "a b", "server": "", "token": ""}, "Topic"),
    ("ntfy", {"topic": "ab", "server": "ntfy.example", "token": ""}, "Server"),
    ("mail", {**MAIL, "host": "a b"}, "Mail server"),
    ("mail", {**MAIL, "host": "h?x=1"}, "Mail server"),
    ("mail", {**MAIL, "port": "0"}, "Port"),
    ("mail", {**MAIL, "port": "²"}, "Port"),
    ("mail", {**MAIL, "from": "ada"}, "From"),
    ("mail", {**MAIL, "to": "a@b.org,"}, "To"),
    ("mail", {**MAIL, "user": ""}, "User"),
    ("discord", {"webhook": "https://evil.example/api/webhooks/1234567/AbC-dEf_0123456789abcdef"}, "Webhook"),
    ("slack", {"webhook": "https://hooks.slack.com/services/T1"}, "Webhook"),
    ("webhook", {"url": "ftp://h"}, "Address"),
    ("webhook", {"url": "https://h:x/"}, "Address"),
]


@pytest.mark.parametrize(("kind", "values", "address"), RIGHT)
def test_what_people_have_becomes_an_address_that_apprise_takes(
    kind: str, values: dict[str, str], address: str
) -> None:
    assert KINDS[kind].address(values) == address
    assert apprise.Apprise.instantiate(address) is not None


def test_a_password_with_any_letter_arrives_as_it_is() -> None:
    plugin: Any = apprise.Apprise.instantiate(KINDS["mail"].address(MAIL))
    assert (plugin.user, plugin.password, plugin.secure_mode) == ("ada@example.org", "p/#&x=", "starttls")
    assert [mail for _, mail in plugin.targets] == ["a@example.org", "b@example.org"]


@pytest.mark.parametrize(("kind", "values", "field"), WRONG)
def test_what_cannot_be_names_its_field_and_repeats_nothing_of_it(
    kind: str, values: dict[str, str], field: str
) -> None:
    with pytest.raises(WrongField, match=f"^{field}: ") as caught:
        KINDS[kind].address(values)
    assert "evil" not in str(caught.value)


def test_each_address_is_known_again_by_its_kind() -> None:
    for kind, _, address in RIGHT:
        found = kind_of(address.partition(":")[0])
        assert found.name == ("webhook" if kind == "other" else kind)
    assert kind_label("tgram") == kind_label("telegram") == "Telegram"
    assert kind_label("pover") == "pover"
