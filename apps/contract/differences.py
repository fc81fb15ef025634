"""What frameworks insist on, and is neither hidden nor counted against them."""

from typing import Final

from .model import Difference

_WORDING = (
    Difference(
        "newline after JSON",
        "Flask and Quart end a JSON body with a newline; the others do not",
        "their providers have no setting for it; one byte, and clients skip it",
    ),
    Difference(
        "charset parameter",
        "JSON, styles and events come with or without a charset, pages always with one",
        "where a charset is named it must be UTF-8, and without one that is what it means",
    ),
    Difference(
        "headers",
        "names are lower-case under ASGI, Server and Date come from the server, static files may have an ETag",
        "header names have no case, and what a server or a framework adds is part of what is measured",
    ),
    Difference(
        "unknown path, wrong method",
        "404 and 405 everywhere, but the sentence in the body is each framework's own",
        "nothing is measured on it",
    ),
    Difference(
        "methods that a 405 names",
        "FastAPI, Starlette and Litestar may name only one of a path's methods, Flask and Quart also HEAD and OPTIONS",
        "the routers hold one route for each method, or fill in what every route has",
    ),
    Difference(
        "words of a 422",
        "the places (`loc`) are the same; types and messages are FastAPI's, pydantic's or msgspec's, and a slip in "
        "JSON or a number beyond all bounds may be told of the body as a whole",
        "each framework's own parser of JSON; where the places are right, a client knows what to change",
    ),
    Difference(
        "a body that is not UTF-8",
        "FastAPI answers 400 with one sentence, the others 422 with a list",
        "FastAPI fails before it comes to JSON; nothing is measured on it",
    ),
)

_READING = (
    Difference(
        "bad query value",
        "FastAPI answers 422 with a list of errors, the others 400 with one sentence",
        "validation is FastAPI's own work, and 422 its documented answer",
    ),
    Difference(
        "spelling of numbers",
        "FastAPI takes what pydantic reads as an integer, such as +50 or 50.0, and Litestar 50.0 or 5e1; the others "
        "take digits only",
        "no exchange and no scenario sends such a spelling",
    ),
    Difference(
        "repeated parameter",
        "Flask and Quart take the first value, the others the last",
        "no exchange and no scenario repeats one",
    ),
    Difference(
        "id that is no number",
        "FastAPI answers 422; for the others no route matches, which is a 404",
        "FastAPI validates path parameters as it does queries",
    ),
    Difference(
        "path with a trailing slash",
        "FastAPI and Starlette redirect to the path without it, Litestar overlooks it, the others answer 404",
        "their routers' default; the load follows no redirect",
    ),
    Difference(
        "HEAD and OPTIONS",
        "Flask and Quart answer both, Starlette HEAD and Litestar OPTIONS; the others know neither",
        "each framework's default; no exchange and no scenario uses them",
    ),
    Difference(
        "empty binary message",
        "Quart cannot tell one from a text that is missing, and fails; the others send it back",
        "no exchange and no scenario sends one",
    ),
)

_WORKING = (
    Difference(
        "checking for changed templates",
        "Flask, Quart and Django look for a newer file only when debugging; plain Jinja2, and FastAPI, Starlette and "
        "Litestar with it, at every rendering",
        "the defaults that users of each run in production",
    ),
    Difference(
        "threads for blocking work",
        "FastAPI and Starlette have 40 threads by default, asyncio's own pool (Litestar, Quart, the bare ones) its CPU "
        "count plus 4, at most 32, Django one for each request",
        "each framework's advised way of keeping the event loop free",
    ),
    Difference(
        "validation of answers",
        "FastAPI validates what it sends against its response model; the others send what they are given",
        "what FastAPI is used for; its cost is part of what is measured",
    ),
    Difference(
        "background work",
        "under ASGI and RSGI it follows the last piece of the answer, in the same process's loop (Quart begins it "
        "beside the answer); under WSGI it is done by a pool of threads that is handed the work before the answer "
        "leaves",
        "WSGI has nothing that happens after an answer",
    ),
    Difference(
        "driver of the database",
        "under WSGI sqlite3 in the request's own thread, or psycopg; under ASGI and RSGI aiosqlite, which hands each "
        "statement to another thread, or asyncpg",
        "what users of each take; on SQLite it weighs more than many a framework does, and docs/fairness.md says so",
    ),
    Difference(
        "static files",
        "the bare applications send them from memory; the frameworks look at the file and send validators",
        "each framework's own way of serving files",
    ),
    Difference(
        "way to the database",
        "Django goes through its ORM, an order there being a transaction of several statements; the others send SQL "
        "through their driver, and PostgreSQL gets an order in one statement",
        "what users of each write; both let no order take what is not there",
    ),
    Difference(
        "waiting for SQLite's lock",
        "Django's writers sleep as SQLite tells them to, for up to 100 ms at a time; those of the others queue within "
        "their process, and between processes look again every millisecond",
        "Django has a setting for how long, not for how; PostgreSQL wakes who waits, whoever it is",
    ),
    Difference(
        "server-sent events",
        "FastAPI and Litestar make them with classes of their own, FastAPI with a ping for every 15 s without one; "
        "the others write the bytes",
        "the documented way of each; no exchange and no scenario is silent for so long",
    ),
    Difference(
        "client of the upstream",
        "requests for Flask and Django under WSGI, urllib3 for bare WSGI, httpx for the others; all keep connections",
        "the clients that users of each take",
    ),
)

TOLERATED_DIFFERENCES: Final = (*_WORDING, *_READING, *_WORKING)
"""What frameworks insist on, and is neither hidden nor counted against them."""
