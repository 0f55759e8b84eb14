"""A sample as a row and back: which figure stands in which column, and how it is scaled. No SQL is run here.

Figures come back as precise as the columns are (0.001 H/s, a tenth of the others); the latest values in `node.latest`
are exact.
"""

from typing import NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from rigwatch.clock import Millis
from rigwatch.figures import AlgorithmFigures, Board, Fan, Gpu, Miner
from rigwatch.messages import Sample


class StoredSample(NamedTuple):
    """A row of `sample`: times in ms, `hashrate` in thousandths of H/s, other figures with a fraction in tenths."""

    node_id: int
    n: int
    lag: int
    hashrate: float | None
    peers: int | None
    block: int | None
    syncing: bool | None
    accepted: int | None
    rejected: int | None
    stale: int | None
    share_age: int | None
    temperature: int | None
    power: int | None
    fan: int | None
    cpu: int | None
    uptime: int | None
    pool_latency: int | None
    extra: str | None


COLUMNS = StoredSample._fields

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


def to_row(node: int, sample: Sample, at: Millis, before: Sample | None, *, named: bool = True) -> StoredSample:
    """The row of a sample taken at `at` (server time); `before` is the one next before it, None where none is near.

    `named`: some sample of this node has a miner, a pool or an algorithm.
    """
    hashrate, temperature, power, fan = sample.hashrate, sample.temperature, sample.power, sample.fan
    cpu, uptime, pool_latency = sample.cpu, sample.uptime, sample.pool_latency
    # Written out: at thousands of samples a second, calls for each figure are a tenth of all work.
    return StoredSample(
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


def from_row(row: StoredSample) -> Sample:
    """Its names only where they changed."""
    extra, at = extra_of(row.extra), row.n + row.lag
    return Sample(
        n=row.n,
        at=at,
        hashrate=None if row.hashrate is None else row.hashrate / 1000,
        peers=row.peers,
        block=row.block,
        block_hash=extra.block_hash,
        syncing=None if row.syncing is None else bool(row.syncing),
        accepted=row.accepted,
        rejected=row.rejected,
        stale=row.stale,
        invalid=extra.invalid,
        hardware_errors=extra.hardware_errors,
        algorithm=None if extra.algorithm is UNSET else extra.algorithm,
        algorithms=extra.algorithms,
        last_share_at=None if row.share_age is None else at - row.share_age,
        temperature=None if row.temperature is None else row.temperature / 10,
        power=None if row.power is None else row.power / 10,
        fan=None if row.fan is None else row.fan / 10,
        cpu=None if row.cpu is None else row.cpu / 10,
        uptime=None if row.uptime is None else row.uptime / 10,
        pool_latency=None if row.pool_latency is None else row.pool_latency / 10,
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

    def sample(self, row: StoredSample) -> Sample:
        """The sample of the next row, with the names that it shares with those before it."""
        self.pass_by(row.extra)
        if self._miner is None and self._pool is None and self._algorithm is None:
            return from_row(row)
        named = {"miner": self._miner, "pool": self._pool, "algorithm": self._algorithm}
        return msgspec.structs.replace(from_row(row), **named)


def extra_of(column: str | None) -> Extra:
    # The one that is nearly always there is shared: nobody changes what a sample holds.
    return _extra_decoder.decode(column) if column else _NO_EXTRA


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
