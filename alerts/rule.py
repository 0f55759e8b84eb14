"""The rules by name, and what each starts from where nothing else is set. Only data lives here."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rigwatch.clock import Millis

SECOND: Millis = 1000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE

THREE_TIMES = (0, 5 * MINUTE, HOUR)
ONCE = (0,)


class Severity(StrEnum):
    """How bad, in words; the order is that of `SEVERITIES`."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


def worst(severities: Iterable[Severity]) -> Severity:
    """Of at least one."""
    return max(severities, key=SEVERITIES.index)


class Rule(StrEnum):
    """What can be wrong. The values are the names of tables in `[alerts]`."""

    LOST = "lost"
    SILENT = "silent"
    OFFLINE = "offline"
    NO_PEERS = "no_peers"
    FEW_PEERS = "few_peers"
    NO_HASHRATE = "no_hashrate"
    LOW_HASHRATE = "low_hashrate"
    HASHRATE_FLOOR = "hashrate_floor"
    BLOCK_LAG = "block_lag"
    BLOCK_AHEAD = "block_ahead"
    BLOCK_STALLED = "block_stalled"
    FORK = "fork"
    SOURCE_FAILING = "source_failing"
    NO_SHARES = "no_shares"
    REJECTED_SHARES = "rejected_shares"
    GPU_MISSING = "gpu_missing"
    BOARD_MISSING = "board_missing"
    CHIPS_MISSING = "chips_missing"
    HOT = "hot"
    COLD = "cold"
    CLOCK_OFF = "clock_off"
    SAMPLES_LOST = "samples_lost"
    QUOTA = "quota"
    TWO_PUBLISHERS = "two_publishers"
    # of rigwatch itself, never of a node
    NO_BROKER = "no_broker"
    NO_DATABASE = "no_database"
    CHANNEL_REFUSED = "channel_refused"
    CERTIFICATE_EXPIRY = "certificate_expiry"


PRESENCE = frozenset({Rule.LOST, Rule.SILENT, Rule.OFFLINE})
OF_THE_FLEET = frozenset({Rule.BLOCK_LAG, Rule.BLOCK_AHEAD, Rule.BLOCK_STALLED, Rule.FORK})
"""Rules that compare a node with the others."""
OF_THE_SERVER = frozenset({Rule.NO_BROKER, Rule.NO_DATABASE, Rule.CHANNEL_REFUSED, Rule.CERTIFICATE_EXPIRY})

UNITS = {
    Rule.SILENT: "intervals",
    Rule.FEW_PEERS: "peers",
    Rule.LOW_HASHRATE: "% of usual",
    Rule.HASHRATE_FLOOR: "H/s",
    Rule.BLOCK_LAG: "blocks",
    Rule.BLOCK_AHEAD: "blocks",
    Rule.BLOCK_STALLED: "min",
    Rule.NO_SHARES: "times its usual wait",
    Rule.REJECTED_SHARES: "%",
    Rule.CHIPS_MISSING: "% of a board",
    Rule.HOT: "°C",
    Rule.COLD: "°C",
    Rule.CLOCK_OFF: "s",
    Rule.CERTIFICATE_EXPIRY: "days",
}
"""Of `threshold` and `clear`; a rule without one has no use for them."""

TITLES = {
    Rule.LOST: "lost",
    Rule.SILENT: "silent",
    Rule.OFFLINE: "stopped",
    Rule.NO_PEERS: "has no peers",
    Rule.FEW_PEERS: "has few peers",
    Rule.NO_HASHRATE: "hashes nothing",
    Rule.LOW_HASHRATE: "hashes less than usual",
    Rule.HASHRATE_FLOOR: "hashes too little",
    Rule.BLOCK_LAG: "lags behind the chain",
    Rule.BLOCK_AHEAD: "is ahead of all others",
    Rule.BLOCK_STALLED: "is stuck at a block",
    Rule.FORK: "is on another chain",
    Rule.SOURCE_FAILING: "cannot be read in full",
    Rule.NO_SHARES: "gets no share accepted",
    Rule.REJECTED_SHARES: "gets shares rejected",
    Rule.GPU_MISSING: "misses a GPU",
    Rule.BOARD_MISSING: "misses a hash board",
    Rule.CHIPS_MISSING: "misses chips",
    Rule.HOT: "is too hot",
    Rule.COLD: "is cold while it should work",
    Rule.CLOCK_OFF: "has a wrong clock",
    Rule.SAMPLES_LOST: "loses samples",
    Rule.QUOTA: "sends more than its quota",
    Rule.TWO_PUBLISHERS: "is published from two places",
    Rule.NO_BROKER: "rigwatch has no broker, nobody watches the nodes",
    Rule.NO_DATABASE: "rigwatch cannot store",
    Rule.CHANNEL_REFUSED: "rigwatch may not send through a channel",
    Rule.CERTIFICATE_EXPIRY: "a certificate ends",
}
"""What is said of a node, after its name; of the server, alone."""


