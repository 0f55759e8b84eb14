"""What a rig's `publisher.toml` says in these tests, and what its publisher's log tells of the samples it kept."""

import re

_KEPT = re.compile(r"sample kept node=(\S+) n=(\d+)")


def node_toml(token: str, *, interval: str = "1s", source: str = 'kind = "simulated"\nevery = "1s"') -> str:
    """One node that is known by its join token."""
    return f'[[nodes]]\ntoken = "{token}"\ninterval = "{interval}"\n\n[[nodes.sources]]\n{source}\n'


def kept_samples(log: str) -> dict[str, set[int]]:
    """The samples whose keeping is in a publisher's log (written with --debug, after the disk had them)."""
    found: dict[str, set[int]] = {}
    for node, n in _KEPT.findall(log):
        found.setdefault(node, set()).add(int(n))
    return found
