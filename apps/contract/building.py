"""How exchanges are put together: a few kinds of request, each with what they have in common."""

from typing import Any, Final

from ..catalogue import Feature
from .matchers import compact
from .model import Exchange, Matcher, Normalisation

JSON: Final = "application/json"
JSON_BODY: Final = {"content-type": JSON}


def get(name: str, target: str, content: object, status: int = 200, **more: Any) -> Exchange:
    """A GET that is answered with this value as JSON, or with JSON that a matcher describes."""
    return _json(name, "GET", target, content, status, **more)


def post(name: str, target: str, request: object, content: object, status: int, **more: Any) -> Exchange:
    """JSON that is sent to the shop (as it stands where it is bytes), and the JSON that comes back."""
    sent = request if isinstance(request, bytes) else compact(request).encode()
    return _json(
        name,
        "POST",
        target,
        content,
        status,
        feature=Feature.SHOP,
        request_body=sent,
        request_headers=JSON_BODY,
        **more,
    )


def page(name: str, target: str, body: bytes, status: int = 200) -> Exchange:
    """A page of the shop."""
    headers = {"content-type": "text/html; charset=utf-8"}
    return Exchange(name, "GET", target, status, "text/html", body, feature=Feature.SHOP, headers=headers)


def upload(name: str, body: bytes, content: object) -> Exchange:
    """Bytes that are sent, and what is told of them."""
    return _json(
        name,
        "POST",
        "/upload",
        content,
        200,
        feature=Feature.UPLOAD,
        request_body=body,
        request_headers={"content-type": "application/octet-stream"},
    )


def stream(name: str, n: int, ms: int, **more: Any) -> Exchange:
    """So many events, each after waiting."""
    body = b"".join(b"data: %d\n\n" % i for i in range(n))
    target = f"/stream?n={n}&ms={ms}"
    return Exchange(name, "GET", target, 200, "text/event-stream", body, feature=Feature.STREAM, **more)


def _json(name: str, method: str, target: str, content: object, status: int, **more: Any) -> Exchange:
    more["normalisation"] = Normalisation.FINAL_NEWLINE
    if isinstance(content, Matcher):
        return Exchange(name, method, target, status, JSON, None, matches=content, **more)
    text = content if isinstance(content, str) else compact(content)
    return Exchange(name, method, target, status, JSON, text.encode(), **more)
