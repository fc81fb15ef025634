"""Claim: the framework does not know the server, so the same app runs on any."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, ARTICLE_B, Claim, Lab

if TYPE_CHECKING:
    from ...results.estimate import Estimate
    from .proving import Proof, ServerKind, There

SAME_QUICK = ("uvicorn-", "hypercorn-asyncio", "uwsgi-threads")  # servers that are there in another way


def all_pairs(there: There) -> list[tuple[str, str]]:
    """Every app with every kind of server."""
    return [(app, kind.name) for kind in there.kinds for app in there.apps]


def some_pairs(there: There, seed: int) -> list[tuple[str, str]]:
    """A sample: each server once and each app as often as comes out even, drawn by the seed."""
    apps = list(there.apps)
    kinds = [kind.name for kind in there.kinds if kind.loop == "asyncio" and not kind.name.startswith(SAME_QUICK)]
    draw = random.Random(seed)
    draw.shuffle(apps)
    draw.shuffle(kinds)
    count = max(len(apps), len(kinds)) if apps and kinds else 0
    return [(apps[at % len(apps)], kinds[at % len(kinds)]) for at in range(count)]


def pairs_of(there: There, lab: Lab) -> list[tuple[str, str]]:
    """The pairs to be proved."""
    return some_pairs(there, lab.seed) if lab.quick else all_pairs(there)


def usual(proofs: Sequence[Proof], kinds: Sequence[ServerKind]) -> list[Proof]:
    """Those on asyncio, the event loop that the apps were written for."""
    other = {kind.name for kind in kinds if kind.loop != "asyncio"}
    return [proof for proof in proofs if proof.kind not in other]


def runs(proof: Proof) -> bool:
    """Whether the app gave every answer that it was asked for there."""
    return not proof.wrong


def runs_whole(proof: Proof) -> bool:
    """Whether it did, and nothing had to be left out that it can do on other servers."""
    return not proof.wrong and not proof.left_out


def share(lab: Lab, so: Sequence[bool]) -> Estimate:
    """How often it was so."""
    return lab.share(sum(so), len(so))


def exceptions(proofs: Sequence[Proof]) -> list[str]:
    """What was not as the claim has it, as sentences: each reason once, with the pairs that it is about."""
    reasons: dict[str, list[str]] = {}
    for proof in proofs:
        for reason in [proof.wrong] if proof.wrong else proof.left_out:
            reasons.setdefault(reason, []).append(f"{proof.app} on {proof.kind}")
    return [f"{', '.join(pairs)}: {reason.rstrip('.')}." for reason, pairs in reasons.items()]


def measure(lab: Lab) -> Measured:
    """Every app on every server of its interface; when it has to be quick, a sample of the pairs."""
    asgi, wsgi = lab.there("asgi"), lab.there("wsgi")
    asgi_pairs, wsgi_pairs = pairs_of(asgi, lab), pairs_of(wsgi, lab)
    proofs = lab.prove([*asgi_pairs, *wsgi_pairs])
    of_asgi, of_wsgi = proofs[: len(asgi_pairs)], proofs[len(asgi_pairs) :]
    on_asyncio = usual(of_asgi, asgi.kinds)
    on_trio = [proof for proof in of_asgi if proof not in on_asyncio]
    facts = {
        "ASGI: every answer over HTTP and WebSocket": [runs_whole(proof) for proof in on_asyncio],
        "ASGI: runs, as far as the pair goes": [runs(proof) for proof in on_asyncio],
        "WSGI: every answer over HTTP": [runs_whole(proof) for proof in of_wsgi],
        "ASGI on trio: every answer": [runs_whole(proof) for proof in on_trio],
        "ASGI on trio: runs, as far as the pair goes": [runs(proof) for proof in on_trio],
    }
    figures = [
        Figure(name, "share", share(lab, so), f"{sum(so)} of {len(so)} pairs of an app and a server")
        for name, so in facts.items()
        if so
    ]
    rows = {
        kind: share(lab, [runs_whole(proof) for proof in proofs if proof.kind == kind])
        for kind in dict.fromkeys(proof.kind for proof in proofs)
    }
    chart = dots(
        "Of the suite's apps, how many give every answer on a server",
        "What is exchanged as requests and answers does not depend on the server; what hangs on the event loop, or on "
        "the corners of the protocol, may.",
        "share of apps",
        rows,
    )
    sample = f"A sample of {len(proofs)} pairs, in which each server and each app occurs; the full run takes all."
    trio = "On trio an app runs only if it leaves asyncio alone: what it awaits belongs to an event loop."
    notes = [
        *([sample] if lab.quick else []),
        *exceptions([*on_asyncio, *of_wsgi]),
        *([trio] if on_trio else []),
        *asgi.missing,
        *wsgi.missing,
    ]
    return Measured(tuple(figures), chart, tuple(notes))


CLAIM = Claim(
    id="decoupled",
    title="The framework does not know the server: the same app runs on any server of its protocol",
    source=f"{ARTICLE_A}, 1; {ARTICLE_B}, “Hello World”",
    claimed="any app on any server",
    unit="share",
    readings=(
        Reading(
            "every ASGI app gives every answer on every ASGI server", "ASGI: every answer over HTTP and WebSocket", FACT
        ),
        Reading(
            "every ASGI app runs on every ASGI server, with what both have", "ASGI: runs, as far as the pair goes", FACT
        ),
        Reading("every WSGI app gives every answer on every WSGI server", "WSGI: every answer over HTTP", FACT),
    ),
    measure=measure,
    why="App and server meet in one callable whose arguments a specification lays down, so neither has to import the "
    "other; what the specification leaves open (the event loop, the scheme of a WebSocket, lifespan) is where pairs "
    "differ.",
    quick_s=11,
    full_s=61,
)
