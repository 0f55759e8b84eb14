"""What `up` and `publish --join` write as a machine's first publisher.toml."""

import tomllib

from publisher.detection import Found
from publisher.joining import publisher_toml


def test_a_machine_gets_a_source_for_each_thing_that_was_found_on_it_before_the_host() -> None:
    url = "http://127.0.0.1:4067"
    text = publisher_toml(
        "rw1.x", [Found({"kind": "nvml"}, "driver"), Found({"kind": "trex", "url": url}, "port 4067")]
    )
    (node,) = tomllib.loads(text)["nodes"]
    assert node["token"] == "rw1.x"
    assert node["sources"] == [{"kind": "nvml"}, {"kind": "trex", "url": url}, {"kind": "host"}]
    assert "# found on port 4067\n" in text


def test_where_nothing_is_found_there_is_the_host_and_how_to_add_a_miner() -> None:
    text = publisher_toml("rw1.x", [])
    assert tomllib.loads(text)["nodes"][0]["sources"] == [{"kind": "host"}]
    assert "rigwatch sources --write" in text
