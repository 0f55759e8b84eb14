"""A made-up miner with believable figures, for trying rigwatch out and for measuring it; it reads nothing real."""

import hashlib
from datetime import timedelta
from random import Random
from typing import Annotated, Final

from msgspec import Meta, Struct

from publisher.sources.reading import Reading
from publisher.sources.source import Context
from rigwatch.clock import Clock, Millis
from rigwatch.figures import Gpu, Miner
from rigwatch.settings.loader import between

BLOCK_TIME: Final = 13_000
"""Milliseconds from one block of the simulated chain to the next."""
_GENESIS: Final[Millis] = 1_500_000_000_000
_SWING: Final = 0.03
"""How far the slow drift of the hashrate goes, as a part of it."""


class SimulatedSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The same seed and node give the same machine. `hashrate` is its mean in H/s; 0 = drawn from the seed."""

    every: Annotated[timedelta, between(timedelta(seconds=0.1), timedelta(hours=1))] = timedelta(seconds=10)
    seed: int = 0
    hashrate: Annotated[float, Meta(ge=0, le=1e24)] = 0.0


def height_at(moment: Millis) -> int:
    """The block that all simulated nodes agree on."""
    return max(0, moment - _GENESIS) // BLOCK_TIME


def block_hash(height: int) -> str:
    """The same for all nodes, so that a simulated fleet never looks forked."""
    return f"0x{hashlib.sha256(f'simulated block {height}'.encode()).hexdigest()}"


class SimulatedSource:
    """One card mining on one pool. Its state moves with each read and with the clock; a read takes some 20 µs."""

    blocking = False
    timeout = timedelta(seconds=1)

    def __init__(self, settings: SimulatedSettings, context: Context) -> None:
        self.every = settings.every
        self._clock: Clock = context.clock
        self._random = random = Random(f"{settings.seed} {context.node}")  # noqa: S311 - a simulation, not a secret
        self._mean = settings.hashrate or random.uniform(28e6, 120e6)
        self._power = random.uniform(95.0, 280.0)
        self._warmth = random.uniform(52.0, 66.0)
        self._share_time = random.uniform(8.0, 40.0)
        self._card = f"GPU-{random.getrandbits(64):016x}"
        self._peers = random.randint(18, 40)
        self._drift = 0.0
        self._accepted = self._rejected = 0
        self._last_share_at: Millis | None = None
        self._latency = random.uniform(15.0, 120.0)
        self._began = self._last = context.clock.now()

    def read(self) -> Reading:
        now = self._clock.now()
        self._move(now)
        random = self._random
        hashrate = self._mean * (1 + self._drift + random.gauss(0, 0.004))
        temperature = self._warmth + 120 * self._drift + random.gauss(0, 0.4)
        fan = min(100.0, max(20.0, 1.5 * (temperature - 20)))
        power = self._power * (1 + self._drift) + random.gauss(0, 1.5)
        # A node learns of a block some seconds late.
        block = height_at(now - random.randint(0, 4000))
        card = Gpu(
            id=self._card,
            name="Simulated 3000",
            hashrate=round(hashrate),
            temperature=round(temperature, 1),
            power=round(power, 1),
            fan=round(fan),
        )
        return Reading(
            hashrate=round(hashrate),
            peers=self._peers,
            block=block,
            block_hash=block_hash(block),
            syncing=False,
            accepted=self._accepted,
            rejected=self._rejected,
            last_share_at=self._last_share_at,
            temperature=round(temperature, 1),
            power=round(power, 1),
            fan=round(fan),
            cpu=round(random.uniform(3.0, 9.0), 1),
            gpus=(card,),
            miner=Miner(name="simulated", version="1.0"),
            pool="stratum+tcp://pool.example:4444",
            uptime=(now - self._began) / 1000,
            pool_latency=round(self._latency * random.uniform(0.9, 1.3), 1),
        )

    def _move(self, now: Millis) -> None:
        """Lets the time since the last read pass: hashrate drifts, peers come and go, shares are found."""
        elapsed = max(0, now - self._last) / 1000
        self._last = now
        random = self._random
        self._drift = max(-_SWING, min(_SWING, 0.9 * self._drift + random.gauss(0, _SWING / 6)))
        self._peers = max(12, min(50, self._peers + random.choice((-1, 0, 0, 1))))
        found = elapsed / self._share_time
        shares = int(found) + (random.random() < found % 1)
        if shares:
            rejected = sum(random.random() < 0.01 for _ in range(min(shares, 1000)))
            self._accepted += shares - rejected
            self._rejected += rejected
            self._last_share_at = now - random.randint(0, int(1000 * min(elapsed, self._share_time)))
