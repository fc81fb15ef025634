"""Claim: FastAPI is Starlette, Pydantic, and generated docs. So what does each layer cost?"""

from __future__ import annotations

import time
from itertools import pairwise

from ...results.claims import FACT, Claimed, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, Claim, Lab, Side
from .serving import Asked

SETUP = "uvicorn"
BARE, STARLETTE, FASTAPI, MODEL = (
    (f"item_{name}:app", SETUP) for name in ("asgi", "starlette", "fastapi", "fastapi_model")
)
NAMES = {
    BARE: "bare ASGI",
    STARLETTE: "Starlette",
    FASTAPI: "FastAPI, no response model",
    MODEL: "FastAPI, response model",
}
ITEM = {"id": 1, "name": "mechanical keyboard", "price": 299.0, "description": "RGB", "stock": 50}
TEXT = '"name":"mechanical keyboard"'
PATH = "/items/1"


def pydantic_alone(count: int) -> dict[str, float]:
    """What Pydantic does for a request of this app: check a number from the path, check the answer, write it."""
    from pydantic import TypeAdapter, create_model

    fields = {"id": int, "name": str, "price": float, "description": str | None, "stock": int}
    model = create_model("Item", **{name: (kind, ...) for name, kind in fields.items()})  # type: ignore[call-overload]
    number, answer = TypeAdapter(int), TypeAdapter(model)
    began = time.perf_counter()
    for _ in range(count):
        number.validate_python("1")
        text = answer.dump_json(answer.validate_python(ITEM))
    took_s = time.perf_counter() - began
    assert TEXT.encode() in text
    return {"us": took_s / count * 1e6}


def is_starlette() -> dict[str, bool]:
    """Whether FastAPI's application, request and response are Starlette's own classes."""
    import fastapi
    import fastapi.responses
    import starlette.applications
    import starlette.requests
    import starlette.responses

    own = (
        issubclass(fastapi.FastAPI, starlette.applications.Starlette),
        fastapi.Request is starlette.requests.Request,
        fastapi.responses.Response is starlette.responses.Response,
    )
    return {"own": all(own)}


def measure(lab: Lab) -> Measured:
    """The same route, a layer more each time, and what Pydantic does in it alone."""
    times = 3 if lab.quick else 8
    alone = lab.alternate([Side("pydantic", pydantic_alone, {"count": 5000}), Side("classes", is_starlette)], times)
    launches, seconds = (2, 0.4) if lab.quick else (6, 0.8)
    seen = lab.rotate(list(NAMES), [Asked(PATH, TEXT)], [8], launches, seconds)
    costs = {target: seen.values(target, "CPU µs") for target in NAMES}
    pydantic = lab.mean(alone.values("pydantic", "us"))
    figures = [
        Figure(f"{name}, whole request", "µs", lab.mean(list(costs[target].values())), "CPU of uvicorn with the app")
        for target, name in NAMES.items()
        if costs[target]
    ]
    for below, above in pairwise(NAMES):
        more = [costs[above][launch] - cost for launch, cost in costs[below].items() if launch in costs[above]]
        if more:
            figures.append(Figure(f"{NAMES[above]} beyond {NAMES[below]}", "µs", lab.mean(more), "CPU, what it adds"))
    figures.append(Figure("Pydantic alone", "µs", pydantic, "the checks and the writing of this route"))
    whole, parts = [], []
    for launch, cost in costs[MODEL].items():
        if launch in costs[STARLETTE]:
            whole.append(cost)
            parts.append(costs[STARLETTE][launch] + pydantic.value)
    if whole:
        text = "CPU of a whole request, FastAPI with a response model over Starlette and Pydantic alone"
        figures.append(Figure("FastAPI / its parts", "times", lab.ratio(whole, parts), text))
    own = alone.values("classes", "own")
    figures.append(Figure("FastAPI's classes are Starlette's", "share", lab.share(int(sum(own)), len(own))))
    chart = dots(
        "CPU time of a request, layer upon layer",
        "Each layer adds its part; the server is in all of them.",
        "µs of CPU for each request",
        {each.name.removesuffix(", whole request"): each.estimate for each in figures if "whole request" in each.name},
    )
    return Measured(tuple(figures), chart, tuple(seen.notes))


CLAIM = Claim(
    id="framework-cost",
    title="FastAPI is Starlette, Pydantic, and generated docs",
    source=f"{ARTICLE_A}, 2.1, and B",
    claimed="FastAPI = Starlette + Pydantic + docs",
    unit="µs",
    readings=(
        Reading("it is Starlette: its application, request and response", "FastAPI's classes are Starlette's", FACT),
        Reading("it costs what Starlette and Pydantic cost, and nothing else", "FastAPI / its parts", Claimed(1, 1)),
    ),
    measure=measure,
    why="FastAPI is a subclass of Starlette; what it adds to a request is less Pydantic's work, which is compiled, "
    "than the Python that solves dependencies, collects parameters, and prepares the answer.",
    quick_s=13,
    full_s=49,
)
