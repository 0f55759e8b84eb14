"""Words that come from the rooms below as values, and are shown as words: marked here for the catalogues."""

from typing import Final

from web.language.texts import N_

STATUSES: Final = (
    *(N_("online"), N_("degraded"), N_("silent"), N_("lost"), N_("offline"), N_("pending"), N_("maintenance")),
    N_("unknown"),
)
WORDS: Final = (
    # how bad an incident is, and how it stands
    *(N_("info"), N_("warning"), N_("critical")),
    *(N_("noticed"), N_("pending"), N_("firing"), N_("clearing"), N_("flapping"), N_("resolved"), N_("dismissed")),
    # what was decided of it
    *(N_("acknowledged"), N_("grouped"), N_("sent"), N_("not sent"), N_("told"), N_("not told")),
    # why nobody is told
    *(N_("due"), N_("not due yet"), N_("nothing to say"), N_("waits for others that may belong to it")),
    *(N_("silenced"), N_("in maintenance"), N_("quiet hours"), N_("something worse is known of the same node")),
    # what an incident or a silence is about
    *(N_("site"), N_("host"), N_("node"), N_("rule"), N_("severity"), N_("text"), N_("group"), N_("silence")),
    # who may do what
    *(N_("admin"), N_("viewer")),
    # figures of a sample
    *(N_("Hashrate"), N_("Peers"), N_("Block"), N_("Temperature"), N_("Power"), N_("Fan"), N_("CPU")),
    *(N_("Shares accepted"), N_("Hardware errors"), N_("Up for"), N_("Pool latency")),
)
