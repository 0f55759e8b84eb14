"""What would have fired with other settings of a rule: asked of `rigwatch rules test`, a process of its own, so that a
week of a large fleet holds no page up."""

import logging
import os
import secrets
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from alerts.trial import RuleTrialResult
from rigwatch.clock import Clock
from rigwatch.errors import NotDone
from rigwatch.home import Home
from rigwatch.process import own_command, own_environment
from web.language.texts import N_
from web.language.texts import gettext as _

log = logging.getLogger(__name__)

LIMIT_S: Final = 120
"""After this a trial is ended; it bounds itself well before (`subscriber/rule_trial.py`)."""
SINCE: Final = "7d"
_KEPT: Final = 20
_AT_ONCE: Final = 1


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """One trial of what a form said, `fields`. Neither `result` nor `problem`: it is running."""

    rule: str
    site: str
    node: str
    fields: Mapping[str, str]
    result: RuleTrialResult | None = None
    problem: str = ""

    @property
    def is_running(self) -> bool:
        return self.result is None and not self.problem

    def assignments(self) -> list[str]:
        return [f"--set={self.rule}.{key}={text}" for key, text in self.fields.items()]


@dataclass(slots=True)
class RuleTrials:
    """The latest trials of this process, by a number that nobody guesses; one runs at a time."""

    home: Home
    clock: Clock
    _kept: OrderedDict[str, RuleTrial] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, number: str) -> RuleTrial | None:
        return self._kept.get(number)

    def begin(self, trial: RuleTrial) -> str:
        """Its number; returns at once. `NotDone` while another is running."""
        with self._lock:
            if sum(each.is_running for each in self._kept.values()) >= _AT_ONCE:
                raise NotDone(_("Another look at the past is running; it ends within two minutes."))
            number = secrets.token_urlsafe(12)
            self._kept[number] = trial
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        threading.Thread(target=self._run, args=(number, trial), name="rule trial", daemon=True).start()
        return number

    def _run(self, number: str, trial: RuleTrial) -> None:
        ended = replace(trial, problem=N_("The look at the past did not end as it should; the log says why."))
        try:
            ended = self._tried(trial)
        except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as exc:
            log.warning("rule trial failed why=%s", exc)
        finally:
            self._kept[number] = ended

    def _tried(self, trial: RuleTrial) -> RuleTrial:
        place = [f"--node={trial.site}/{trial.node}"] if trial.node else [f"--site={trial.site}"] if trial.site else []
        command = own_command(
            *(f"--home={self.home.path}", "rules", "test", "--json", f"--since={SINCE}"), *trial.assignments(), *place
        )
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
            env=own_environment(os.environ),
        )
        if done.returncode:
            # One line for people, by the rules of the command line: nothing secret is in it.
            why: Any = done.stderr.decode(errors="replace").strip().removeprefix("rigwatch: ")
            return replace(trial, problem=why or N_("The look at the past failed."))
        return replace(trial, result=msgspec.json.decode(done.stdout, type=RuleTrialResult))
