import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy.client_config import convert, node_table
from legacy.loose_json import Value, decode
from rigwatch.settings.loader import SettingPlace, build
from rigwatch.settings.publisher import PublisherSettings

WRITTEN = rb"""{
"Id": 7
"Name": "Comp 1", "Server": "10.0.0.1:3333", "EncryptionKey": "0123456789abcdef",
"Frequency": "90" "Mode": "gpu"
"WaltonClientPath": "C:\Program Files\WTC\", "GpuMinerLocation": "C:\gpu\new\"
"RpcPort": 8546
}"""


def written(**changed: Value) -> dict[str, Value]:
    return decode(WRITTEN) | {key.lower(): value for key, value in changed.items()}


def test_a_gpu_client_reads_the_miners_file_before_it_asks_the_chain_client() -> None:
    client = convert(written())
    (node,) = tomllib.loads(node_table(client, {"token": "rw1.x"}))["nodes"]
    assert node == {
        "token": "rw1.x",
        "name": "Comp 1",
        "interval": "90s",
        "sources": [
            {"kind": "hashfile", "path": r"C:\gpu\new\0202001"},
            {"kind": "jsonrpc", "url": "http://127.0.0.1:8546"},
        ],
    }
    assert (client.number, client.host, client.passphrase) == (7, "10.0.0.1", "0123456789abcdef")


def test_a_cpu_client_asks_the_chain_client_alone() -> None:
    client = convert({"id": 1, "mode": "CPU"})
    (node,) = tomllib.loads(node_table(client, {"token": "rw1.x"}))["nodes"]
    assert node["sources"] == [{"kind": "jsonrpc", "url": "http://127.0.0.1:8545"}]
    assert "name" not in node


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("/opt/miner", "/opt/miner/0202001"),
        ("/opt/miner/", "/opt/miner/0202001"),
        ("/opt/miner/0202001", "/opt/miner/0202001"),
        ("D:\\miner", r"D:\miner\0202001"),
        # Read as JSON, one backslash and an n are a line's end.
        ("C:\new", r"C:\new\0202001"),
    ],
)
def test_the_miners_file_is_in_its_folder(folder: str, path: str) -> None:
    assert convert(written(GpuMinerLocation=folder)).hashfile == path


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Id": None}, "Id is missing"),
        ({"Id": 0}, "Id is missing, or not 1 or more"),
        ({"Id": "x"}, "Id is not a whole number"),
        ({"Frequency": 90_000}, "Frequency is not from 1"),
        ({"Frequency": -1}, "Frequency is not from 1"),
        ({"RpcPort": 70_000}, "RpcPort is not a port"),
        ({"Mode": "FPGA"}, "Mode is neither"),
        ({"GpuMinerLocation": ""}, "GpuMinerLocation is missing"),
    ],
)
def test_what_no_publisher_could_run_with_is_refused(changed: dict[str, Value], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        convert(written(**changed))


@given(
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 10**9),
            "name": st.text(max_size=250),
            "frequency": st.integers(1, 86_400),
            "mode": st.sampled_from(["CPU", "GPU"]),
            "gpuminerlocation": st.text(min_size=1, max_size=60).filter(str.strip),
            "rpcport": st.integers(1, 65535),
        }
    )
)
def test_every_client_becomes_a_table_that_the_publisher_takes(old: dict[str, Value]) -> None:
    table = node_table(convert(old), {"token": "rw1.x"})
    (node,) = build(PublisherSettings, tomllib.loads(table), SettingPlace("publisher.toml")).nodes
    assert node.interval.total_seconds() == old["frequency"]
    assert len(node.sources) == (2 if old["mode"] == "GPU" else 1)
