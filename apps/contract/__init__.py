"""What every application owes: these requests, these answers, to the byte.

Only applications that answer alike can be compared. `CONTRACT` holds each exchange with its whole expected answer,
`STORIES` what takes several requests, `MESSAGES` what a WebSocket has to echo. `check` says what is wrong with an
answer, and `TOLERATED_DIFFERENCES` lists what frameworks insist on doing their own way and why that is let through.
"""

from .checks import check
from .differences import TOLERATED_DIFFERENCES
from .exchanges import CONTRACT, UPSTREAM_DOWN, UPSTREAM_UNSET, exchanges_for
from .messages import ECHO_PATH, MESSAGES
from .model import Difference, Exchange, Matcher, Normalisation, Step, Story
from .stories import STORIES, Reply, stories_for, tell

__all__ = [
    "CONTRACT",
    "ECHO_PATH",
    "MESSAGES",
    "STORIES",
    "TOLERATED_DIFFERENCES",
    "UPSTREAM_DOWN",
    "UPSTREAM_UNSET",
    "Difference",
    "Exchange",
    "Matcher",
    "Normalisation",
    "Reply",
    "Step",
    "Story",
    "check",
    "exchanges_for",
    "stories_for",
    "tell",
]
