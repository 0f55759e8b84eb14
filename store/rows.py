"""A sample as a row and back: which figure stands in which column, and how it is scaled. No SQL is run here.

Figures come back as precise as the columns are (0.001 H/s, a tenth of the others); the latest values in `node.latest`
are exact.
"""

import msgspec
from msgspec import UNSET, Struct, UnsetType

from rigwatch.clock import Millis
from rigwatch.figures import AlgorithmFigures, Board, Fan, Gpu, Miner
from rigwatch.messages import Sample
from store.transaction import Row

COLUMNS = (
    "node_id",
    "n",
    "lag",
    "hashrate",
    "peers",
    "block",
    "syncing",
    "accepted",
    "rejected",
    "stale",
    "share_age",
    "temperature",
    "power",
    "fan",
    "cpu",
    "uptime",
    "pool_latency",
    "extra",
)

# SQLite stores a whole number up to here in 1 to 6 bytes, also in a column of floats; a float always takes 8.
_WHOLE_MAX = 2**47


class Extra(Struct, frozen=True, omit_defaults=True):
    """What few nodes have, or what is the same in sample after sample, in one JSON column."""

    block_hash: str | None = None
    gpus: tuple[Gpu, ...] | None = None
    boards: tuple[Board, ...] | None = None
    fans: tuple[Fan, ...] | None = None
    errors: dict[str, str] = {}
    odd: dict[str, str] = {}
    invalid: int | None = None
    hardware_errors: int | None = None
    algorithms: dict[str, AlgorithmFigures] | None = None
    # Only where they differ from the sample before, or none is near; absent means "as before", null "not known".
    miner: Miner | UnsetType | None = UNSET
    pool: str | UnsetType | None = UNSET
    algorithm: str | UnsetType | None = UNSET


_NO_EXTRA = Extra()
_extra_encoder = msgspec.json.Encoder()
_extra_decoder = msgspec.json.Decoder(Extra)


def milli(hashrate: float) -> float:
    """H/s as whole thousandths."""
    return stored_number(round(hashrate * 1000))


def stored_number(whole: float) -> float:
    """The same whole number as it goes into a column of floats: an int where that is smaller."""
    return int(whole) if abs(whole) < _WHOLE_MAX else float(whole)


def to_row(node: int, sample: Sample, at: Millis, before: Sample | None, *, named: bool = True) -> Row:
    """The row of a sample taken at `at` (server time); `before` is the one next before it, None where none is near.

    `named`: some sample of this node has a miner, a pool or an algorithm.
    """
    hashrate, temperature, power, fan = sample.hashrate, sample.temperature, sample.power, sample.fan
    cpu, uptime, pool_latency = sample.cpu, sample.uptime, sample.pool_latency
    # Written out: at thousands of samples a second, calls for each figure are a tenth of all work.
    return (
        node,
        sample.n,
        at - sample.n,
        None if hashrate is None else milli(hashrate),
        sample.peers,
        sample.block,
        sample.syncing,
        sample.accepted,
        sample.rejected,
        sample.stale,
        # The rig's own two times: the distance is right even where its clock is wrong.
        None if sample.last_share_at is None else sample.at - sample.last_share_at,
        None if temperature is None else round(temperature * 10),
        None if power is None else round(power * 10),
        None if fan is None else round(fan * 10),
        None if cpu is None else round(cpu * 10),
        None if uptime is None else round(uptime * 10),
        None if pool_latency is None else round(pool_latency * 10),
        _extra(sample, before, named=named),
    )


def from_row(row: Row) -> Sample:
    """The sample of a row that was read with `COLUMNS`; its names only where they changed."""
    extra = extra_of(row[-1])
    at = row[1] + row[2]
    return Sample(
        n=row[1],
        at=at,
        hashrate=None if row[3] is None else row[3] / 1000,
        peers=row[4],
        block=row[5],
        block_hash=extra.block_hash,
        syncing=None if row[6] is None else bool(row[6]),
        accepted=row[7],
        rejected=row[8],
        stale=row[9],
        invalid=extra.invalid,
        hardware_errors=extra.hardware_errors,
        algorithm=None if extra.algorithm is UNSET else extra.algorithm,
        algorithms=extra.algorithms,
        last_share_at=None if row[10] is None else at - row[10],
        temperature=_from_tenths(row[11]),
        power=_from_tenths(row[12]),
        fan=_from_tenths(row[13]),
        cpu=_from_tenths(row[14]),
        uptime=_from_tenths(row[15]),
        pool_latency=_from_tenths(row[16]),
        gpus=extra.gpus,
        boards=extra.boards,
        fans=extra.fans,
        miner=None if extra.miner is UNSET else extra.miner,
        pool=None if extra.pool is UNSET else extra.pool,
        errors=extra.errors,
        odd=extra.odd,
    )


def is_named(sample: Sample) -> bool:
    """Whether it has something that is stored only where it changed."""
    return sample.miner is not None or sample.pool is not None or sample.algorithm is not None


def without_names(sample: Sample) -> Sample:
    """Without what a row has only where it changed."""
    return msgspec.structs.replace(sample, miner=None, pool=None, algorithm=None)


class Names:
    """Which miner, pool and algorithm a node had, for whoever walks its rows by `n`."""

    def __init__(self) -> None:
        self._miner: Miner | None = None
        self._pool: str | None = None
        self._algorithm: str | None = None

    def pass_by(self, extra: str | None) -> None:
        """The column of the next row."""
        if extra is not None:
            found = extra_of(extra)
            self._miner = self._miner if found.miner is UNSET else found.miner
            self._pool = self._pool if found.pool is UNSET else found.pool
            self._algorithm = self._algorithm if found.algorithm is UNSET else found.algorithm

    def sample(self, row: Row) -> Sample:
        """The sample of the next row, with the names that it shares with those before it."""
        self.pass_by(row[-1])
        if self._miner is None and self._pool is None and self._algorithm is None:
            return from_row(row)
        named = {"miner": self._miner, "pool": self._pool, "algorithm": self._algorithm}
        return msgspec.structs.replace(from_row(row), **named)


def extra_of(column: str | None) -> Extra:
    return _extra_decoder.decode(column) if column else Extra()


def _from_tenths(stored: int | None) -> float | None:
    return None if stored is None else stored / 10


def _extra(sample: Sample, before: Sample | None, *, named: bool) -> str | None:
    miner: Miner | UnsetType | None = sample.miner
    pool: str | UnsetType | None = sample.pool
    algorithm: str | UnsetType | None = sample.algorithm
    if before is not None:
        miner = UNSET if miner == before.miner else miner
        pool = UNSET if pool == before.pool else pool
        algorithm = UNSET if algorithm == before.algorithm else algorithm
    elif not named and miner is None and pool is None and algorithm is None:
        miner = pool = algorithm = UNSET
    extra = Extra(
        block_hash=sample.block_hash,
        gpus=sample.gpus,
        boards=sample.boards,
        fans=sample.fans,
        errors=sample.errors,
        odd=sample.odd,
        invalid=sample.invalid,
        hardware_errors=sample.hardware_errors,
        algorithms=sample.algorithms,
        miner=miner,
        pool=pool,
        algorithm=algorithm,
    )
    return None if extra == _NO_EXTRA else _extra_encoder.encode(extra).decode()