OVER_AGAIN = {
    Rule.LOST: "back",
    Rule.SILENT: "reports again",
    Rule.OFFLINE: "back",
    Rule.NO_PEERS: "has peers again",
    Rule.FEW_PEERS: "has enough peers again",
    Rule.NO_HASHRATE: "hashes again",
    Rule.LOW_HASHRATE: "hashes as usual again",
    Rule.HASHRATE_FLOOR: "hashes enough again",
    Rule.BLOCK_LAG: "has caught up with the chain",
    Rule.BLOCK_AHEAD: "is level with the others again",
    Rule.BLOCK_STALLED: "gets new blocks again",
    Rule.FORK: "is on the fleet's chain again",
    Rule.SOURCE_FAILING: "can be read in full again",
    Rule.NO_SHARES: "gets shares accepted again",
    Rule.REJECTED_SHARES: "gets its shares accepted again",
    Rule.GPU_MISSING: "has all its GPUs again",
    Rule.BOARD_MISSING: "has all its hash boards again",
    Rule.CHIPS_MISSING: "has its chips again",
    Rule.HOT: "has cooled down",
    Rule.COLD: "is warm again",
    Rule.CLOCK_OFF: "has the right time again",
    Rule.SAMPLES_LOST: "loses no more samples",
    Rule.QUOTA: "keeps to its quota again",
    Rule.TWO_PUBLISHERS: "is published from one place again",
    Rule.NO_BROKER: "rigwatch has its broker again",
    Rule.NO_DATABASE: "rigwatch stores again",
    Rule.CHANNEL_REFUSED: "a channel may send again",
    Rule.CERTIFICATE_EXPIRY: "a certificate was renewed",
}
"""What is said when it is over."""

_PLURALS = {
    "has": "have",
    "is": "are",
    "hashes": "hash",
    "lags": "lag",
    "misses": "miss",
    "gets": "get",
    "loses": "lose",
    "sends": "send",
    "keeps": "keep",
}


def plural(words: str) -> str:
    """The words of `TITLES` and `OVER_AGAIN` for several nodes."""
    first, _, rest = words.partition(" ")
    return f"{_PLURALS.get(first, first)} {rest}".rstrip()


@dataclass(frozen=True, slots=True)
class RulePolicy:
    """A rule's figures for one node. `threshold` and `clear` are in the rule's unit, times in ms. What comes and goes
    `often` times without reaching its hold is told as that; 0 = never."""

    enabled: bool = True
    threshold: float = 0.0
    clear: float = 0.0
    hold: Millis = 0
    clear_hold: Millis = 0
    severity: Severity = Severity.WARNING
    schedule: tuple[Millis, ...] = ONCE
    recovery: bool = True
    often: int = 6


