"""Claim: /docs is made from /openapi.json, and nobody has written HTML for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, ARTICLE_B, Claim, Lab
from .needing import need

if TYPE_CHECKING:
    from .serving import Answer, Served

APP, WITHOUT, SETUP = "items:app", "items:undocumented", "uvicorn"
ROUTES = ("/items/", "/items/{item_id}")
DESCRIPTION = "Something for sale."  # of a model, so of the schema: no page that was written by hand would have it
RENDERED = "opblock"  # what Swagger UI calls the block of a route


def is_page(answer: Answer) -> bool:
    """Whether it is HTML."""
    return answer.status == 200 and answer.headers.get("content-type", "").startswith("text/html")


def describes(answer: Answer) -> bool:
    """Whether it is an OpenAPI document of these routes, with their parameters and models."""
    if answer.status != 200:
        return False
    document = json.loads(answer.body)
    paths, models = document.get("paths", {}), document.get("components", {}).get("schemas", {})
    parameters = {each["name"] for each in paths.get(ROUTES[1], {}).get("get", {}).get("parameters", ())}
    return (
        set(paths) == set(ROUTES)
        and parameters == {"item_id", "q"}
        and models.get("Item", {}).get("description") == DESCRIPTION
        and set(models["Item"]["properties"]) == {"name", "price", "is_offer"}
    )


def refers(answer: Answer) -> bool:
    """Whether the page says where the document is, and has nothing of it itself."""
    html = answer.body.decode()
    return "/openapi.json" in html and not any(word in html for word in (*ROUTES, DESCRIPTION))


def documented(served: Served) -> dict[str, bool]:
    """What is so of an app with documentation."""
    document, docs, redoc = (served.ask(path) for path in ("/openapi.json", "/docs", "/redoc"))
    return {
        "/openapi.json describes the routes": describes(document),
        "/docs is a page": is_page(docs),
        "/docs refers to /openapi.json": refers(docs),
        "/redoc is a page": is_page(redoc),
        "/redoc refers to /openapi.json": refers(redoc),
    }


def undocumented(served: Served) -> dict[str, bool]:
    """What is so of the same app without /openapi.json."""
    gone = all(served.ask(path).status == 404 for path in ("/openapi.json", "/docs", "/redoc"))
    return {"no /docs without /openapi.json": gone}


def in_browser(lab: Lab, served: Served) -> tuple[dict[str, bool], str]:
    """What a browser shows, and a note where it could not show it."""
    html = lab.page(f"http://{served.host}:{served.port}/docs")
    if html is None:
        return {}, "There is no browser here that opened the page, so it was only fetched."
    if RENDERED not in html:
        return {}, (
            "In a browser the page stayed empty: its scripts, Swagger UI, come from a server in the internet, which "
            "cannot be reached from here. Without network, generated documentation shows nothing."
        )
    return {"a browser shows the routes": all(f'data-path="{route}"' in html for route in ROUTES)}, ""


TEXTS = {
    "/openapi.json describes the routes": "both, with their parameters and the model",
    "/docs is a page": "HTML, of which the app has none",
    "/docs refers to /openapi.json": "and holds no route itself",
    "/redoc is a page": "HTML as well",
    "/redoc refers to /openapi.json": "and holds no route itself",
    "no /docs without /openapi.json": "the same app, told to have no document",
    "a browser shows the routes": "drawn by Swagger UI from the document",
}


def measure(lab: Lab) -> Measured:
    """Fresh launches, with and without the document; in a browser as well where there is one."""
    need(lab, ("fastapi",), SETUP)
    seen: list[dict[str, bool]] = []
    notes: list[str] = []
    for _ in range(2 if lab.quick else 4):
        with lab.serve_all([(APP, SETUP), (WITHOUT, SETUP)]) as (served, bare):
            shown: dict[str, bool] = {}
            if not notes:
                shown, note = in_browser(lab, served)
                notes += [note] if note else []
            seen.append({**documented(served), **undocumented(bare), **shown})
    shares = {
        name: lab.share(sum(each.get(name, False) for each in seen), sum(name in each for each in seen))
        for name in TEXTS
        if any(name in each for each in seen)
    }
    chart = dots(
        "What is so of the documentation, in how many launches",
        "The page is a frame that is the same for every app; all that is particular comes from /openapi.json.",
        "share of launches",
        shares,
    )
    return Measured(
        tuple(Figure(name, "share", share, TEXTS[name]) for name, share in shares.items()), chart, tuple(notes)
    )


CLAIM = Claim(
    id="docs-generated",
    title="/docs is made from /openapi.json, and no HTML was written for it",
    source=f"{ARTICLE_A}, opening and 2.4; {ARTICLE_B}, “OpenAPI and Swagger documentation”",
    claimed="/docs and /redoc from /openapi.json, from the code",
    unit="share",
    readings=(
        Reading("/openapi.json follows from routes and types", "/openapi.json describes the routes", FACT),
        Reading("/docs is a page that nobody wrote", "/docs is a page", FACT),
        Reading("/docs reads /openapi.json", "/docs refers to /openapi.json", FACT),
        Reading("/redoc is another such page", "/redoc refers to /openapi.json", FACT),
    ),
    measure=measure,
    why="FastAPI makes /openapi.json from the routes' types, and answers /docs and /redoc with a few fixed lines of "
    "HTML that load a script from elsewhere, which reads that document in the browser.",
    quick_s=5,
    full_s=7,
)
