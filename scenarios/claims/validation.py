"""Claim: a request body that lacks a field is answered with 422, “field required” and value_error.missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_B, Claim, Lab
from .needing import need

if TYPE_CHECKING:
    from .serving import Answer, Served

APP, SETUP = "items:app", "uvicorn"
ITEM: dict[str, Any] = {"name": "Table", "price": 150.0}


def post(served: Served, item: dict[str, Any]) -> Answer:
    """Send an item, as the article does."""
    return served.ask("/items/", "POST", {"content-type": "application/json"}, json.dumps(item).encode())


def without(served: Served, field: str) -> tuple[int, dict[str, Any]]:
    """What comes of an item that lacks this field: the status, and the first thing that is said to be wrong."""
    answer = post(served, {name: value for name, value in ITEM.items() if name != field})
    problems = json.loads(answer.body).get("detail") or [{}]
    return answer.status, problems[0]


def one_launch(lab: Lab) -> tuple[dict[str, bool], set[str]]:
    """What was so, by the figures' names; and what was said of a missing field."""
    with lab.serve(APP, SETUP) as served:
        missing = {field: without(served, field) for field in ITEM}
        whole = post(served, ITEM)
        as_text, as_number = post(served, {**ITEM, "price": "150.0"}), post(served, {**ITEM, "name": 5})
    told = [problem for _, problem in missing.values()]
    return {
        "status 422": all(status == 422 for status, _ in missing.values()),
        "names the field": all(problem.get("loc") == ["body", field] for field, (_, problem) in missing.items()),
        "says “field required”": all(problem.get("msg") == "field required" for problem in told),
        "of type value_error.missing": all(problem.get("type") == "value_error.missing" for problem in told),
        "whole item accepted": whole.status == 200 and json.loads(whole.body) == {"item": {**ITEM, "is_offer": None}},
        "text becomes a number": as_text.status == 200 and json.loads(as_text.body)["item"]["price"] == 150.0,
        "number becomes a text": as_number.status == 200 and json.loads(as_number.body)["item"]["name"] == "5",
    }, {f"“{problem.get('msg')}”, of type {problem.get('type')}" for problem in told}


TEXTS = {
    "status 422": "without a name, and without a price",
    "names the field": "under loc, as [body, field]",
    "says “field required”": "under msg, letter by letter",
    "of type value_error.missing": "under type",
    "whole item accepted": "with is_offer as null",
    "text becomes a number": 'a price of "150.0"',
    "number becomes a text": "a name of 5",
}


def measure(lab: Lab) -> Measured:
    """Fresh launches, each asked for the same."""
    need(lab, ("fastapi",), SETUP)
    launches = [one_launch(lab) for _ in range(3 if lab.quick else 6)]
    shares = {name: lab.share(sum(so[name] for so, _ in launches), len(launches)) for name in TEXTS}
    figures = tuple(Figure(name, "share", shares[name], text) for name, text in TEXTS.items())
    said = sorted(set().union(*(words for _, words in launches)))
    chart = dots(
        "What is so of the answer, in how many launches",
        "The status and the place are as the article shows them; the words are this Pydantic's own.",
        "share of launches",
        shares,
    )
    return Measured(figures, chart, (f"Of a missing field is said today: {'; '.join(said)}.",))


CLAIM = Claim(
    id="validation",
    title="A missing field gives status 422 with “field required” and value_error.missing",
    source=f"{ARTICLE_B}, “Pydantic: data validation and serialization”",
    claimed="422, “field required”, value_error.missing",
    unit="share",
    readings=(
        Reading("the status is 422", "status 422", FACT),
        Reading("the answer names the field", "names the field", FACT),
        Reading("the message is “field required”", "says “field required”", FACT, before="Pydantic 1"),
        Reading("the type is value_error.missing", "of type value_error.missing", FACT, before="Pydantic 1"),
    ),
    measure=measure,
    why="FastAPI passes on what Pydantic says of a body, and Pydantic 2 gave its errors other words and types: "
    "“Field required”, missing.",
    quick_s=4,
    full_s=7,
)