BUILT_IN: dict[Rule, RulePolicy] = {
    Rule.LOST: RulePolicy(hold=2 * SECOND, severity=Severity.CRITICAL, schedule=THREE_TIMES),
    # in intervals without a report
    Rule.SILENT: RulePolicy(threshold=3, clear=3, severity=Severity.CRITICAL, schedule=THREE_TIMES),
    Rule.OFFLINE: RulePolicy(hold=MINUTE),
    Rule.NO_PEERS: RulePolicy(hold=2 * MINUTE, clear_hold=MINUTE, schedule=THREE_TIMES),
    # peers: below `threshold`, over again from `clear`
    Rule.FEW_PEERS: RulePolicy(threshold=3, clear=5, hold=10 * MINUTE, clear_hold=2 * MINUTE, severity=Severity.INFO),
    Rule.NO_HASHRATE: RulePolicy(hold=2 * MINUTE, clear_hold=MINUTE, severity=Severity.CRITICAL, schedule=THREE_TIMES),
    # % of the node's own median of the last 24 hours
    Rule.LOW_HASHRATE: RulePolicy(threshold=70, clear=80, hold=10 * MINUTE, clear_hold=5 * MINUTE),
    # H/s; 0 = no floor
    Rule.HASHRATE_FLOOR: RulePolicy(hold=10 * MINUTE, clear_hold=5 * MINUTE),
    # blocks behind the highest that two hosts have
    Rule.BLOCK_LAG: RulePolicy(threshold=5, clear=2, hold=5 * MINUTE, clear_hold=2 * MINUTE),
    # blocks in front of the highest of all others
    Rule.BLOCK_AHEAD: RulePolicy(threshold=5, clear=2, hold=10 * MINUTE, clear_hold=2 * MINUTE),
    # minutes without a new block while the fleet has some
    Rule.BLOCK_STALLED: RulePolicy(threshold=10, clear=10),
    # Two chain clients that differ for a block or two are no news.
    Rule.FORK: RulePolicy(hold=2 * MINUTE, clear_hold=5 * MINUTE, severity=Severity.CRITICAL, often=20),
    Rule.SOURCE_FAILING: RulePolicy(hold=3 * MINUTE, clear_hold=MINUTE, schedule=(0, HOUR)),
    # times its own usual wait for a share
    Rule.NO_SHARES: RulePolicy(threshold=10, clear=10, hold=10 * MINUTE),
    # % of the shares of the last hour
    Rule.REJECTED_SHARES: RulePolicy(threshold=5, clear=2, hold=5 * MINUTE, clear_hold=10 * MINUTE),
    Rule.GPU_MISSING: RulePolicy(hold=2 * MINUTE, severity=Severity.CRITICAL, schedule=(0, HOUR)),
    Rule.BOARD_MISSING: RulePolicy(hold=5 * MINUTE, clear_hold=MINUTE, severity=Severity.CRITICAL, schedule=(0, HOUR)),
    # % of the chips of a board
    Rule.CHIPS_MISSING: RulePolicy(threshold=2, clear=1, hold=10 * MINUTE, clear_hold=5 * MINUTE),
    # degrees Celsius
    Rule.HOT: RulePolicy(threshold=85, clear=80, hold=MINUTE, clear_hold=2 * MINUTE, severity=Severity.CRITICAL),
    Rule.COLD: RulePolicy(threshold=25, clear=30, hold=10 * MINUTE, clear_hold=2 * MINUTE),
    # seconds
    Rule.CLOCK_OFF: RulePolicy(threshold=30, clear=5, hold=5 * MINUTE, severity=Severity.INFO),
    Rule.SAMPLES_LOST: RulePolicy(severity=Severity.INFO),
    Rule.QUOTA: RulePolicy(),
    # While it is so, the death of one of the two goes unseen.
    Rule.TWO_PUBLISHERS: RulePolicy(severity=Severity.CRITICAL, schedule=(0, HOUR)),
    Rule.NO_BROKER: RulePolicy(hold=30 * SECOND, severity=Severity.CRITICAL, schedule=THREE_TIMES),
    Rule.NO_DATABASE: RulePolicy(hold=30 * SECOND, severity=Severity.CRITICAL, schedule=THREE_TIMES),
    Rule.CHANNEL_REFUSED: RulePolicy(severity=Severity.CRITICAL, schedule=(0, HOUR)),
    # days before the end; of rigwatch's own authority a year, whatever stands here
    Rule.CERTIFICATE_EXPIRY: RulePolicy(threshold=21, clear=21, schedule=(0, 168 * HOUR)),
}
"""What a rule starts from. `hot` and `cold` speak of the node's figure, or of its hottest card."""
