"""`watch`: what passes over the broker, opened, one line a message."""

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from cli.invocation import Invocation, app, invocation
from rigwatch.address import local_broker_url
from rigwatch.clock import Clock, as_datetime
from rigwatch.errors import RigwatchError, WireError
from rigwatch.master import master_key, node_access
from rigwatch.registry import NodeAccess
from rigwatch.settings import ServerSettings
from rigwatch.texts import visible
from rigwatch.topics import PREFIX, parse_topic

if TYPE_CHECKING:
    from rigwatch.mqtt import MqttConnection, MqttMessage

ACCOUNT = "watch"
SHOWN_MOST = 131_072
"""Bytes of a message that are shown: more than rigwatch's own reports have, and less than fills a terminal for long."""


@app.command()
def watch(context: typer.Context) -> None:
    """Show every message as it passes, opened."""
    call = invocation(context)
    settings = call.server()
    access = node_access(call.home, settings, master_key(call.home, settings))

    async def main(stop: asyncio.Event) -> None:
        refused: list[OSError] = []

        def show(message: "MqttMessage") -> None:
            try:
                typer.echo(line_of(message, access, call.clock))
            except OSError as exc:
                # Whoever read the lines has gone, or the disk behind them is full: there is nothing to go on for.
                refused.append(exc)
                stop.set()

        connection = await connect(call, settings, show)
        await connection.subscribe(f"{PREFIX}/#")
        stopping = asyncio.create_task(stop.wait())
        connection.lost.add_done_callback(lambda _lost: stopping.cancel())
        with suppress(asyncio.CancelledError):
            await stopping
        if connection.lost.done():
            raise RigwatchError(f"watch: the broker has gone ({connection.lost.result()})")
        await connection.close()
        if refused:
            raise refused[0]

    call.run("watch", main)


async def connect(
    call: Invocation, settings: ServerSettings, on_message: "Callable[[MqttMessage], None]"
) -> "MqttConnection":
    """A connection under the account that may read everything and change nothing."""
    from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin

    url, ca = local_broker_url(settings.broker), None
    if url.startswith("mqtts:"):
        from rigwatch import tls

        ca = tls.trusted_by_clients(call.home, settings.broker)
    password = master_key(call.home, settings).service_password(ACCOUNT)
    # Several people may watch at once, and of two with one client id each would throw the other out.
    login = MqttLogin(ACCOUNT, password, f"{ACCOUNT}.{os.getpid()}")
    return await MqttConnection.open(Endpoint.parse(url, ca), login, on_message=on_message)


def line_of(message: "MqttMessage", access: NodeAccess, clock: Clock) -> str:
    """`time topic text`; a message that cannot be opened says why instead. Control characters are made visible.

    Whatever the message is, it is a line: a stranger's bytes must not end the look at all others.
    """
    now = clock.now()
    stamp = f"{as_datetime(now):%H:%M:%S.%f}"[:-3]
    mark = " (retained)" if message.retained else ""
    return visible(f"{stamp} {message.topic.removeprefix(PREFIX + '/')}{mark} {_text(message, access, now)}")


def _text(message: "MqttMessage", access: NodeAccess, now: int) -> str:
    try:
        node, _ = parse_topic(message.topic)
    except WireError:
        return _visible(message.payload)
    if not message.payload.startswith(b"\x01"):
        return _visible(message.payload)
    why = "no key of this node is accepted now"
    try:
        keys = access.accepted_keys(node, now)
    except RigwatchError as exc:
        keys, why = (), str(exc)
    for key in keys:
        try:
            return _visible(key.seal_key.open(message.topic, message.payload))
        except WireError as exc:
            why = str(exc)
    return f"cannot be opened: {why} ({len(message.payload)} bytes)"


def _visible(payload: bytes) -> str:
    if len(payload) > SHOWN_MOST:
        return f"{ascii(payload[:SHOWN_MOST])[2:-1]}… ({len(payload)} bytes)"
    try:
        return json.dumps(json.loads(payload), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        # Not JSON, or nested deeper than anything that anybody means.
        return ascii(payload)[2:-1]
