"""`server.toml` as a whole: defaults, each kind of wrong value, and what belongs together."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.settings import PublisherSettings, ServerSettings, load_server
from rigwatch.settings.loader import overlay


def load(tmp_path: Path, text: str = "", **environ: str) -> ServerSettings:
    (tmp_path / "server.toml").write_text(text, encoding="utf-8")
    return load_server(Home(tmp_path), environ)


def refusal(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text, **environ)
    said = str(error.value)
    assert "\n" not in said
    assert error.value.exit_code == 2
    return said


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == ServerSettings()
    assert (settings.broker.port, settings.broker.plain_host, settings.web.port) == (8883, "127.0.0.1", 8081)
    assert settings.security.enrollment == "closed"
    assert settings.database.keep == timedelta(hours=48)


def test_what_the_file_says_counts(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[broker]\nport = 0\nadvertise = "10.0.0.2"\n[broker.limits]\nconnect_timeout = "1m30s"\n'
        '[database]\nkeep = "7d"\n[web.colours]\nhashrate_green = 2\n',
    )
    assert (settings.broker.port, settings.broker.advertise) == (0, "10.0.0.2")
    assert settings.broker.limits.connect_timeout == timedelta(seconds=90)
    assert settings.database.keep == timedelta(days=7)
    assert settings.web.colours.hashrate_green == 2.0


def test_a_missing_file_tells_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"server\.toml: not there; run 'rigwatch init'"):
        load_server(Home(tmp_path), {})


WRONG = {
    "unknown section": ("[brokr]\n", "brokr: unknown key; did you mean 'broker'?"),
    "unknown key": ("[broker]\nprot = 1\n", "broker.prot: unknown key; did you mean 'port'?"),
    "nothing near": ("[security]\nzzz = 1\n", "security.zzz: unknown key; known here: enrollment, passphrase"),
    "deep unknown key": (
        "[web.colours]\npeer_green = 1\n",
        "web.colours.peer_green: unknown key; did you mean 'peers_gr",
    ),
    "section is a value": ("broker = 5\n", "broker: should be a table of settings"),
    "type": ('[broker]\nport = "8883"\n', "broker.port: expected `int`, got `str` (got '8883')"),
    "bool is no number": ("[broker]\nport = true\n", "broker.port: expected `int`, got `bool` (got True)"),
    "float is no count": ("[web]\nport = 1.5\n", "web.port: expected `int`, got `float` (got 1.5)"),
    "range": ("[broker]\nport = 65536\n", "broker.port: expected `int` <= 65535 (got 65536)"),
    "negative": ("[broker]\nplain_port = -1\n", "broker.plain_port: expected `int` >= 0 (got -1)"),
    "not a number": ("[web.colours]\nhashrate_green = nan\n", "web.colours.hashrate_green: expected `float` >= 0.0"),
    "choice": ('[broker]\nmode = "extern"\n', "broker.mode: should be 'embedded' or 'external' (got 'extern')"),
    "choice of another type": ("[broker]\nmode = 1\n", "broker.mode: should be 'embedded' or 'external' (got 1)"),
    "duration without unit": ('[database]\nkeep = "48"\n', "database.keep: write a duration as a number and a unit"),
    "duration as a number": ("[database]\nkeep = 48\n", "database.keep: write a duration as text"),
    "duration too short": ('[database]\nkeep = "59m"\n', "database.keep: should be from 1h to 36500d (got '59m')"),
    "duration too long": ('[database]\nkeep = "36501d"\n', "database.keep: should be from 1h to 36500d"),
    "syntax": ("[broker]\nport = \n", "is not TOML: Invalid value (at line 2"),
    "external without url": ('[broker]\nmode = "external"\n', "broker: mode 'external' needs url"),
    "no port": ("[broker]\nport = 0\nplain_port = 0\n", "broker: port and plain_port are both 0"),
    "open without passphrase": ('[security]\nenrollment = "open"\n', "security: enrollment 'open' needs a passphrase"),
    "colours out of order": ("[web.colours]\npeers_yellow = 50\n", "web.colours: peers_green, peers_yellow and"),
    "lag out of order": ("[web.colours]\nlag_green = 9\n", "web.colours: lag_green should not be above lag_yellow"),
    "temperatures out of order": (
        "[web.colours]\ntemperature_green = 80\n",
        "web.colours: temperature_green, temperature_yellow and",
    ),
    "memory out of order": ("[web.colours]\nmemory_orange = 97\n", "web.colours: memory_green, memory_yellow and"),
    "half a certificate": (
        '[web]\ntls_key = "key.pem"\n',
        "web: tls_certificate and tls_key belong together; set both or none",
    ),
    "no proxy": (
        '[web]\ntrusted_proxies = ["10.0.0.0/8", "nginx"]\n',
        "web: trusted_proxies: 'nginx' does not appear to be an IPv4 or IPv6 network; write addresses or networks",
    ),
    "a header of everybody": (
        '[web]\nsso_header = "X-Forwarded-User"\n',
        "web: sso_header needs trusted_proxies: of anybody else it would be believed as well",
    ),
    "a header of the connection": (
        '[web]\ntrusted_proxies = ["10.0.0.1"]\nsso_header = "X-Forwarded-For"\n',
        "web: sso_header: 'X-Forwarded-For' says no user; write it as 'X-Forwarded-User'",
    ),
    "no header": (
        '[web]\ntrusted_proxies = ["10.0.0.1"]\nsso_header = "X_User"\n',
        "web: sso_header: 'X_User' says no user; write it as 'X-Forwarded-User'",
    ),
    "users made of no header": (
        "[web]\nsso_create = true\n",
        "web: sso_create needs sso_header, such as 'X-Forwarded-User'",
    ),
    "a rest longer than all": (
        '[web]\nsession_idle = "8d"\n',
        "web: session_idle should not be above session_max; set session_max as well",
    ),
    "a network with a host": (
        '[web]\ntrusted_proxies = ["10.0.0.1/8"]\n',
        "web: trusted_proxies: 10.0.0.1/8 has host bits set; write addresses or networks",
    ),
    "no origin": (
        '[web]\ncors_origins = ["https://page.example/"]\n',
        "web: cors_origins: 'https://page.example/' is no origin; write it as 'https://page.example', or '*'",
    ),
    "an origin with the port that browsers leave out": (
        '[web]\ncors_origins = ["https://page.example:443"]\n',
        "web: cors_origins: 'https://page.example:443' is no origin; write it as 'https://page.example', or '*'",
    ),
    "an origin without a host": ('[web]\ncors_origins = ["http://:8080"]\n', "web: cors_origins: 'http://:8080' is no"),
    "another broker without a tree": (
        '[feed]\nbroker = "mqtts://h"\n',
        "feed: broker gets the state tree, so it needs state = true as well",
    ),
    "another broker that is none": (
        '[feed]\nstate = true\nbroker = "https://h"\n',
        "feed: broker should look like 'mqtts://user:password@broker.example:8883'",
    ),
    "another broker that is the same": (
        '[broker]\nmode = "external"\nurl = "mqtt://u:p@h"\n[feed]\nstate = true\nbroker = "mqtt://h:1883"\n',
        "feed.broker is broker.url, where the state tree is already; take feed.broker out",
    ),
    "prefix": (
        '[feed]\ntopic_prefix = "farm/#"\n',
        "feed: topic_prefix: 'farm/#' cannot begin a topic; write it as 'farm/rigwatch'",
    ),
    "a prefix that no topic can have": (
        '[feed]\ntopic_prefix = "farm\\u0000"\n',
        "feed: topic_prefix: 'farm\\x00' cannot begin a topic; write it as 'farm/rigwatch'",
    ),
    "a prefix that is too long": (f'[feed]\ndiscovery_prefix = "{"a" * 201}"\n', "feed: discovery_prefix: 'aaa"),
    "the tree among what others keep": (
        '[feed]\ntopic_prefix = "homeassistant"\n',
        "feed: topic_prefix: should not be, or be below, discovery_prefix; write it as 'farm/rigwatch'",
    ),
    "form": ('[feed]\ndiscovery = "both"\n', "feed.discovery: should be 'device' or 'component' (got 'both')"),
    "age out of order": ('[web.colours]\nage_green = "1h"\n', "web.colours: age_green should not be above age_yellow"),
}


def test_origins_are_taken_as_browsers_write_them(tmp_path: Path) -> None:
    origins = ("http://localhost:443", "https://a.example:8443", "http://[::1]:80443", "https://10.0.0.1", "*")
    (tmp_path / "server.toml").write_text(f"[web]\ncors_origins = {list(origins)!r}\n")
    assert load_server(Home(tmp_path), {}).web.cors_origins == origins


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_refused_with_its_file_key_and_what_would_be_right(
    tmp_path: Path, text: str, said: str
) -> None:
    assert refusal(tmp_path, text).startswith(f"{tmp_path / 'server.toml'}: {said}")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not TOML"):
        load_server(Home(tmp_path), {})


def test_a_directory_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "server.toml").mkdir()
    with pytest.raises(SettingsError, match=r"server\.toml: cannot be read"):
        load_server(Home(tmp_path), {})


@pytest.mark.parametrize(
    "text",
    [
        '[security]\npassphrase = "confidential"\n',
        '[security]\npassphrase = ["confidential"]\n',
        '[security]\npassphrase = "confidential"\nenrollment = "ajar"\n',
        '[database]\nurl = { "confidential" = 1 }\n',
        '[broker]\nurl = ["mqtts://u:confidential@h"]\n',
        '[broker]\nurl = "mqtts://u:confidential@h"\nport = "x"\n',
        '[feed]\nstate = true\nbroker = "http://u:confidential@h"\n',
    ],
)
def test_an_error_never_repeats_a_secret(tmp_path: Path, text: str) -> None:
    assert "confidential" not in refusal(tmp_path, text)


def test_a_short_passphrase_is_refused_with_its_file_and_length(tmp_path: Path) -> None:
    said = refusal(tmp_path, '[security]\npassphrase = "fifteen-letters"\n')
    assert said == f"{tmp_path / 'server.toml'}: security: passphrase has 15 characters; at least 16 are needed"


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    secret = "confidential-words"
    settings = load(
        tmp_path,
        f'[security]\npassphrase = "{secret}"\n[database]\nurl = "postgresql://u:{secret}@h/d"\n'
        f'[broker]\nurl = "mqtts://u:{secret}@h"\n',
    )
    assert settings.security.passphrase == secret
    assert secret not in f"{settings!r} {settings} {settings.security!r}"


def test_an_override_of_the_environment_counts_more_than_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "[broker]\nport = 1000\nplain_port = 1001\n",
        RIGWATCH_BROKER__PORT="2000",
        RIGWATCH_BROKER__HOST="::1",
        RIGWATCH_BROKER__WEBSOCKET_TLS="false",
        RIGWATCH_BROKER__LIMITS__CONNECT_TIMEOUT="20s",
        RIGWATCH_DATABASE__KEEP="72h",
        RIGWATCH_SECURITY__ENROLLMENT="open",
        RIGWATCH_SECURITY__PASSPHRASE="sixteen letters!",
        RIGWATCH_WEB__COLOURS__HASHRATE_GREEN="0.5",
    )
    assert (settings.broker.port, settings.broker.plain_port, settings.broker.host) == (2000, 1001, "::1")
    assert settings.broker.websocket_tls is False
    assert settings.broker.limits.connect_timeout == timedelta(seconds=20)
    assert settings.database.keep == timedelta(hours=72)
    assert (settings.security.enrollment, settings.security.passphrase) == ("open", "sixteen letters!")
    assert settings.web.colours.hashrate_green == 0.5


def test_overriding_does_not_change_what_was_read() -> None:
    raw = {"broker": {"port": 1}}
    assert overlay(ServerSettings, raw, {"RIGWATCH_BROKER__PORT": "2"}) == {"broker": {"port": 2}}
    assert raw == {"broker": {"port": 1}}


@pytest.mark.parametrize(("text", "keep"), [("1h", timedelta(hours=1)), ("36500d", timedelta(days=36500))])
def test_both_bounds_of_a_duration_are_allowed(tmp_path: Path, text: str, keep: timedelta) -> None:
    assert load(tmp_path, f'[database]\nkeep = "{text}"\n').database.keep == keep


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("RIGWATCH_BROKER__PROT", "1", "RIGWATCH_BROKER__PROT: no such setting; did you mean 'port'?"),
        ("RIGWATCH_BROKR__PORT", "1", "RIGWATCH_BROKR__PORT: no such section; did you mean 'broker'?"),
        ("RIGWATCH_BROKER__PORT__X", "1", "RIGWATCH_BROKER__PORT__X: 'port' is not a section"),
        ("RIGWATCH_WEB__COLOURS__PEER_GREEN", "1", "RIGWATCH_WEB__COLOURS__PEER_GREEN: no such setting"),
        ("RIGWATCH_BROKER__PORT", "many", "RIGWATCH_BROKER__PORT: 'many' is not a value as TOML writes it"),
        ("RIGWATCH_BROKER__PORT_FILE", "/x", "RIGWATCH_BROKER__PORT_FILE: no such setting"),
        ("RIGWATCH_BROKER__", "1", "RIGWATCH_BROKER__: no such setting"),
        ("RIGWATCH___PORT", "1", "RIGWATCH___PORT: no such section"),
        ("RIGWATCH_BROKER__PORT", "1\nurl = 2", "RIGWATCH_BROKER__PORT: '1\\nurl = 2' is not a value"),
    ],
)
def test_a_misspelt_or_wrong_override_is_refused_by_its_name(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    assert refusal(tmp_path, "", **{variable: value}).startswith(said)


def test_an_override_out_of_range_is_refused(tmp_path: Path) -> None:
    assert "broker.port: expected `int` <= 65535 (got 70000)" in refusal(tmp_path, "", RIGWATCH_BROKER__PORT="70000")


def test_variables_that_are_no_overrides_are_left_alone(tmp_path: Path) -> None:
    environ = {"RIGWATCH_HOME": "/x", "RIGWATCH_SUPERVISED": "1", "PATH": "/bin", "OTHER_BROKER__PORT": "1"}
    assert load(tmp_path, **environ) == ServerSettings()


def test_every_section_of_the_publishers_file_may_be_overridden_in_the_same_environment(tmp_path: Path) -> None:
    for section in msgspec.structs.fields(PublisherSettings):
        assert load(tmp_path, **{f"RIGWATCH_{section.name.upper()}__X": "1"}) == ServerSettings()


def test_a_secret_is_read_from_the_file_that_the_environment_names(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("sixteen letters and öl \n", encoding="utf-8")
    settings = load(tmp_path, RIGWATCH_SECURITY__PASSPHRASE_FILE=str(file), RIGWATCH_SECURITY__ENROLLMENT="open")
    assert settings.security.passphrase == "sixteen letters and öl "


@pytest.mark.parametrize("content", [None, b"", b"\n", b"confidential\xff"], ids=["missing", "empty", "line", "binary"])
def test_a_secret_file_that_holds_none_is_refused_and_not_repeated(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "passphrase"
    if content is not None:
        file.write_bytes(content)
    said = refusal(tmp_path, "", RIGWATCH_SECURITY__PASSPHRASE_FILE=str(file))
    assert said.startswith(f"RIGWATCH_SECURITY__PASSPHRASE_FILE: {file} ")
    assert "confidential" not in said
    assert "0xff" not in said
