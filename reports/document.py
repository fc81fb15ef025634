"""The published result as one JSON document."""

import json

from ..results.summary import Summary


def render_json(summary: Summary, report_path: str | None = None) -> str:
    """The summary as JSON, ending in a newline; `report_path` is where the HTML page lies, if there is one."""
    return json.dumps(summary.to_dict(report_path), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
