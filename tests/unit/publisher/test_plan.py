from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from publisher.plan import phase_of, plans_of
from rigwatch.errors import RigwatchError, SettingsError, TokenError
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.mqtt import Endpoint
from rigwatch.settings.loader import SettingPlace, build
from rigwatch.settings.publisher import PublisherSettings
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock

PASSPHRASE = "correct horse battery"
NODE = NodeId("shed", "rig07")
KEY = MasterKey(bytes(range(32))).node_key(NODE)
# Made for these tests (openssl req -x509 -newkey ec …, valid for 100 years); its key is gone.
CA = """\
-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIURSZuRUmlMqZp4qKh2DbLe8/I7lkwCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXcmlnd2F0Y2ggdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIzMjAz
ODI5WhgPMjEyNjEwMzAyMDM4MjlaMCIxIDAeBgNVBAMMF3JpZ3dhdGNoIHRlc3Qg
YXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElODcTW+n0+c/sc8k
a40+9z/8r45kVNbsHZWrqJRPDb5PhnXxlVio1S1/Bg2FDSOCXQpgs6ZjJuA2V0bS
31aV2aNTMFEwHQYDVR0OBBYEFPCt0HM++XeDE5BnGkj7GxF4AmxbMB8GA1UdIwQY
MBaAFPCt0HM++XeDE5BnGkj7GxF4AmxbMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI
zj0EAwIDSQAwRgIhAKTg71vm/xVi78NkjipF5k0EtDdt2MjF8kulnhVDhH04AiEA
2uAOjIFeAg7muRfyq8tV427t1tRZVfYum4MvLOkOVok=
-----END CERTIFICATE-----"""
NO_CA = JoinToken("mqtts://monitor.example:8884", NODE, KEY, "not a certificate").encode()
TOKEN = JoinToken("mqtts://monitor.example:8884", NODE, KEY, CA).encode()


def _plans(home: Path, *nodes: dict[str, Any]) -> Any:  # noqa: ANN401 - a tuple, taken apart by each test
    place = SettingPlace(str(home / "publisher.toml"))
    settings = build(PublisherSettings, {"nodes": list(nodes)}, place)
    return plans_of(settings, Home(home), clock=FakeClock())


def test_a_token_says_who_where_and_whom_to_trust(tmp_path: Path) -> None:
    (plan,) = _plans(tmp_path, {"token": TOKEN})
    assert plan.node == NODE
    assert plan.account.key == KEY
    assert plan.account.endpoint == Endpoint("monitor.example", 8884, tls=True, ca=CA)
    assert (plan.name, plan.tags, plan.interval.total_seconds(), plan.account.keepalive) == ("rig07", (), 60.0, 10)
    assert [label for label, _ in plan.sources] == ["host"]


def test_a_token_may_stand_in_a_file_of_the_home(tmp_path: Path) -> None:
    (tmp_path / "rig07.token").write_text(TOKEN + "\n")
    (plan,) = _plans(tmp_path, {"token_file": "rig07.token"})
    assert plan.account.key == KEY


def test_a_server_beside_a_token_overrides_its_address_alone(tmp_path: Path) -> None:
    (plan,) = _plans(tmp_path, {"token": TOKEN, "server": "mqtts://10.0.0.9"})
    assert plan.account.endpoint == Endpoint("10.0.0.9", 8883, tls=True, ca=CA)


def test_a_passphrase_gives_the_key_that_the_server_derives(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CA)
    (plan,) = _plans(tmp_path, {"node": "rig07", "server": "mqtts://h", "passphrase": PASSPHRASE, "ca_file": "ca.pem"})
    assert plan.account.key == MasterKey.from_passphrase(PASSPHRASE).node_key(NodeId("main", "rig07"))
    assert plan.account.endpoint == Endpoint("h", 8883, tls=True, ca=CA)


def test_a_passphrase_is_stretched_once_for_all_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stretched: list[str] = []
    whole = MasterKey.from_passphrase

    def counted(passphrase: str) -> MasterKey:
        stretched.append(passphrase)
        return whole(passphrase)

    monkeypatch.setattr(MasterKey, "from_passphrase", counted)
    nodes = [{"node": f"rig{i}", "server": "mqtt://h", "passphrase": PASSPHRASE} for i in range(20)]
    assert len(_plans(tmp_path, *nodes)) == 20
    assert len(stretched) == 1


@pytest.mark.parametrize(
    ("node", "kind", "text"),
    [
        ({"token": "rw1.nonsense"}, TokenError, "nodes[1]: join token: cut short or altered"),
        ({"token": TOKEN[:-20]}, TokenError, "nodes[1]: join token: "),
        (
            {"token": TOKEN, "node": "rig08"},
            SettingsError,
            "nodes[1].node: is 'rig08', but the token is for shed/rig07",
        ),
        ({"token": TOKEN, "site": "main"}, SettingsError, "nodes[1].site: is 'main', but the token is for shed/rig07"),
        ({"token_file": "missing"}, SettingsError, "nodes[1].token_file: missing cannot be read"),
        ({"token": TOKEN, "ca_file": "missing"}, SettingsError, "nodes[1].ca_file: missing cannot be read"),
        ({"token": TOKEN, "server": "monitor:8883"}, SettingsError, "nodes[1]: the server's address should look like"),
        ({"token": NO_CA}, SettingsError, "nodes[1]: the certificate authority to trust is not a certificate in PEM"),
        ({"token": TOKEN, "sources": [{"kind": "hots"}]}, SettingsError, "nodes[1].sources[1].kind: no such kind"),
    ],
)
def test_a_node_that_cannot_be_run_is_one_clear_error(
    tmp_path: Path, node: dict[str, Any], kind: type[RigwatchError], text: str
) -> None:
    with pytest.raises(kind) as raised:
        _plans(tmp_path, node)
    assert str(raised.value).startswith(f"{tmp_path / 'publisher.toml'}: {text}")
    assert "\n" not in str(raised.value)
    assert TOKEN[:-20] not in str(raised.value)


def test_a_passphrase_from_a_file_that_is_too_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("short")
    with pytest.raises(SettingsError, match=r"nodes\[1\]: passphrase: has 5 characters") as raised:
        _plans(tmp_path, {"node": "a", "server": "mqtt://h", "passphrase_file": "words"})
    assert "short" not in str(raised.value).replace("too short", "")


def test_a_node_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nodes\[2\]\.node: shed/rig07 is named twice"):
        _plans(tmp_path, {"token": TOKEN}, {"token": TOKEN})


def test_the_first_node_reads_at_once_and_each_further_one_at_a_time_of_its_own(tmp_path: Path) -> None:
    nodes = [{"node": name, "passphrase": PASSPHRASE, "server": "mqtt://127.0.0.1"} for name in ("a", "b", "c")]
    first, second, third = (plan.phase for plan in _plans(tmp_path, *nodes))
    assert first == 0.0
    assert (second, third) == (phase_of(NodeId("main", "b")), phase_of(NodeId("main", "c")))
    assert len({first, second, third}) == 3


def test_five_hundred_nodes_make_no_burst() -> None:
    phases = [phase_of(NodeId("main", f"asic-{at:03}")) for at in range(500)]
    assert all(0 <= phase < 1 for phase in phases)
    tenths = Counter(int(phase * 10) for phase in phases)
    assert len(tenths) == 10
    assert max(tenths.values()) < 80
