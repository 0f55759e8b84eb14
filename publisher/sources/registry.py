"""Which kinds of source there are: the one place to add one to. No source is read here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from msgspec import Struct

from publisher.sources.asic import AsicSettings, AsicSource
from publisher.sources.asic_network import Finder, mac_of
from publisher.sources.axeos import AxeosSettings, AxeosSource
from publisher.sources.bitcoind import BitcoindSettings, BitcoindSource
from publisher.sources.bzminer import BzminerSettings, BzminerSource
from publisher.sources.cgminer import CgminerSettings, CgminerSource
from publisher.sources.custom import (
    ExecSettings,
    ExecSource,
    FileSettings,
    FileSource,
    HttpSettings,
    HttpSource,
)
from publisher.sources.ethminer import EthminerSettings, EthminerSource
from publisher.sources.followed import FollowedSource
from publisher.sources.gminer import GminerSettings, GminerSource
from publisher.sources.hashfile import HashfileSettings, HashfileSource
from publisher.sources.hiveos import HiveosSettings, HiveosSource
from publisher.sources.host import HostSettings, HostSource
from publisher.sources.jsonrpc import JsonRpcSettings, JsonRpcSource
from publisher.sources.lolminer import LolminerSettings, LolminerSource
from publisher.sources.mapped import settings_of, sheets, source_of
from publisher.sources.monerod import MonerodSettings, MonerodSource
from publisher.sources.nbminer import NbminerSettings, NbminerSource
from publisher.sources.nvml import NvmlSettings, NvmlSource
from publisher.sources.push import PushSettings, PushSource
from publisher.sources.rigel import RigelSettings, RigelSource
from publisher.sources.simulated import SimulatedSettings, SimulatedSource
from publisher.sources.source import Context, Source
from publisher.sources.srbminer import SrbminerSettings, SrbminerSource
from publisher.sources.sysfs import AmdSource, IntelSource, SysfsSettings
from publisher.sources.topic import MqttSettings, MqttSource
from publisher.sources.trex import TrexSettings, TrexSource
from publisher.sources.xmrig import ProxySettings, ProxySource, XmrigSettings, XmrigSource
from rigwatch.errors import SettingsError
from rigwatch.settings.loader import SettingPlace, build

Settings = TypeVar("Settings", bound=Struct)


@dataclass(frozen=True, slots=True)
class SourceKind(Generic[Settings]):
    """What a `kind` in the settings stands for."""

    settings: type[Settings]
    make: Callable[[Settings, Context], Source]

    def source(self, raw: Mapping[str, Any], place: SettingPlace, context: Context) -> Source:
        return self.make(build(self.settings, raw, place), context)


KINDS: Mapping[str, SourceKind[Any]] = {
    "xmrig": SourceKind(XmrigSettings, XmrigSource),
    "xmrig-proxy": SourceKind(ProxySettings, ProxySource),
    "trex": SourceKind(TrexSettings, TrexSource),
    "lolminer": SourceKind(LolminerSettings, LolminerSource),
    "gminer": SourceKind(GminerSettings, GminerSource),
    "cgminer": SourceKind(CgminerSettings, CgminerSource),
    "asic": SourceKind(AsicSettings, AsicSource),
    "axeos": SourceKind(AxeosSettings, AxeosSource),
    "nbminer": SourceKind(NbminerSettings, NbminerSource),
    "srbminer": SourceKind(SrbminerSettings, SrbminerSource),
    "rigel": SourceKind(RigelSettings, RigelSource),
    "bzminer": SourceKind(BzminerSettings, BzminerSource),
    "ethminer": SourceKind(EthminerSettings, EthminerSource),
    "hiveos": SourceKind(HiveosSettings, HiveosSource),
    "bitcoind": SourceKind(BitcoindSettings, BitcoindSource),
    "monerod": SourceKind(MonerodSettings, MonerodSource),
    "jsonrpc": SourceKind(JsonRpcSettings, JsonRpcSource),
    "hashfile": SourceKind(HashfileSettings, HashfileSource),
    "host": SourceKind(HostSettings, HostSource),
    "nvml": SourceKind(NvmlSettings, NvmlSource),
    "amd": SourceKind(SysfsSettings, AmdSource),
    "intel": SourceKind(SysfsSettings, IntelSource),
    "exec": SourceKind(ExecSettings, ExecSource),
    "http": SourceKind(HttpSettings, HttpSource),
    "file": SourceKind(FileSettings, FileSource),
    "mqtt": SourceKind(MqttSettings, MqttSource),
    "push": SourceKind(PushSettings, PushSource),
    "simulated": SourceKind(SimulatedSettings, SimulatedSource),
    **{kind: SourceKind(settings_of(sheet), source_of(sheet)) for kind, sheet in sheets().items()},
}


_IN_THE_NETWORK: Mapping[str, tuple[str, str]] = {
    "axeos": ("url", "http://{}"),
    "cgminer": ("address", "{}:4028"),
}
"""Kinds that may be a machine of its own, with the setting that says where it is."""


def build_sources(
    raws: Sequence[Mapping[str, Any]], place: SettingPlace, context: Context
) -> tuple[tuple[str, Source], ...]:
    """The sources of one node, each with the label that it has in `errors`: its kind, numbered from the second on.

    Raises SettingsError that names file, key and value; `place` is the node's.
    """
    built: list[tuple[str, Source]] = []
    counts: dict[str, int] = {}
    for at, raw in enumerate(raws, start=1):
        here = place.key(f"sources[{at}]")
        kind = _kind(raw, here)
        counts[kind] = counts.get(kind, 0) + 1
        label = kind if counts[kind] == 1 else f"{kind}-{counts[kind]}"
        settings = {key: value for key, value in raw.items() if key != "kind"}
        build_one = _followed if kind in _IN_THE_NETWORK and "mac" in settings else _plain
        built.append((label, build_one(kind, settings, here, context)))
    return tuple(built)


def _plain(kind: str, settings: Mapping[str, Any], place: SettingPlace, context: Context) -> Source:
    return KINDS[kind].source(settings, place, context)


def _followed(kind: str, settings: Mapping[str, Any], place: SettingPlace, context: Context) -> Source:
    """With its `mac`, and the `network` to look for it in, such a machine may change its address."""
    key, template = _IN_THE_NETWORK[kind]
    own = {name: value for name, value in settings.items() if name not in ("mac", "network")}
    mac = str(settings["mac"])
    if mac_of(mac) is None:
        raise SettingsError(f"{place.key('mac')}: should look like 02:00:00:aa:bb:cc (got {mac[:40]!r})")
    address = str(own.get(key, "")).removeprefix("http://").partition(":")[0].rstrip("/")

    def make(moved: str) -> Source:
        return _plain(kind, own if moved == address else {**own, key: template.format(moved)}, place, context)

    return FollowedSource(make, Finder(address, mac, str(settings.get("network", "")), clock=context.clock))


def _kind(raw: Mapping[str, Any], place: SettingPlace) -> str:
    kind = raw.get("kind")
    if isinstance(kind, str) and kind in KINDS:
        return kind
    known = ", ".join(sorted(KINDS))
    if kind is None:
        raise SettingsError(f"{place.key('kind')}: is missing; known kinds: {known}")
    near = get_close_matches(str(kind), KINDS, n=1)
    advice = f"did you mean '{near[0]}'?" if near else f"known kinds: {known}"
    raise SettingsError(f"{place.key('kind')}: no such kind of source (got {kind!r}); {advice}")
