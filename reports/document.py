"""The published result as one JSON document, printed or within a page; and the command that gives it again."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..results.claims import ClaimsRun
from ..results.summary import Summary
from .format import plain


def render_json(summary: Summary, report_path: str | None = None) -> str:
    """The summary as JSON, ending in a newline; `report_path` is where the HTML page lies, if there is one."""
    return json.dumps(summary.to_dict(report_path), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def embedded_json(data: Mapping[str, Any], most: int) -> str | None:
    """JSON that cannot end the element it stands in; None where it is longer than `most` characters."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text) > most:
        return None
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def command_line(words: Sequence[str], seed: int) -> str:
    """A command as one would type it, with the seed it took; empty where it was not recorded."""
    if words and not any(word == "--seed" or word.startswith("--seed=") for word in words):
        words = [*words, "--seed", str(seed)]
    return plain(shlex.join(words))


def claims_json(run: ClaimsRun, report_path: str) -> str:
    """A claims run as JSON, ending in a newline; `report_path` is where its HTML page lies."""
    document = {**run.to_dict(), "report": report_path}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
