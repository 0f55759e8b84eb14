import pytest

from broker.rights import Account, Action, Role, allowed, needs_judging
from rigwatch.topics import NodeId

NODE = Account("main/rig1", Role.NODE, NodeId("main", "rig1"))
SUBSCRIBER = Account("subscriber", Role.SUBSCRIBER)
WATCH = Account("watch", Role.WATCH)
CONSUMER = Account("grafana", Role.CONSUMER)
ADMIN = Account("root", Role.ADMIN)
ONE_SITE = Account("shed", Role.CONSUMER, sites=("main",))
DEVICE = Account("plug7", Role.DEVICE, topics=("tele/plug7", "cmnd/plug7"))
EVERYBODY = [NODE, SUBSCRIBER, WATCH, CONSUMER, ONE_SITE, ADMIN, DEVICE]

MAY = [
    (NODE, Action.PUBLISH, "rigwatch/v1/main/rig1/status"),
    (NODE, Action.PUBLISH, "rigwatch/v1/main/rig1/report"),
    (NODE, Action.SUBSCRIBE, "rigwatch/v1/main/rig1/ack"),
    (SUBSCRIBER, Action.SUBSCRIBE, "rigwatch/v1/+/+/status"),
    (SUBSCRIBER, Action.SUBSCRIBE, "rigwatch/v1/+/+/report"),
    (SUBSCRIBER, Action.SUBSCRIBE, "$SYS/rigwatch/takeover/+/+"),
    (SUBSCRIBER, Action.SUBSCRIBE, "$SYS/rigwatch/ended/+/+"),
    (SUBSCRIBER, Action.SUBSCRIBE, "tele/plug7/SENSOR"),
    (SUBSCRIBER, Action.RECEIVE, "tele/plug7/SENSOR"),
    (SUBSCRIBER, Action.PUBLISH, "cmnd/plug7/STATUS"),
    (DEVICE, Action.PUBLISH, "tele/plug7/SENSOR"),
    (DEVICE, Action.PUBLISH, "tele/plug7"),
    (DEVICE, Action.SUBSCRIBE, "cmnd/plug7/#"),
    (DEVICE, Action.RECEIVE, "cmnd/plug7/POWER"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/main/rig1/ack"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/main/rig1/state"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/main/rig1/availability"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/server/status"),
    (SUBSCRIBER, Action.PUBLISH, "homeassistant/device/x/config"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/farm/rig1/incident"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/server/incidents"),
    (WATCH, Action.SUBSCRIBE, "rigwatch/v1/#"),
    (WATCH, Action.SUBSCRIBE, "rigwatch/v1/main/+/report"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/+/+/state"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/main/rig1/availability"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/server/status"),
    (CONSUMER, Action.SUBSCRIBE, "homeassistant/#"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/+/+/incident"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/server/state"),
    (CONSUMER, Action.SUBSCRIBE, "#"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/#"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/main/rig1/+"),
    (CONSUMER, Action.SUBSCRIBE, "+/v1/+/+/state"),
    (CONSUMER, Action.SUBSCRIBE, "$SYS/broker/uptime"),
    (CONSUMER, Action.RECEIVE, "rigwatch/v1/main/rig1/state"),
    (ONE_SITE, Action.SUBSCRIBE, "#"),
    (ONE_SITE, Action.SUBSCRIBE, "rigwatch/v1/+/+/state"),
    (ONE_SITE, Action.RECEIVE, "rigwatch/v1/main/rig1/state"),
    (ONE_SITE, Action.RECEIVE, "rigwatch/v1/main/rig1/availability"),
    (ONE_SITE, Action.RECEIVE, "rigwatch/v1/server/status"),
    (ADMIN, Action.SUBSCRIBE, "#"),
    (ADMIN, Action.SUBSCRIBE, "$SYS/#"),
    (ADMIN, Action.PUBLISH, "anything/at/all"),
]
MAY_NOT = [
    (NODE, Action.PUBLISH, "rigwatch/v1/main/rig2/status"),
    (NODE, Action.PUBLISH, "rigwatch/v1/main/rig1/ack"),
    (NODE, Action.PUBLISH, "rigwatch/v1/main/rig1/state"),
    (NODE, Action.PUBLISH, "rigwatch/v1/main/rig1/status/more"),
    (NODE, Action.PUBLISH, "rigwatch/v1/server/status"),
    (NODE, Action.SUBSCRIBE, "rigwatch/v1/main/rig2/ack"),
    (NODE, Action.SUBSCRIBE, "rigwatch/v1/main/rig1/report"),
    (NODE, Action.SUBSCRIBE, "rigwatch/v1/main/+/ack"),
    (NODE, Action.SUBSCRIBE, "rigwatch/v1/main/rig1/#"),
    (NODE, Action.SUBSCRIBE, "#"),
    (NODE, Action.SUBSCRIBE, "$SYS/#"),
    (NODE, Action.SUBSCRIBE, "$SYS/rigwatch/takeover/main/rig1"),
    (CONSUMER, Action.SUBSCRIBE, "$SYS/rigwatch/takeover/+/+"),
    (SUBSCRIBER, Action.PUBLISH, "$SYS/rigwatch/takeover/main/rig1"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/main/rig1/report"),
    (SUBSCRIBER, Action.PUBLISH, "rigwatch/v1/main/rig1/status"),
    (SUBSCRIBER, Action.SUBSCRIBE, "#"),
    (SUBSCRIBER, Action.SUBSCRIBE, "+/plug7/SENSOR"),
    (SUBSCRIBER, Action.SUBSCRIBE, "$SYS/#"),
    (DEVICE, Action.PUBLISH, "tele/plug70/SENSOR"),
    (DEVICE, Action.PUBLISH, "stat/plug7/POWER"),
    (DEVICE, Action.PUBLISH, "rigwatch/v1/main/rig1/report"),
    (DEVICE, Action.PUBLISH, "homeassistant/switch/x/config"),
    (DEVICE, Action.SUBSCRIBE, "#"),
    (DEVICE, Action.SUBSCRIBE, "cmnd/#"),
    (DEVICE, Action.SUBSCRIBE, "cmnd/plug8/#"),
    (DEVICE, Action.RECEIVE, "rigwatch/v1/main/rig1/state"),
    (WATCH, Action.PUBLISH, "rigwatch/v1/main/rig1/ack"),
    (WATCH, Action.SUBSCRIBE, "#"),
    (WATCH, Action.SUBSCRIBE, "rigwatch/#"),
    (CONSUMER, Action.PUBLISH, "rigwatch/v1/main/rig1/state"),
    (CONSUMER, Action.PUBLISH, "homeassistant/status"),
    (CONSUMER, Action.PUBLISH, "rigwatch/v1/farm/rig1/incident"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/main/rig1/report"),
    (CONSUMER, Action.SUBSCRIBE, "rigwatch/v1/+/+/report"),
    (CONSUMER, Action.SUBSCRIBE, "tasmota/#"),
    (CONSUMER, Action.RECEIVE, "rigwatch/v1/main/rig1/report"),
    (CONSUMER, Action.RECEIVE, "rigwatch/v1/main/rig1/status"),
    (CONSUMER, Action.RECEIVE, "$SYS/rigwatch/takeover/main/rig1"),
    (CONSUMER, Action.RECEIVE, "anything"),
    (ONE_SITE, Action.SUBSCRIBE, "rigwatch/v1/other/+/state"),
    (ONE_SITE, Action.SUBSCRIBE, "homeassistant/#"),
    (ONE_SITE, Action.SUBSCRIBE, "$SYS/broker/#"),
    (ONE_SITE, Action.RECEIVE, "rigwatch/v1/other/rig1/state"),
    (ONE_SITE, Action.RECEIVE, "rigwatch/v1/server/incidents"),
    (ONE_SITE, Action.RECEIVE, "homeassistant/device/x/config"),
    (ONE_SITE, Action.PUBLISH, "rigwatch/v1/main/rig1/state"),
]


@pytest.mark.parametrize(("account", "action", "topic"), MAY)
def test_what_a_role_is_for_is_allowed(account: Account, action: Action, topic: str) -> None:
    assert allowed(account, action, topic)


@pytest.mark.parametrize(("account", "action", "topic"), MAY_NOT)
def test_everything_else_is_refused(account: Account, action: Action, topic: str) -> None:
    assert not allowed(account, action, topic)


@pytest.mark.parametrize("account", EVERYBODY)
def test_nobody_publishes_the_brokers_own_topics(account: Account) -> None:
    assert not allowed(account, Action.PUBLISH, "$SYS/broker/clients/connected")


@pytest.mark.parametrize("action", list(Action))
def test_a_node_without_a_name_may_do_nothing(action: Action) -> None:
    assert not allowed(Account("x", Role.NODE), action, "rigwatch/v1/main/rig1/status")


def test_what_is_denied_is_refused_though_the_role_allows_it() -> None:
    account = Account("root", Role.ADMIN, deny=("secret/#",))
    assert not allowed(account, Action.SUBSCRIBE, "secret/a")
    assert not allowed(account, Action.SUBSCRIBE, "secret/+/b")
    assert not allowed(account, Action.RECEIVE, "secret")
    assert not allowed(account, Action.PUBLISH, "secret/a")
    assert allowed(account, Action.SUBSCRIBE, "#")
    assert allowed(account, Action.RECEIVE, "other")


@pytest.mark.parametrize(
    ("account", "topic_filter", "expected"),
    [
        (CONSUMER, "#", True),
        (CONSUMER, "rigwatch/v1/+/+/state", False),
        (CONSUMER, "rigwatch/v1/main/rig1/state", False),
        (ONE_SITE, "rigwatch/v1/+/+/state", True),
        (ADMIN, "#", False),
        (Account("root", Role.ADMIN, deny=("secret/#",)), "#", True),
        (Account("root", Role.ADMIN, deny=("secret/#",)), "other/#", False),
    ],
)
def test_only_a_filter_that_reaches_too_far_has_its_messages_judged(
    account: Account, topic_filter: str, *, expected: bool
) -> None:
    assert needs_judging(account, topic_filter) is expected
